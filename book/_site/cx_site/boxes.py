"""What a page's parts become: folded code, drop-downs without a script, tables that scroll in themselves."""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.writers.html5 import HTML5Translator


class details(nodes.General, nodes.Element):  # type: ignore[misc]  # noqa: N801
    """A native drop-down: works by keyboard, and without JavaScript."""


class summary(nodes.General, nodes.TextElement):  # type: ignore[misc]  # noqa: N801
    """The line of a drop-down that is always seen."""


class scroller(nodes.General, nodes.Element):  # type: ignore[misc]  # noqa: N801
    """A frame within which something wide scrolls, so that the page never does."""


_TAGS: dict[type[nodes.Element], tuple[str, dict[str, str]]] = {
    details: ("details", {}),
    summary: ("summary", {}),
    scroller: ("div", {"tabindex": "0", "role": "group", "CLASS": "cx-scroll"}),
}


def _visit(self: HTML5Translator, node: nodes.Element) -> None:
    tag, attributes = _TAGS[type(node)]
    extra = {"aria-label": node["label"]} if "label" in node else {}
    self.body.append(self.starttag(node, tag, "", **attributes, **extra))


def _depart(self: HTML5Translator, node: nodes.Element) -> None:
    self.body.append(f"</{_TAGS[type(node)][0]}>\n")


def _fold(node: nodes.Element, line: list[nodes.Node], body: list[nodes.Node], classes: list[str]) -> None:
    folded = details("", summary("", "", *line), *body, classes=classes)
    folded["ids"] = list(node.get("ids", []))
    node.replace_self(folded)


def fold_code(doctree: nodes.document) -> None:
    """Put the code of every cell behind one line, but where it is what the page shows."""
    for cell in list(doctree.findall(nodes.container)):
        if "tag_show-input" in cell.parent.get("classes", []):
            continue
        if "cell_input" in cell["classes"] and not isinstance(cell.parent, details):
            inner = cell.deepcopy()
            inner["ids"] = []
            _fold(cell, [nodes.Text("Show the code")], [inner], ["cx-code"])


def _unlinked(title: nodes.Element) -> list[nodes.Node]:
    # A link within the line that opens the box would be a control within a control.
    for link in list(title.findall(nodes.reference)):
        link.replace_self(nodes.inline("", "", *link.children))
    return list(title.children)


def fold_dropdowns(doctree: nodes.document) -> None:
    """Make boxes of class `dropdown` (solutions, asides) native drop-downs."""
    for box in list(doctree.findall(nodes.Admonition)):
        if not isinstance(box, nodes.Element) or "dropdown" not in box.get("classes", []):
            continue
        has_title = len(box) and isinstance(box[0], nodes.title)
        line = _unlinked(box[0]) if has_title else [nodes.Text("More")]
        classes = [name for name in box["classes"] if name != "dropdown"]
        _fold(box, line, list(box.children[1 if has_title else 0 :]), ["cx-fold", *classes])


_NUMBER = re.compile(r"[\s\d.,:%+\-−–—()e]*|nan|NaN|None|NaT|&lt;NA&gt;|-?inf")


def _rows(html: str, cell: str) -> list[list[str]]:
    found = re.findall(r"<tr.*?</tr>", html, re.S)
    return [re.findall(rf"<{cell}\b[^>]*>(.*?)</{cell}>", row, re.S) for row in found]


def _mark_words(table: str) -> str:
    """Mark the columns that hold words, which line up on the left; numbers do on the right."""
    head, _, body = table.partition("</thead>")
    rows = [row for row in _rows(body, "td") if row]
    width = len(rows[0]) if rows else 0
    if not width or any(len(row) != width for row in rows) or len(_rows(head, "th")) != 1:
        return table
    is_words = [not all(_NUMBER.fullmatch(row[place]) for row in rows) for place in range(width)]
    shift = len(re.findall(r"<t[hd]\b", head)) - width

    def mark(row: re.Match[str], offset: int, cell: str) -> str:
        place = iter(range(-offset, width))
        return re.sub(
            rf"<{cell}\b",
            lambda m: f'{m[0]} class="cx-text"' if (at := next(place, -1)) >= 0 and is_words[at] else m[0],
            row[0],
        )

    body = re.sub(r"<tr.*?</tr>", lambda row: mark(row, 0, "td"), body, flags=re.S)
    head = re.sub(r"<tr.*?</tr>", lambda row: mark(row, shift, "t[hd]"), head, flags=re.S)
    return f"{head}</thead>{body}"


def _frame(table: str) -> str:
    return f'<div class="cx-scroll" tabindex="0" role="group" aria-label="Table">{_mark_words(table)}</div>'


def _table_html(html: str) -> str:
    # An empty corner is not a heading; what stands in the first row or column of one is.
    html = re.sub(r"<th>\s*</th>", "<td></td>", html)
    html = re.sub(r"<thead>.*?</thead>", lambda m: m[0].replace("<th>", '<th scope="col">'), html, flags=re.S)
    html = html.replace("<th>", '<th scope="row">')
    html = re.sub(r'<table border="\d+"', "<table", html)
    return re.sub(r"<table\b.*?</table>", lambda m: _frame(m[0]), html, flags=re.S)


def mend_tables(doctree: nodes.document) -> None:
    """Let every table scroll within itself, with headings a screen reader can use."""
    for raw in doctree.findall(nodes.raw):
        text = raw.astext()
        if raw.get("format") == "html" and "<table" in text and "cx-scroll" not in text:
            raw.children[:] = [nodes.Text(_table_html(text))]
    for table in list(doctree.findall(nodes.table)):
        if not isinstance(table.parent, scroller):
            frame = scroller("", label=table[0].astext() if isinstance(table[0], nodes.title) else "Table")
            table.replace_self(frame)
            frame += table


def number_exercises(app: Sphinx, env: BuildEnvironment) -> list[str]:  # noqa: ARG001
    """Count the exercises from one on every page, as a reader does."""
    for numbered in env.toc_fignumbers.values():
        exercises = numbered.get("exercise", {})
        numbered["exercise"] = {name: (place,) for place, name in enumerate(exercises, start=1)}
    return []


def _resolve(app: Sphinx, doctree: nodes.document, docname: str) -> None:  # noqa: ARG001
    fold_code(doctree)
    fold_dropdowns(doctree)
    mend_tables(doctree)


def setup(app: Sphinx) -> None:
    """Register the parts and the moment they are put in place."""
    for node in _TAGS:
        app.add_node(node, html=(_visit, _depart))
    app.connect("env-get-updated", number_exercises, priority=900)
    app.connect("doctree-resolved", _resolve, priority=900)
