"""Print the built site into one file, page by page in the order of its contents.

    python book/_site/printed.py _build/html _build/book.pdf [FOLDER OF _toc.yml]

Needs Chromium. Each page is a bookmark; what a screen folds away (solutions, hints) is open in print.
"""

import shutil
import sys
from io import BytesIO
from pathlib import Path

import yaml
from playwright.sync_api import Browser, sync_playwright
from pypdf import PdfReader, PdfWriter
from store import files
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
OPEN = "() => document.querySelectorAll('details:not(.cx-code):not(.cx-numbers)').forEach(d => d.open = true)"
FOOT = (
    '<div style="width:100%;font-size:7pt;text-align:center;font-family:serif">'
    '<span class="title"></span></div>'
)


def print_page(browser: Browser, path: Path) -> tuple[str, PdfReader]:
    """Return a page's title and its print."""
    page = browser.new_page(color_scheme="light")
    page.goto(path.as_uri())
    page.evaluate(OPEN)
    title = page.locator("h1").first.inner_text().rstrip("¶# \n")
    printed = page.pdf(
        format="A4",
        margin={"top": "18mm", "bottom": "18mm", "left": "18mm", "right": "18mm"},
        display_header_footer=True,
        header_template="<span></span>",
        footer_template=FOOT,
        print_background=True,
    )
    page.close()
    return title, PdfReader(BytesIO(printed))


def print_book(site: Path, target: Path, root: Path = ROOT) -> int:
    """Write the whole book into `target`; return how many sheets it has."""
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        raise SystemExit(
            "Printing needs Chromium or Chrome, and none was found: install one, then try again."
        )
    names = list(files(yaml.safe_load((root / "_toc.yml").read_text("utf-8"))))
    book = PdfWriter()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name in tqdm(names, desc="Printing", unit="page"):
            title, printed = print_page(browser, site / f"{name}.html")
            first = len(book.pages)
            book.append(printed, import_outline=False)
            book.add_outline_item(title=title, page_number=first)
        browser.close()
    half = target.with_suffix(".part")
    with half.open("wb") as file:
        book.write(file)
    half.replace(target)
    return len(book.pages)


if __name__ == "__main__":
    site, target, *root = map(Path, sys.argv[1:])
    sheets = print_book(site.resolve(), target, *root)
    sys.stdout.write(f"{sheets} sheets in {target}\n")
