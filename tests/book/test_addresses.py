"""No address of another host in the built site, except in a link that a reader clicks."""

import re
from pathlib import Path

LOADED = re.compile(
    r"<(?!a\b)[a-z]+\b[^>]*?\b(?:src|href|srcset|data|poster|action)\s*=\s*[\"'](?:https?:)?//[^\"']+",
    re.IGNORECASE,
)
IN_STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", re.IGNORECASE)


def test_no_tag_but_a_link_names_another_host(site: Path) -> None:
    found = {
        page.relative_to(site).as_posix(): LOADED.findall(page.read_text(encoding="utf-8"))
        for page in site.rglob("*.html")
    }
    assert found
    assert {name: tags for name, tags in found.items() if tags} == {}


def test_no_style_sheet_names_another_host(site: Path) -> None:
    sheets = list(site.rglob("*.css"))
    assert sheets
    assert [sheet.name for sheet in sheets if IN_STYLE.search(sheet.read_text(encoding="utf-8"))] == []


def test_the_patterns_find_what_they_look_for() -> None:
    assert LOADED.search('<script src="https://elsewhere.example/x.js">')
    assert LOADED.search("<link rel=stylesheet href='//elsewhere.example/x.css'>")
    assert not LOADED.search('<a class="x" href="https://doi.org/10.1/2">')
    assert IN_STYLE.search("@import url(https://elsewhere.example/font.css)")
