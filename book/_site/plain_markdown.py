"""Turn the book's Markdown (MyST) into the plain Markdown that JupyterLab shows well."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"^[ ]{0,3}(`{3,}|~{3,}|:{3,})[ ]*(?:\{([\w:+.-]+)\}[ ]*(.*)|(.*))$")
_OPTION = re.compile(r"^:([\w-]+):[ ]*(.*)$")
_ROLE = re.compile(r"\{([\w:+-]+)\}`([^`]+)`")
_TARGETED = re.compile(r"^(.*?)\s*<([^<>]+)>$", re.S)
_LABEL = re.compile(r"^\(([\w:.-]+)\)=[ ]*$")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_CODE = {"code", "code-block", "code-cell", "sourcecode", "literalinclude"}
_SILENT = {
    "bibliography",
    "toctree",
    "tableofcontents",
    "contents",
    "solution",
    "solution-start",
    "solution-end",
}
_QUOTED = {
    "admonition",
    "note",
    "tip",
    "warning",
    "important",
    "caution",
    "attention",
    "danger",
    "error",
    "hint",
}


@dataclass(frozen=True)
class Places:
    """What the book's labels, pages and citations are called."""

    labels: dict[str, str] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    citations: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Block:
    """A piece of a text: a directive by its name, or lines as they stand (no name)."""

    lines: list[str]
    name: str = ""
    argument: str = ""
    options: dict[str, str] = field(default_factory=dict)


def _closing(lines: list[str], start: int, fence: str) -> int | None:
    for place in range(start, len(lines)):
        stripped = lines[place].strip()
        if len(stripped) >= len(fence) and set(stripped) == {fence[0]}:
            return place
    return None


def _options(body: list[str]) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    rest = list(body)
    while rest and (match := _OPTION.match(rest[0])):
        options[match[1]] = match[2].strip()
        rest.pop(0)
    while rest and not rest[0].strip():
        rest.pop(0)
    return options, rest


def blocks(text: str) -> Iterator[Block]:
    """Cut a text into directives, fenced code, and the lines between."""
    lines, plain, place = text.split("\n"), [], 0
    while place < len(lines):
        opening = _FENCE.match(lines[place])
        end = _closing(lines, place + 1, opening[1]) if opening else None
        if opening is None or end is None:
            plain.append(lines[place])
            place += 1
            continue
        if plain:
            yield Block(plain)
            plain = []
        if opening[2]:
            options, body = _options(lines[place + 1 : end])
            yield Block(body, opening[2], opening[3].strip(), options)
        else:
            yield Block(lines[place : end + 1], "verbatim")
        place = end + 1
    if plain:
        yield Block(plain)


def _quote(title: str, body: str) -> str:
    lines = [f"**{title}**", "", *body.strip().split("\n")] if title else body.strip().split("\n")
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _exercise(title: str) -> str:
    return f"Exercise: {title}" if title else "Exercise"


def _details(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body.strip()}\n\n</details>"


