"""A reader who knows one chapter finds everything in the next: the parts, in their order."""

import json
import re
from pathlib import Path

import pytest

from cxmeasure.exercises import exercises

ROOT = Path(__file__).resolve().parents[2]
# Pages that are no chapter: the front, the company without exercises, and pages of figures and handing over.
NO_CHAPTER = {
    "index",
    "the-company",
    "how-fast-how-far",
    "can-you-trust-an-interval-here",
    "when-one-machine-is-not-enough",
}
CHAPTERS = [
    path
    for path in sorted((ROOT / "book").rglob("*.ipynb"))
    if "_site" not in path.parts and path.stem not in NO_CHAPTER
]
TRUTH = r"^## (.*[Tt]ruth.*|.*what is true.*|What really happened)$"
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
    TRUTH,
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
def test_set_up_stands_before_the_first_estimate_and_the_first_screen_has_all(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    first = next("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert "import " in first
    whole = "\n".join("".join(cell["source"]) for cell in cells)
    screen = whole.split("## In a hurry")[1].split(":class: cx-takeaways")[0]
    assert "cx-board" in screen, "no board sentence on the first screen"
    shown = [
        cell
        for cell in cells
        if any("vegalite" in kind for out in cell.get("outputs", []) for kind in out.get("data", {}))
    ]
    assert "".join(shown[0]["source"]) in screen, "no chart on the first screen"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_checkpoint_has_feedback_for_every_answer_and_a_right_one(path: Path) -> None:
    text = markdown(path).split("## Checkpoint")[1].split("## Exercises")[0]
    answers = re.findall(r"````?\{dropdown\} [^\n]+\n(.*?)\n````?", text, re.DOTALL)
    assert len(answers) >= 2
    assert all(len(feedback.split()) >= 3 or feedback.strip() == "Yes." for feedback in answers)
    assert any(re.match(r"(Yes|Right|True|Exactly)\b", feedback.strip()) for feedback in answers)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_summary_looks_back_ahead_and_further(path: Path) -> None:
    summary = markdown(path).split("\n## Summary")[1]
    assert "You " in summary or "you " in summary
    assert "**Next**" in summary
    assert "**To read**" in summary


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
    assert 3 <= len(checks) <= 4
    numbered = re.findall(r"^\d\. ", skills, re.MULTILINE)
    assert 3 <= len(numbered) <= 6
    exercises_here = {label for label in labels if re.search(r"-ex-\d$", label)}
    assert exercises_here <= linked, f"no skill leads to {sorted(exercises_here - linked)}"


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


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_stored_solutions_pass_their_own_checks(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    checked = [cell for cell in cells if cell["cell_type"] == "code" and 'check("' in "".join(cell["source"])]
    assert checked
    for cell in checked:
        shown = json.dumps(cell["outputs"])
        assert "Right" in shown, "".join(cell["source"])


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_exercise_knows_a_mistake_by_name(path: Path) -> None:
    here = {name: known for name, known in exercises().items() if name.split("/")[0] == path.stem}
    assert all(known.mistakes for known in here.values()), [n for n, k in here.items() if not k.mistakes]


def test_a_label_belongs_to_one_page_and_a_chapter_is_linked_by_it() -> None:
    labels: dict[str, list[str]] = {}
    for path in CHAPTERS:
        for label in re.findall(r"^\(([\w-]+)\)=$", markdown(path), re.MULTILINE):
            labels.setdefault(label, []).append(path.stem)
    assert {label: pages for label, pages in labels.items() if len(pages) > 1} == {}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_box_has_a_backtick_in_its_title(path: Path) -> None:
    """Such a line opens no box: the next fence would swallow the text up to the one after."""
    assert not re.findall(r"^```+\{[\w-]+\}[^\n]*`", markdown(path), re.MULTILINE)
