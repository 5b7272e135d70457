"""The page around the text: description, security policy, one style sheet, and nothing that is not used."""

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import vl_convert
from docutils import nodes
from sphinx.application import Sphinx

from cx_site import links
from cx_site.charts import NARROW, NARROW_CONFIG, VL_VERSION, WIDE

THEME = Path(__file__).resolve().parent.parent / "theme"

BOOT = (
    "(function(d){var t;d.classList.add('js');"
    "try{t=localStorage.getItem('cx-theme');"
    "if(localStorage.getItem('cx-code')==='open')d.classList.add('cx-open')}catch(e){}"
    "if(t)d.dataset.theme=t;"
    "if(location.protocol!='file:')['text-400','display-500'].forEach(function(f){"
    "var l=document.createElement('link');l.rel='preload';l.as='font';l.type='font/woff2';l.crossOrigin='';"
    "l.href=d.dataset.content_root+'_static/fonts/newsreader-'+f+'.woff2';document.head.appendChild(l)})"
    "})(document.documentElement)"
)
"""Runs before the first paint: a page must not flash in the other theme, nor move when its font comes.

A page opened from a disk may not ask for a font ahead of its style sheet.
"""

_THEBE = re.compile(r'<script type="text/x-thebe-config">.*?</script>\s*<script>kernelName.*?</script>', re.S)

SEARCH_SCRIPTS = (
    "documentation_options.js",
    "cx-search.js",
    "doctools.js",
    "sphinx_highlight.js",
    "language_data.js",
    "searchtools.js",
)
KEPT = {"cx.css", "cx.js", "cx-vega.js", "favicon.svg", "fonts", *SEARCH_SCRIPTS}


def policy() -> str:
    """Return the page's Content-Security-Policy: nothing from elsewhere, no script that is not a file."""
    digest = base64.b64encode(hashlib.sha256(BOOT.encode()).digest()).decode()
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' 'sha256-{digest}'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
        ]
    )


def description(doctree: nodes.document | None, fallback: str) -> str:
    """Return the page's first full sentences, at most 160 characters, cut at a word."""
    for paragraph in doctree.findall(nodes.paragraph) if doctree else ():
        if isinstance(paragraph.parent, nodes.section | nodes.document):
            text = re.sub(r"\s+", " ", paragraph.astext()).strip()
            if len(text) >= 40:
                return text if len(text) <= 160 else text[:157].rsplit(" ", 1)[0] + " …"
    return fallback


def _stamp(name: str) -> str:
    return hashlib.sha256((THEME / "static" / name).read_bytes()).hexdigest()[:8]


def _page(
    app: Sphinx,
    pagename: str,
    template: str,  # noqa: ARG001
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    body = context.get("body", "")
    body = _THEBE.sub("", body)
    context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')
    context["cx_boot"] = BOOT
    context["cx_policy"] = policy()
    context["cx_description"] = description(doctree, app.config.html_title)
    context["cx_has_code"] = 'class="cx-code' in body
    context["cx_stamps"] = {name: _stamp(name) for name in ("cx.css", "cx.js")}
    context["cx_card"] = links.card_address(app, pagename)
    context["cx_outward"] = links.outward(app, pagename)
    context["cx_search_scripts"] = SEARCH_SCRIPTS


def write_vega(path: Path) -> None:
    """Write Vega, Vega-Lite and Vega-Embed as one classic script, with the sizes the pictures have."""
    sizes = json.dumps({"wide": WIDE, "narrow": NARROW, "narrowConfig": NARROW_CONFIG})
    stamp = f"/* Vega-Lite {VL_VERSION} from vl-convert {version('vl-convert-python')} {sizes} */"
    if path.exists():
        with path.open(encoding="utf-8") as script:
            if script.readline().strip() == stamp:
                return
    bundle = vl_convert.javascript_bundle(vl_version=VL_VERSION)  # type: ignore[call-arg]
    # The bundle is a module with names at its top; pages opened from a disk cannot load modules.
    path.write_text(f"{stamp}\n(()=>{{{bundle}\nwindow.cxSizes={sizes};}})();\n", "utf-8")


def _finish(app: Sphinx, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    write_vega(static / "cx-vega.js")
    for path in [*static.iterdir(), Path(app.outdir) / "_sphinx_design_static"]:
        if path.name not in KEPT:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    _entrance(app)
    _sitemap(app)


def _entrance(app: Sphinx) -> None:
    """Send readers from the root of the site to the front page, whose source lies in `book/`."""
    root = app.builder.get_target_uri(app.config.root_doc)
    if root != "index.html":
        title = app.config.html_title
        entrance = Path(app.outdir) / "index.html"
        links.forward(entrance, root, title=title, words="Open the book", name="description", says=title)


def _sitemap(app: Sphinx) -> None:
    base = app.config.html_baseurl.rstrip("/")
    if base:
        addresses = (f"{base}/{app.builder.get_target_uri(name)}" for name in sorted(app.env.found_docs))
        listed = "".join(f"<url><loc>{escape(address)}</loc></url>" for address in addresses)
        (Path(app.outdir) / "sitemap.xml").write_text(
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</urlset>',
            "utf-8",
        )


def _more_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:  # noqa: ARG001
    yield "404", {"title": "Not found"}, "404.html"


def setup(app: Sphinx) -> None:
    """Register the page's context and the last step of a build."""
    app.connect("html-collect-pages", _more_pages)
    app.connect("html-page-context", _page, priority=950)
    app.connect("build-finished", _finish, priority=950)