@dataclass(frozen=True)
class Converter:
    """Converts the texts of one page.

    Parameters
    ----------
    page : str
        The page's path from the root without its ending, such as `book/start/start-here`.
    places : Places
        What can be referred to.
    """

    page: str
    places: Places

    def text(self, source: str) -> str:
        """Return a text in plain Markdown."""
        parts = [self._block(block).strip("\n") for block in blocks(source)]
        joined = "\n\n".join(part for part in parts if part.strip())
        return re.sub(r"\n{3,}", "\n\n", joined)

    def _block(self, block: Block) -> str:
        if block.name == "verbatim":
            return "\n".join(block.lines)
        if not block.name:
            return self._lines(block.lines)
        title, body = self._inline(block.argument), "\n".join(block.lines)
        if block.name in _SILENT:
            return ""
        if block.name in _CODE:
            return f"```{block.argument}\n{body}\n```"
        if block.name == "math":
            return f"$$\n{body}\n$$"
        if block.name == "exercise":
            return (
                f"### Exercise: {title}\n\n{self.text(body)}"
                if title
                else f"### Exercise\n\n{self.text(body)}"
            )
        if block.name == "dropdown" or "dropdown" in block.options.get("class", "").split():
            return _details(title or block.name.capitalize(), self.text(body))
        if block.name in _QUOTED:
            # Only an admonition has its title behind its name; there it may be the first line of others.
            own = block.name == "admonition"
            inner = self.text(body) if own or not title else f"{title}\n\n{self.text(body)}"
            return _quote(title if own else block.name.capitalize(), inner)
        return self._rare(block, title, body)

    def _rare(self, block: Block, title: str, body: str) -> str:
        if block.name in {"figure", "image"}:
            picture = f"![{block.options.get('alt', '')}]({block.argument})"
            return f"{picture}\n\n{self.text(body)}"
        if block.name == "glossary":
            return re.sub(r"^(\S.*)$", r"**\1**", self.text(body), flags=re.M)
        heading = f"**{title}**\n\n" if title and not title.isdigit() else ""
        return f"{heading}{self.text(body)}"

    def _lines(self, lines: list[str]) -> str:
        kept = [line for line in lines if not _LABEL.match(line) and not line.startswith("% ")]
        text = re.sub(r"^(#+ .*?)\s*\{#[\w-]+\}\s*$", r"\1", "\n".join(kept), flags=re.M)
        return self._inline(text)

    def _inline(self, text: str) -> str:
        return _LINK.sub(self._link, _ROLE.sub(self._role, text))

    def _role(self, match: re.Match[str]) -> str:
        role, content = match[1], match[2]
        targeted = _TARGETED.match(content)
        words, target = (targeted[1], targeted[2]) if targeted else ("", content)
        if role.startswith("cite"):
            return self._cite(role, content)
        if role == "math":
            return f"${content}$"
        if role == "doc":
            return self._page_link(words, target)
        if role in {"ref", "numref", "eq", "prf:ref"}:
            name = self.places.labels.get(target, target.replace("-", " "))
            return words.replace("%s", "").replace("{name}", name).strip() or name
        if role in {"sub", "sup", "kbd"}:
            return f"<{role}>{content}</{role}>"
        if role in {"func", "class", "meth", "mod", "attr", "code"}:
            return f"`{words or content}`"
        return words or content

    def _cite(self, role: str, content: str) -> str:
        known = [self.places.citations.get(key.strip(), (key.strip(), "")) for key in content.split(",")]
        if role in {"cite:t", "cite:ts"}:
            return ", ".join(f"{authors} ({year})" if year else authors for authors, year in known)
        return "(" + "; ".join(f"{authors}, {year}" if year else authors for authors, year in known) + ")"

    def _page_link(self, words: str, target: str) -> str:
        page = posixpath.normpath(posixpath.join(posixpath.dirname(self.page), target))
        title = words or self.places.pages.get(page, target)
        return f"[{title}]({target}.ipynb)" if page in self.places.pages else title

    def _link(self, match: re.Match[str]) -> str:
        mark, words, target = match.groups()
        if target.startswith("#"):
            heading = self.places.labels.get(target[1:])
            return f"{mark}[{words}](#{heading.replace(' ', '-')})" if heading else words
        # JupyterLab shows no file above the workbooks' folder.
        return match[0] if mark or re.match(r"[a-z]+:", target) or self._is_chapter(target) else words

    def _is_chapter(self, target: str) -> bool:
        path = target.partition("#")[0]
        page = posixpath.normpath(posixpath.join(posixpath.dirname(self.page), path))
        return page.endswith(".ipynb") and page.removesuffix(".ipynb") in self.places.pages


def labels(text: str) -> dict[str, str]:
    """Return what a text's labels stand for: the heading or the exercise they mark."""
    found = {}
    for match in re.finditer(r"^\(([\w:.-]+)\)=[ ]*\n+#+ (.*)$", text, re.M):
        found[match[1]] = match[2].strip()
    for block in blocks(text):
        if block.name == "exercise" and "label" in block.options:
            found[block.options["label"]] = _exercise(block.argument)
    return found


def title(text: str) -> str:
    """Return a text's first heading."""
    match = re.search(r"^# (.*)$", text, re.M)
    return match[1].strip() if match else ""


def citations(path: Path) -> dict[str, tuple[str, str]]:
    """Return authors and year of each entry of a BibTeX file."""
    if not path.exists():
        return {}
    found = {}
    for entry in re.split(r"^@", path.read_text("utf-8"), flags=re.M)[1:]:
        key = re.match(r"\w+\s*\{\s*([^,\s]+)", entry)
        if key:
            found[key[1]] = (
                _authors(_value(entry, "author") or _value(entry, "editor")),
                _value(entry, "year"),
            )
    return found


def _value(entry: str, name: str) -> str:
    match = re.search(rf"\b{name}\s*=\s*(\{{(?:[^{{}}]|\{{[^{{}}]*\}})*\}}|\"[^\"]*\"|\d+)", entry, re.I)
    return re.sub(r"[{}\"]", "", match[1]).strip() if match else ""


def _authors(names: str) -> str:
    last = [
        name.split(",")[0].strip() if "," in name else name.split()[-1]
        for name in names.split(" and ")
        if name
    ]
    if len(last) > 2:
        return f"{last[0]} et al."
    return " and ".join(last)
