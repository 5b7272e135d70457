"""The reference: a page for each wing, made of its docstrings, and where each function is used.

A line `% cx: reference survey` in a page becomes the entries of `cxmeasure.survey`. Each names the chapters
whose code uses it, and the strip of a chapter links what it lists to the entry.
"""

import ast
import csv
import inspect
import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment

from cx_site.claims import title_of
from cx_site.pictures import picture

FOLDER = "book/reference/"
TRIAL = "book/can-you-trust-an-interval-here"
"""The page that says how often the intervals hold; its table has an anchor for each function."""
PARTS = {
    "survey": ("cxmeasure.survey", "cxmeasure.survey.chart"),
    "touchpoints": ("cxmeasure.touchpoints", "cxmeasure.touchpoints.chart"),
    "lifecycle": ("cxmeasure.lifecycle", "cxmeasure.lifecycle.chart"),
    "lantern": ("cxmeasure.lantern", "cxmeasure"),
}
ROOTS = {"survey", "touchpoints", "lifecycle", "lantern"}

_MARK = re.compile(r"^% cx: reference ([\w.]+)$", re.MULTILINE)
_INTERVALS = re.compile(r"Intervals: \d+%\.")


def _chain(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [*_chain(node.value), node.attr]
    return [""]


def uses(source: str) -> set[str]:
    """Return the package's public names that a cell uses, such as `survey.metric` or `check`."""
    try:
        tree = ast.parse("\n".join(line for line in source.splitlines() if not line.startswith(("%", "!"))))
    except SyntaxError:
        return set()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            chain = _chain(node)
            if chain[0] == "cxmeasure":
                chain = chain[1:]
            if chain and (chain[0] in ROOTS or chain in (["check"], ["progress"])):
                found.add(".".join(chain))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "check":
            found.add("check")
    return found


def chapters_that_use(folder: Path, listed: list[str]) -> dict[str, list[tuple[str, str]]]:
    """Return for each name the pages that use it, in the book's order, each with its title."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for page in listed:
        path = folder.parent / f"{page}.ipynb"
        if path.exists():
            notebook = json.loads(path.read_text(encoding="utf-8"))
            code = ("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
            for name in sorted(set().union(*map(uses, code))):
                found[name].append((page, title_of(notebook)))
    return found


def _first_line(module: Any, name: str) -> str:
    """Return a link to an entry, with the first sentence of its docstring."""
    whole = (inspect.getdoc(getattr(module, name)) or "").partition("\n\n")[0].replace("\n", " ")
    full = f"{module.__name__}.{name}"
    return f":py:obj:`{full.removeprefix('cxmeasure.')} <{full}>`: {whole}"


def _entries(module_name: str) -> str:
    module = __import__(module_name, fromlist=["_"])
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module_name]
    named = getattr(module, "__all__", sorted(name for name in own if not name.startswith("_")))
    public = [name for name in named if not isinstance(getattr(module, name), type(sys))]
    lines = [] if module_name == "cxmeasure" else [f"* {_first_line(module, name)}" for name in public] + [""]
    for name in public:
        value = getattr(module, name)
        kind = "class" if isinstance(value, type) else "function" if callable(value) else "data"
        lines += [f".. auto{kind}:: {module_name}.{name}", *(["   :no-value:"] if kind == "data" else []), ""]
    return "```{eval-rst}\n" + "\n".join(lines) + "```"


def _source(app: Sphinx, docname: str, content: list[str]) -> None:  # noqa: ARG001
    if docname.startswith(FOLDER):
        content[0] = _MARK.sub(lambda mark: _entries(mark.group(1)), content[0])


def _listed(root: Path) -> list[str]:
    """Return the pages in reading order."""
    contents = (root / "_toc.yml").read_text(encoding="utf-8")
    return re.findall(r"^\s*-?\s*file:\s*(\S+)", contents, re.MULTILINE)


_USES: dict[Path, dict[str, list[tuple[str, str]]]] = {}


def tried(root: Path) -> set[str]:
    """Return the functions whose intervals were tried, such as `survey.metric`."""
    found = set()
    for path in sorted((root / "data" / "trial").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as rows:
            found |= {f"{path.stem}.{row['function']}" for row in csv.DictReader(rows) if "function" in row}
    return found


def _where(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:  # noqa: ARG001
    """Add to a docstring the picture of its example, and the chapters in which its function is used."""
    root = Path(app.srcdir)
    if root not in _USES:
        _USES[root] = chapters_that_use(root / "book", _listed(root))
    if what == "function" and ".chart." not in name and (html := picture(name)):
        chart = name.removeprefix("cxmeasure.").replace(".", ".chart.")
        said = f"What the example returns last, drawn by :py:obj:`{chart} <cxmeasure.{chart}>`:"
        lines += ["", said, "", ".. raw:: html", "", *(f"   {line}" for line in html.splitlines()), ""]
    known = app.env.found_docs
    short = name.removeprefix("cxmeasure.")
    if what == "function" and TRIAL in known and short in tried(root):
        anchor = f"../{TRIAL.removeprefix('book/')}.html#trust-{short.replace('.', '-')}"
        lines += ["", f"**How often its interval holds** `Can you trust an interval here? <{anchor}>`__", ""]
    pages = [use for use in _USES[root].get(name.removeprefix("cxmeasure."), []) if use[0] in known]
    if what in {"function", "class", "data"} and pages:
        links = " · ".join(f":doc:`{title} </{page}>`" for page, title in pages)
        lines += ["", f"**Used in** {links}", ""]


def _strip_links(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Link the functions a chapter's strip names to their entries."""
    objects: dict[str, Any] = app.env.get_domain("py").objects  # type: ignore[attr-defined]
    for box in doctree.findall(nodes.Admonition):
        if not isinstance(box, nodes.Element) or "cx-strip" not in box.get("classes", []):
            continue
        for word in list(box.findall(nodes.literal)):
            entry = objects.get(f"cxmeasure.{word.astext()}")
            if entry and not isinstance(word.parent, nodes.reference):
                address = f"{app.builder.get_relative_uri(docname, entry.docname)}#{entry.node_id}"
                link = nodes.reference("", "", refuri=address, internal=True)
                word.replace_self(link)
                link += word


def _trial_links(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Link what a result's display says of its intervals to how often they hold."""
    if TRIAL not in app.env.found_docs:
        return
    link = f'<a href="{app.builder.get_relative_uri(docname, TRIAL)}">How often such intervals hold</a>.'
    for raw in doctree.findall(nodes.raw):
        text = raw.astext()
        if raw.get("format") == "html" and 'class="cx-result"' in text:
            raw.children[:] = [nodes.Text(_INTERVALS.sub(rf"\g<0> {link}", text))]


def _short_names(app: Sphinx, doctree: nodes.document, docname: str) -> None:  # noqa: ARG001
    """Show `survey.metric`, as a reader writes it, for `cxmeasure.survey.metric`."""
    for prefix in doctree.findall(addnodes.desc_addname):
        text = prefix.astext()
        if text.startswith("cxmeasure."):
            prefix[:] = [nodes.Text(text.removeprefix("cxmeasure."))]


def _resolve(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    if docname.startswith(FOLDER):
        _short_names(app, doctree, docname)
    else:
        _strip_links(app, doctree, docname)
        _trial_links(app, doctree, docname)


def _outdated(
    app: Sphinx,  # noqa: ARG001
    env: BuildEnvironment,
    added: set[str],
    changed: set[str],
    removed: set[str],
) -> list[str]:
    # Which chapters use a function stands in the chapters.
    _USES.clear()
    is_stale = any(env.doc2path(name).endswith(".ipynb") for name in added | changed) or removed
    return [name for name in env.found_docs if name.startswith(FOLDER)] if is_stale else []


def _configure(app: Sphinx, config: Config) -> None:  # noqa: ARG001
    config.autodoc_typehints = "none"
    config.autodoc_preserve_defaults = True
    config.napoleon_google_docstring = False
    config.napoleon_use_param = False
    config.napoleon_use_rtype = False
    config.napoleon_use_ivar = True
    config.default_role = "code"
    config.toc_object_entries_show_parents = "hide"
    # What a docstring calls a frame or a Series is a word of this book, not a class to link to.
    config.nitpick_ignore_regex = [*config.nitpick_ignore_regex, ("py:.*", ".*")]


def setup(app: Sphinx) -> None:
    """Register what reads the docstrings, and the moments at which it does."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.napoleon")
    app.connect("config-inited", _configure)
    app.connect("source-read", _source)
    app.connect("autodoc-process-docstring", _where, priority=900)
    app.connect("env-get-outdated", _outdated)
    app.connect("doctree-resolved", _resolve, priority=840)
