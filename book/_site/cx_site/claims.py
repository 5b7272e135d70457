"""The claims register: one table of the articles' claims, joined with what the chapters found.

A chapter answers its rows in code cells tagged `claims`, whose only output is a Markdown table. What is
shown here is that stored output, and strict nbval recomputes it. In the text of a page a line
`% cx: claims register` becomes the register, and `% cx: claims count` the sentence that counts it.
"""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from cx_site.boxes import details, summary
from cx_site.front import in_markdown

COLUMNS = ("id", "the claim", "claimed", "null", "what was found", "section", "source")
VERDICTS = ("holds", "fails", "not settled", "not measurable", "definition", "not tried")
UNWRITTEN = "chapter not yet written"
PAGE = "book/claims-register"
ARTICLES = {
    "S0": "Micro-interactions versus the end-to-end experience",
    "S1": "From lifecycle to micro-moments",
    "S2": "Experience and loyalty start and end with the product",
    "S3": "Micro customer experiences as advantage",
    "S4": "Consumer experience is key",
}

_MARK = re.compile(r"^% cx: claims (\w+)$", re.MULTILINE)
_PIPE = re.compile(r"(?<!\\)\|")
_ID = re.compile(r"S\d-\d{3}")
_KEY = re.compile(r"[A-Za-z][\w-]*\d{4}\w*|[A-Z]\w+")


@dataclass(frozen=True)
class Answer:
    """What a chapter found about one claim, as its table says it."""

    claim: str
    wording: str
    claimed: str
    null: str
    found: str
    section: str
    source: str
    chapter: str


def split_row(line: str) -> list[str]:
    """Cut a row of a Markdown table into its cells."""
    return [cell.strip() for cell in _PIPE.split(line.strip().strip("|"))]


def tables(notebook: dict[str, Any]) -> Iterator[list[list[str]]]:
    """Yield the tables of a notebook's cells tagged `claims`, each as its rows with the header first."""
    for cell in notebook["cells"]:
        if "claims" in cell.get("metadata", {}).get("tags", []):
            for output in cell.get("outputs", []):
                text = "".join(output.get("data", {}).get("text/markdown", ""))
                lines = [line for line in text.splitlines() if line.lstrip().startswith("|")]
                yield [split_row(line) for place, line in enumerate(lines) if place != 1]


def answers(notebook: dict[str, Any], chapter: str) -> Iterator[Answer]:
    """Yield what a chapter's stored cells say of its claims."""
    for header, *rows in filter(None, tables(notebook)):
        if tuple(header) != COLUMNS:
            raise ValueError(f"{chapter}: a claims table begins with {header}, not with {list(COLUMNS)}")
        for row in rows:
            if len(row) != len(COLUMNS):
                raise ValueError(f"{chapter}: a claims row has {len(row)} cells: {row}")
            claim, wording, claimed, null, found, section, source = row
            yield Answer(claim, wording, claimed, null, found, section, source, chapter)


def title_of(notebook: dict[str, Any]) -> str:
    """Return the page's own title."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            found = re.search(r"^# (.+)$", "".join(cell["source"]), re.MULTILINE)
            if found:
                return found.group(1).strip()
    return ""


def claims(folder: Path) -> list[dict[str, str]]:
    """Return the rows of `claims.csv`."""
    with (folder / "claims.csv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def written(folder: Path, listed: set[str] | None = None) -> dict[str, tuple[str, str, dict[str, Answer]]]:
    """Return each chapter that has answered: its page, its title, its answers by claim."""
    chapters = {}
    for path in sorted(folder.rglob("*.ipynb")):
        page = f"{folder.name}/{path.relative_to(folder).with_suffix('').as_posix()}"
        if "_site" in path.parts or (listed is not None and page not in listed):
            continue
        notebook = json.loads(path.read_text(encoding="utf-8"))
        found = {answer.claim: answer for answer in answers(notebook, path.stem)}
        if found:
            chapters[path.stem] = (page, title_of(notebook), found)
    return chapters


def cite(source: str) -> str:
    """Turn keys of the bibliography into citations; a dash stays one."""
    if "{cite" in source:
        return source
    keys = [part.strip() for part in re.split(r"[;,]", source)]
    return "; ".join(f"{{cite:t}}`{key}`" if _KEY.fullmatch(key) else key for key in keys)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def register(folder: Path, listed: set[str] | None = None) -> str:
    """Return the register as a Markdown table."""
    chapters = written(folder, listed)
    lines = [
        _row(["id", "the claim", "claimed", "null", "what was found", "where", "source"]),
        "|---" * 7 + "|",
    ]
    for claim in claims(folder):
        page, title, found = chapters.get(claim["chapter"], ("", claim["title"], {}))
        answer = found.get(claim["id"])
        text = claim["claim"].replace("|", "\\|")
        if answer is None:
            cells = ["–", "–", UNWRITTEN, title, "–"]
        else:
            place = f"[{title}]({page.partition('/')[2]}.ipynb): {answer.section}"
            cells = [answer.claimed, answer.null, answer.found, place, cite(answer.source)]
        lines.append(_row([claim["id"], text, *cells]))
    return "\n".join(lines)


def count_sentence(folder: Path, listed: set[str] | None = None) -> str:
    """Return the sentence of the front page that counts what is answered."""
    rows = claims(folder)
    chapters = written(folder, listed)
    done = sum(row["id"] in chapters.get(row["chapter"], ("", "", {}))[2] for row in rows)
    return (
        f"The five articles behind this book hold {len(rows)} claims, names and questions; "
        f"{done} are answered so far, each with what was found"
    )


def _options(values: dict[str, str]) -> str:
    return "".join(f'<option value="{escape(name)}">{escape(text)}</option>' for name, text in values.items())


def filter_form(folder: Path, listed: set[str] | None = None) -> str:
    """Return the form by which the register is searched; the page's script shows it."""
    chapters = written(folder, listed)
    titles: dict[str, str] = {}
    for row in claims(folder):
        title = chapters.get(row["chapter"], ("", row["title"], {}))[1]
        titles.setdefault(title, title if row["chapter"] in chapters else f"{title} (not yet)")
    every = {"": "all"}
    verdicts = {"answered": "all that are answered"} | every | {name: name for name in (*VERDICTS, UNWRITTEN)}
    articles = every | {name: f"{name}: {title}" for name, title in ARTICLES.items()}
    selects = (
        ("article", "Article", articles),
        ("verdict", "Verdict", verdicts),
        ("chapter", "Chapter", every | titles),
    )
    controls = "".join(
        f'<label>{label} <select name="{name}">{_options(values)}</select></label>'
        for name, label, values in selects
    )
    return (
        '<form class="cx-filter cx-js" aria-label="Search the register">'
        '<label>Words <input type="search" name="words" autocomplete="off" spellcheck="false"></label>'
        f'{controls}<button type="button">Show all</button><output aria-live="polite"></output></form>'
    )


