"""The book's Sphinx extension: charts, folded code, boxes, formulas, claims and the page around them."""

from pathlib import Path
from zlib import crc32

from sphinx.application import Sphinx

from cx_site import boxes, charts, claims, formulas, front, links, pages, reference

HERE = Path(__file__).parent


def _fingerprint() -> int:
    # Sphinx reads every page again when this number changes: an edit here must reach every page.
    sources = [*HERE.glob("*.py"), *(HERE.parent / "theme").rglob("*.*")]
    return crc32(b"".join(path.read_bytes() for path in sorted(sources)))


def setup(app: Sphinx) -> dict[str, object]:
    """Register the parts of the site with Sphinx."""
    app.add_html_theme("cx", str(HERE.parent / "theme"))
    charts.setup(app)
    formulas.setup(app)
    claims.setup(app)
    front.setup(app)
    reference.setup(app)
    boxes.setup(app)
    links.setup(app)
    pages.setup(app)
    return {"env_version": _fingerprint(), "parallel_read_safe": True, "parallel_write_safe": True}
