"""The front page: in its text a line `% cx: questions` becomes the chapters, part by part, as questions."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from sphinx.application import Sphinx

_MARK = re.compile(r"^% cx: questions$", re.MULTILINE)


def in_markdown(text: str, change: Callable[[str], str]) -> str:
    """Change the text of a page, of a notebook that of its Markdown cells alone."""
    if not text.lstrip().startswith("{"):
        return change(text)
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = change("".join(cell["source"]))
    return json.dumps(notebook)


def questions(contents: dict[str, Any], known: set[str]) -> str:
    """Return the parts between the first and the last, each with links to its pages by their titles."""
    lines = []
    for part in contents["parts"][1:-1]:
        pages = [chapter["file"] for chapter in part["chapters"] if chapter["file"] in known]
        lines += [f"**{part['caption']}**", "", *(f"- {{doc}}`/{page}`" for page in pages), ""]
    return "\n".join(lines)


def _source(app: Sphinx, docname: str, content: list[str]) -> None:
    if docname == app.config.root_doc and "% cx: questions" in content[0]:
        contents = yaml.safe_load((Path(app.srcdir) / "_toc.yml").read_text("utf-8"))
        made = questions(contents, set(app.env.found_docs))
        content[0] = in_markdown(content[0], lambda text: _MARK.sub(made, text))


def setup(app: Sphinx) -> None:
    """Register the moment at which the front page's list is made."""
    app.connect("source-read", _source)
