"""A reader who knows one chapter finds everything in the next: the parts, in their order."""

import json
import re
from pathlib import Path

import pytest

from cxmeasure.exercises import exercises

ROOT = Path(__file__).resolve().parents[2]
# Pages that are no chapter: the company is a front page without exercises.
NO_CHAPTER = {"the-company"}
CHAPTERS = [
    path
    for path in sorted((ROOT / "book").rglob("*.ipynb"))
    if "_site" not in path.parts and path.stem not in NO_CHAPTER
]
PARTS = (
    r"^# .+\n\n\S",
    r":class: cx-strip",
    r"^## In a hurry",
    r":class: cx-takeaways",
    r"^## You can",
    r"^## You need",
    r"^## A case",
    r"^## The claim",
    r"^## The wrong way, and the right way",
    r"^## Checkpoint",
    r"^## Exercises",
    r"^## Say it to the board",
    r"^## Caveats",
    r"^## Summary",
)


def markdown(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def code(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_parts_stand_in_their_order(path: Path) -> None:
    text = markdown(path)
    places = []
    for part in PARTS:
        found = re.search(part, text, re.MULTILINE)
        assert found, f"{path.stem} has no {part}"
        places.append(found.start())
    assert places == sorted(places)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_truth_is_told_or_what_stands_for_it(path: Path) -> None:
    assert re.search(
        r"^## (.*[Tt]ruth.*|.*what is true.*|What really happened)$", markdown(path), re.MULTILINE
    )


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_skill_has_an_exercise_and_every_exercise_a_check(path: Path) -> None:
    text = markdown(path)
    skills = text.split("## You can")[1].split("## You need")[0]
    labels = re.findall(r"^:label: (\S+)$", text, re.MULTILINE)
    linked = set(re.findall(r"\(#([\w-]+)\)", skills))
    assert linked
    assert linked <= set(labels)
    checks = {name for source in code(path) for name in re.findall(r'check\("([^"]+)"', source)}
    assert checks == {name for name in exercises() if name.split("/")[0] == path.stem}
    assert len(checks) == text.count("```{exercise}")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_takeaway_links_to_a_place_on_the_page(path: Path) -> None:
    text = markdown(path)
    box = text.split(":class: cx-takeaways")[1].split("```")[0]
    cards = [line for line in box.splitlines() if line.startswith("- ")]
    assert 3 <= len(cards) <= 5
    for card in cards:
        target = re.search(r"\(#([\w-]+)\)", card)
        assert target, card
        assert f"({target.group(1)})=" in text, card


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_solution_is_a_cell_that_a_workbook_can_empty(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    solutions = [cell for cell in cells if "solution" in cell.get("metadata", {}).get("tags", [])]
    assert len(solutions) == markdown(path).count("{solution-start}")
