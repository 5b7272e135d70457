"""The printed book: every page of the contents, bookmarked, nothing half-written."""

import subprocess
import sys
from pathlib import Path

import yaml
from pypdf import PdfReader

ROOT = Path(__file__).resolve().parents[2]


def test_the_whole_book_is_one_file_with_a_bookmark_a_page(sample_site, tmp_path):
    root = sample_site.parents[1]
    command = [sys.executable, ROOT / "book/_site/printed.py", sample_site, tmp_path / "book.pdf", root]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    book = PdfReader(tmp_path / "book.pdf")
    contents = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    assert said.stdout.startswith(f"{len(book.pages)} sheets")
    assert len(book.outline) == 1 + sum(len(part["chapters"]) for part in contents["parts"])
    assert book.outline[0].title == "A sample"
    assert "Madsen" in " ".join(page.extract_text() for page in book.pages)
    assert [path.name for path in tmp_path.iterdir()] == ["book.pdf"]
