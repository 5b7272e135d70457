"""What leads into and out of a page: edit and issue links, addresses of old, cards for who shares it."""

import textwrap
from html import escape
from pathlib import Path
from urllib.parse import quote

import vl_convert
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

from cxmeasure.theme import ESTIMATE

_CARD = """\
<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="630" viewBox="0 0 1200 630">
<rect width="1200" height="630" fill="#fbfaf7"/>
<path d="M96 112h150M96 86v52M246 86v52" fill="none" stroke="#1d2733" stroke-width="9"/>
<circle cx="188" cy="112" r="24" fill="{estimate}"/>
<g font-family="Georgia, Liberation Serif, serif" fill="#1d2733">{lines}
<text x="92" y="560" font-size="34" fill="#5b6570">{book}</text></g></svg>"""


def outward(app: Sphinx, pagename: str) -> dict[str, str]:
    """Return links to edit a page and to say what is wrong on it; none while `cx_repository` is empty."""
    address = app.config.cx_repository.rstrip("/")
    if not address or pagename not in app.env.found_docs:
        return {}
    source = Path(app.env.doc2path(pagename)).relative_to(app.srcdir).as_posix()
    subject = quote(f"{app.env.titles[pagename].astext()} ({source})", safe="")
    return {
        "Edit this page": f"{address}/edit/main/{quote(source)}",
        "Say what is wrong": f"{address}/issues/new?title={subject}",
    }


def card_address(app: Sphinx, pagename: str) -> str:
    """Return the whole address of a page's card: those who show cards take no other."""
    base = app.config.html_baseurl.rstrip("/")
    return f"{base}/_cards/{pagename}.png" if base and pagename in app.env.found_docs else ""


def card(title: str, book: str) -> str:
    """Return a page's card as SVG: its title, and the book's."""
    lines = "".join(
        f'<text x="92" y="{250 + 92 * place}" font-size="76">{escape(line)}</text>'
        for place, line in enumerate(textwrap.wrap(title, 28)[:3])
    )
    return _CARD.format(lines=lines, book=escape(book), estimate=ESTIMATE)


def _write_cards(app: Sphinx) -> None:
    for name in sorted(app.env.found_docs):
        if card_address(app, name):
            path = Path(app.outdir) / "_cards" / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            title = app.env.titles.get(name, nodes.title()).astext()
            path.write_bytes(vl_convert.svg_to_png(card(title, app.config.html_title)))


def forward(path: Path, to: str, *, title: str, words: str, name: str, says: str) -> None:
    """Write a page that sends its reader on to `to`, with one `meta` of its own."""
    title, to = escape(title), escape(to)
    path.write_text(
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="{name}" content="{escape(says)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="0; url={to}"></head>'
        f'<body><main><h1>{title}</h1><p><a href="{to}">{escape(words)}</a></p></main></body></html>',
        "utf-8",
    )


def _write_redirects(app: Sphinx) -> None:
    """Write a page at each address of old that sends the reader on: a link once given must not die."""
    for old, new in app.config.cx_redirects.items():
        if new not in app.env.found_docs:
            logging.getLogger(__name__).warning("cx_redirects: there is no page %s to send %s to.", new, old)
            continue
        path = Path(app.outdir) / f"{old}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        to = "../" * old.count("/") + app.builder.get_target_uri(new)
        title = app.env.titles[new].astext()
        forward(path, to, title=title, words=f"This page has moved: {title}", name="robots", says="noindex")


def _finish(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        _write_cards(app)
        _write_redirects(app)


def setup(app: Sphinx) -> None:
    """Register the settings, and the step that writes cards and redirects."""
    app.add_config_value("cx_repository", "", "html", types=(str,))
    app.add_config_value("cx_redirects", {}, "html", types=(dict,))
    app.connect("build-finished", _finish, priority=960)
