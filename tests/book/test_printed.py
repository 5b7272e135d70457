"""The printed book: every page of the contents, bookmarked, charts drawn, folded parts open."""

import importlib.util
from pathlib import Path

import pytest
from pypdf import PdfReader

ROOT = Path(__file__).resolve().parents[2]


def test_the_whole_book_is_one_file_with_a_bookmark_a_page(sample_site, browser, tmp_path):
    spec = importlib.util.spec_from_file_location("printed", ROOT / "book/_site/printed.py")
    printed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(printed)
    root = sample_site.parents[1]
    with pytest.raises(FileNotFoundError):
        PdfReader(tmp_path / "book.pdf")
    sheets = printed.print_book(sample_site, tmp_path / "book.pdf", root)
    book = PdfReader(tmp_path / "book.pdf")
    assert len(book.pages) == sheets
    assert len(book.outline) == len(list(printed.pages(root)))
    assert book.outline[0].title == "A sample"
    text = " ".join(page.extract_text() for page in book.pages)
    assert "Madsen" in text
    assert not list(tmp_path.glob("*.part"))