def _listed(app: Sphinx) -> set[str]:
    # Whoever is found by now is in the table of contents: a chapter that is not has not been written.
    return set(app.env.found_docs)


def _source(app: Sphinx, docname: str, content: list[str]) -> None:
    folder = Path(app.srcdir) / "book"
    text = content[0]
    if '"claims"' in text and app.env.doc2path(docname).endswith(".ipynb"):
        content[0] = _cited(text)
    elif "% cx: claims" in text and (folder / "claims.csv").exists():
        listed = _listed(app)
        made = {
            "register": lambda: register(folder, listed),
            "count": lambda: f"{count_sentence(folder, listed)}: the [claims register](claims-register.md).",
            "tally": lambda: f"{count_sentence(folder, listed)}.",
            "filter": lambda: f"```{{raw}} html\n{filter_form(folder, listed)}\n```",
        }
        content[0] = in_markdown(text, lambda part: _MARK.sub(lambda mark: made[mark.group(1)](), part))


def _cited(text: str) -> str:
    """Turn the keys of a chapter's claims tables into citations."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if "claims" not in cell.get("metadata", {}).get("tags", []):
            continue
        for output in cell.get("outputs", []):
            if "text/markdown" in output.get("data", {}):
                lines = "".join(output["data"]["text/markdown"]).splitlines()
                output["data"]["text/markdown"] = "\n".join(map(_cited_row, lines))
    return json.dumps(notebook)


def _cited_row(line: str) -> str:
    cells = split_row(line)
    is_answer = len(cells) == len(COLUMNS) and _ID.fullmatch(cells[0])
    return _row([*cells[:-1], cite(cells[-1])]) if is_answer else line


def _mark_rows(app: Sphinx, docname: str, table: nodes.table) -> None:
    """Give the rows of the register their anchors, and those of a chapter links to them."""
    table["classes"].append("cx-claims")
    for row in table.findall(nodes.row):
        first = row[0]
        name = first.astext().strip()
        if not _ID.fullmatch(name):
            continue
        if docname == PAGE:
            row["ids"] = [name.lower()]
            if UNWRITTEN in row[4].astext():
                row["classes"].append("cx-unwritten")
        elif PAGE in app.env.found_docs:
            address = f"{app.builder.get_relative_uri(docname, PAGE)}#{name.lower()}"
            first[:] = [nodes.paragraph("", "", nodes.reference("", name, refuri=address, internal=True))]


def _is_claims(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and "tag_claims" in node["classes"]


def _fold(doctree: nodes.document) -> None:
    """Put a chapter's claims, one by one, behind one line."""
    for cell in list(doctree.findall(_is_claims)):
        if cell.parent is None or isinstance(cell.parent, details):
            continue
        parent, place = cell.parent, cell.parent.index(cell)
        cells = [cell]
        while place + len(cells) < len(parent) and _is_claims(parent[place + len(cells)]):
            cells.append(parent[place + len(cells)])
        names = [name for part in cells for name in _names(part)]
        if names:
            line = f"The claims of this chapter, one by one ({len(names)})"
            for part in cells:
                parent.remove(part)
            parent.insert(place, details("", summary("", "", nodes.Text(line)), *cells, classes=["cx-fold"]))


def _names(cell: nodes.Element) -> list[str]:
    firsts = (row[0].astext().strip() for row in cell.findall(nodes.row))
    return [name for name in firsts if _ID.fullmatch(name)]


def _resolve(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    if docname == PAGE:
        for table in doctree.findall(nodes.table):
            _mark_rows(app, docname, table)
    else:
        for cell in doctree.findall(_is_claims):
            for table in cell.findall(nodes.table):
                _mark_rows(app, docname, table)
        _fold(doctree)


def _always(app: Sphinx, env: BuildEnvironment, *_: object) -> list[str]:
    # What these pages show stands in other files, so they are read at every build.
    return [name for name in (PAGE, app.config.root_doc) if name in env.found_docs]


def setup(app: Sphinx) -> None:
    """Register the moments at which the register is made and put in place."""
    app.connect("source-read", _source)
    app.connect("env-get-outdated", _always)
    app.connect("doctree-resolved", _resolve, priority=850)
