"""The ways through the book: links that exist, times that are the chapters' own, sums that are sums."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
START = ROOT / "book" / "start" / "start-here.ipynb"
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
LISTED = [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]
TAUGHT = [
    chapter["file"]
    for part in TOC["parts"]
    if part["caption"] != "Back matter"
    for chapter in part["chapters"]
    if (ROOT / f"{chapter['file']}.ipynb").exists()
]
TIMES = re.compile(
    r"\*\*Reading\*\* (\d+) minutes(?:, (\d+) with the data dictionary)?(?: · \*\*doing\*\* (\d+) minutes)?"
)
FIRST_SCREEN = 3
LONGEST = {"An hour": 60, "A day": 8 * 60, "A week": 5 * 8 * 60}

Row = tuple[str, str, int]


def markdown(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def times(path: Path) -> dict[str, int]:
    """Return how long a page takes, by what is done with it, as its strip says."""
    found = TIMES.search(markdown(path))
    assert found, path
    reading, whole, doing = (int(number or 0) for number in found.groups())
    return {
        "first screen": FIRST_SCREEN,
        "without the code": reading,
        "with its exercises": reading + doing,
        "whole": whole or reading,
    }


def ways() -> dict[str, list[list[Row]]]:
    """Return each way as its tables, and each table as its rows."""
    found = {}
    text = markdown(START).split("## Three ways through")[1].split("\n## ")[0]
    for title, box in re.findall(r"```\{admonition\} (A[^,]+),.*?\n(.*?)\n```", text, re.DOTALL):
        tables: list[list[Row]] = []
        for line in box.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if line.startswith("| page "):
                tables.append([])
            elif line.startswith("|") and cells[2].isdigit():
                tables[-1].append((cells[0], cells[1], int(cells[2])))
        found[title] = tables
    return found


def page_of(cell: str) -> Path | None:
    """Return the notebook that a row links to, if it is one."""
    link = re.search(r"\]\(([^)]+\.ipynb)\)", cell)
    return (START.parent / link.group(1)).resolve() if link else None


def test_there_are_an_hour_a_day_and_a_week() -> None:
    assert list(ways()) == list(LONGEST)
    assert len(ways()["A week"]) == 5


def test_every_way_adds_up_and_fits_its_name() -> None:
    for title, tables in ways().items():
        for *rows, last in tables:
            assert last[0] == "together"
            assert last[2] == sum(minutes for _, _, minutes in rows), f"{title}: {last}"
        assert sum(table[-1][2] for table in tables) <= LONGEST[title]
        assert all(table[-1][2] <= 8 * 60 for table in tables)


def test_every_page_of_a_way_is_in_the_contents_and_takes_the_time_its_strip_says() -> None:
    for title, tables in ways().items():
        for page, how, minutes in (row for table in tables for row in table[:-1]):
            path = page_of(page)
            if path is None:
                continue
            assert path.relative_to(ROOT).with_suffix("").as_posix() in LISTED, page
            if how in times(path):
                assert minutes == times(path)[how], f"{title}: {page} {how}, {times(path)}"
            heading = re.search(r"^# (.+)$", markdown(path), re.MULTILINE)
            assert heading
            assert f"[{heading.group(1)}]" in page


def test_the_week_goes_through_every_page_that_teaches() -> None:
    linked = {page_of(row[0]) for table in ways()["A week"] for row in table}
    chapters = [ROOT / f"{page}.ipynb" for page in TAUGHT]
    assert len(chapters) > 15
    missing = sorted(path.stem for path in chapters if path.resolve() not in linked)
    assert not missing, f"not in the trainee's week: {missing}"


def test_the_front_page_leads_to_every_chapter_and_counts_the_claims() -> None:
    pytest.importorskip("sphinx")
    sys.path.insert(0, str(ROOT / "book" / "_site"))
    try:
        front = importlib.import_module("cx_site.front")
    finally:
        sys.path.pop(0)
    notebook = (ROOT / "book" / "index.ipynb").read_text(encoding="utf-8")
    text = front.in_markdown(notebook, lambda part: part.replace("% cx: questions", "HERE"))
    assert "HERE" in text
    assert "% cx: claims count" in text
    asked = front.questions(TOC, set(LISTED)) + text
    assert not [page for page in TAUGHT if page.removeprefix("book/") not in asked]


@pytest.mark.parametrize("page", TAUGHT)
def test_every_page_leads_on_by_a_link_that_is_there(page: str) -> None:
    path = ROOT / f"{page}.ipynb"
    text = markdown(path)
    if "**Next**" not in text:
        assert path.stem == "the-company", "only the company, a page to look things up in, leads nowhere"
        return
    following = text.split("**Next**")[1].split("\n\n")[0]
    links = re.findall(r"\]\(([\w./-]+\.(?:ipynb|md))\)", following)
    assert links, following
    assert all((path.parent / link).exists() for link in links)
    for name, link in re.findall(r"\[([^\]]+\?)\]\(([\w./-]+\.ipynb)\)", text):
        heading = re.search(r"^# (.+)$", markdown(path.parent / link), re.MULTILINE)
        assert heading
        assert name == heading.group(1), f"{link} is called {heading.group(1)}"


def test_pages_refer_to_one_another_by_labels_that_are_there() -> None:
    pages = {page: markdown(ROOT / f"{page}.ipynb") for page in TAUGHT}
    place = {
        label: page for page in pages for label in re.findall(r"^\(([\w-]+)\)=$", pages[page], re.MULTILINE)
    }
    place |= {
        label: page for page in pages for label in re.findall(r"^:label: (\S+)$", pages[page], re.MULTILINE)
    }
    linked = {page: set(re.findall(r"\]\(#([\w-]+)\)", text)) for page, text in pages.items()}
    assert not {page: labels - set(place) for page, labels in linked.items() if labels - set(place)}
    others = {page: {place[label] for label in labels} - {page} for page, labels in linked.items()}
    assert sum(map(bool, others.values())) >= 12, others
