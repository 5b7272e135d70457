"""The claims register: every claim of the articles is there once, and a chapter answers exactly its own."""

import ast
import importlib
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
COUNTS = {"S0": 54, "S1": 72, "S2": 142, "S3": 22, "S4": 25}
LABEL = re.compile(r"\]\(#([\w-]+)\)")
JUDGED = {"holds", "fails", "not settled"}
# What an article says of others and its source does not: the page and place that put it right, and a word
# or the source by which it does. The curriculum counts them in this order.
CORRECTIONS = {
    "the reengineering study, and no half": ("claims-register.md", "register-reengineering", "Hall1993"),
    "five competencies": ("claims-register.md", "register-competencies", "CXPA2020"),
    "untrustworthy only where answers lean": (
        "measurement/can-i-trust-a-response-rate.ipynb",
        "rate-untrustworthy",
        "*Completely untrustworthy* is too strong",
    ),
    "2004 means 2014": ("ground-rules/how-do-we-know-a-method-works.ipynb", "works-winners", "2014"),
    "the drill and the hole": ("claims-register.md", "register-drill", "Levitt1983"),
    "a name forgotten or misspelt": (
        "improvement/do-small-gestures-pay.ipynb",
        "gestures-names",
        "Howard1995",
    ),
    "peak and end": (
        "design/which-moments-do-customers-remember.ipynb",
        "moments-claim",
        "Alaybek2022",
    ),
    "being asked changes what customers do": (
        "measurement/how-often-can-we-survey-customers.ipynb",
        "often-claim",
        "DholakiaMorwitz2002",
    ),
    "Google's micro-moments": ("design/which-touchpoints-matter.ipynb", "key-claim", "GoogleMicro2015"),
    "prize is the price": ("strategy/which-stage-is-each-customer-in.ipynb", "stage-claim", "*prize*"),
    "the author's own tool": (
        "ground-rules/what-counts-as-customer-experience.ipynb",
        "counts-levels",
        "Milkymap",
    ),
    "the argument on culture, not its wording": (
        "ground-rules/what-counts-as-customer-experience.ipynb",
        "counts-wording",
        "not the wording",
    ),
}
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))


def extension() -> Any:
    """Import the site's own reader of claims."""
    sys.path.insert(0, str(BOOK / "_site"))
    try:
        return importlib.import_module("cx_site.claims")
    finally:
        sys.path.pop(0)


pytest.importorskip("sphinx")
claims = extension()
ROWS = claims.claims(BOOK)
OWNED: dict[str, set[str]] = {}
for row in ROWS:
    OWNED.setdefault(row["chapter"], set()).add(row["id"])


def notebook(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def claims_cells(path: Path) -> list[dict[str, Any]]:
    cells = notebook(path)["cells"]
    return [cell for cell in cells if "claims" in cell.get("metadata", {}).get("tags", [])]


# The front, the pages of the start and those to look things up in teach no chapter: no claims to answer.
CHAPTERS = [
    ROOT / f"{chapter['file']}.ipynb"
    for part in TOC["parts"]
    if part["caption"] not in {"Start", "Back matter"}
    for chapter in part["chapters"]
]
ANSWERS = {path.stem: list(claims.answers(notebook(path), path.stem)) for path in CHAPTERS}
KEYS = set(re.findall(r"^@\w+\{([^,]+),", (BOOK / "references.bib").read_text("utf-8"), re.MULTILINE))
WITH_ANSWERS = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def test_all_315_claims_of_the_five_articles_are_there_once() -> None:
    names = [row["id"] for row in ROWS]
    assert len(names) == len(set(names)) == 315
    assert Counter(row["source"] for row in ROWS) == COUNTS
    for source, count in COUNTS.items():
        assert [row["id"] for row in ROWS if row["source"] == source] == [
            f"{source}-{place:03}" for place in range(1, count + 1)
        ]
    assert all(row["claim"] and row["title"] and re.fullmatch(r"C\d\d", row["card"]) for row in ROWS)


def test_a_claim_belongs_to_a_chapter_that_is_there_or_has_a_title() -> None:
    titles: dict[str, set[str]] = {}
    for row in ROWS:
        titles.setdefault(row["chapter"], set()).add(row["title"])
    assert all(len(found) == 1 for chapter, found in titles.items() if chapter != "later")
    assert {path.stem for path in CHAPTERS} <= set(titles)


@WITH_ANSWERS
def test_a_chapter_answers_exactly_its_claims_once_each(path: Path) -> None:
    answered = [answer.claim for answer in ANSWERS[path.stem]]
    assert sorted(answered) == sorted(OWNED[path.stem])


@WITH_ANSWERS
def test_every_verdict_is_one_of_the_words(path: Path) -> None:
    words = {word for answer in ANSWERS[path.stem] for word in (answer.claimed, answer.null)}
    assert words <= set(claims.VERDICTS)
    definitions = [answer for answer in ANSWERS[path.stem] if "definition" in (answer.claimed, answer.null)]
    assert all(answer.claimed == answer.null for answer in definitions)


def own_words(source: str) -> list[str]:
    """Return the verdicts that a cell gives by itself: in a choice of two, a table of words, a return."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.IfExp):
            given = [node.body, node.orelse]
            if "does not hold" in ast.unparse(node):  # whether an interval holds the truth
                continue
        elif isinstance(node, ast.Dict):
            given = node.values
        elif isinstance(node, ast.Return) and node.value is not None:
            given = [node.value]
        else:
            continue
        found += [part.value for part in given if isinstance(part, ast.Constant) and part.value in JUDGED]
    return found


def test_a_verdict_of_ones_own_is_seen() -> None:
    assert own_words('word = "holds" if low > 0 else "fails"') == ["holds", "fails"]
    assert own_words('words = {True: "holds"}') == ["holds"]
    assert own_words('def told(row):\n    return "not settled"') == ["not settled"]
    assert own_words('large["holds"] = judge(row)') == []


@WITH_ANSWERS
def test_what_an_interval_decides_is_decided_by_the_one_rule(path: Path) -> None:
    """`judge` of the exercises gives the three words; no cell has a rule of its own, or types them."""
    sources = ["".join(cell["source"]) for cell in notebook(path)["cells"] if cell["cell_type"] == "code"]
    own = {word: source for source in sources for word in own_words(source)}
    assert not own, own
    for cell in claims_cells(path):
        for line in "".join(cell["source"]).splitlines():
            if re.match(r"\| S\d-\d{3} \|", line):
                assert not JUDGED & set(claims.split_row(line)[2:4]), line
    judged = JUDGED & {word for answer in ANSWERS[path.stem] for word in (answer.claimed, answer.null)}
    assert not judged or "judge(" in "\n".join(sources)


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_a_fact_is_put_right_where_a_reader_meets_it(correction: str) -> None:
    name, label, word = CORRECTIONS[correction]
    page = BOOK / name
    if page.suffix == ".ipynb":
        text = "\n\n".join("".join(cell["source"]) for cell in notebook(page)["cells"])
    else:
        text = page.read_text(encoding="utf-8")
        assert word in text
    assert f"({label})=" in text
    section = re.split(r"^(?:\([\w-]+\)=\n)?## ", text.split(f"({label})=\n")[1], flags=re.MULTILINE)
    assert word in "\n".join(section[:2])
    register = (BOOK / "claims-register.md").read_text(encoding="utf-8")
    assert f"(#{label})" in register or f"({label})=" in register


@WITH_ANSWERS
def test_every_section_named_is_a_place_of_the_page(path: Path) -> None:
    text = "\n".join("".join(cell["source"]) for cell in notebook(path)["cells"])
    for answer in ANSWERS[path.stem]:
        targets = LABEL.findall(answer.section)
        assert targets, answer.claim
        assert all(f"({target})=" in text for target in targets), answer.section


@WITH_ANSWERS
def test_every_source_is_in_the_bibliography_or_a_dash(path: Path) -> None:
    for answer in ANSWERS[path.stem]:
        keys = {part.strip() for part in re.split(r"[;,]", answer.source)}
        assert keys <= KEYS | {"–"}, f"{answer.claim}: {answer.source}"


def tables_written(source: str) -> list[ast.JoinedStr]:
    """Return the f-strings in a cell that begin a table."""
    return [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.JoinedStr) and "|" in "".join(map(ast.unparse, node.values))
    ]


@WITH_ANSWERS
def test_the_figures_of_a_claims_table_come_from_variables(path: Path) -> None:
    """Strict nbval runs the cell again; here: no row shows a figure that stands in the cell's own text."""
    cells = claims_cells(path)
    assert bool(cells) == bool(OWNED[path.stem])
    for cell in cells:
        source = "".join(cell["source"])
        assert "remove-input" in cell["metadata"]["tags"]
        assert len(cell["outputs"]) == 1
        assert "text/markdown" in cell["outputs"][0]["data"]
        assert any(
            isinstance(node, ast.FormattedValue) for table in tables_written(source) for node in table.values
        )
        typed = {
            line.split("|")[1].strip(): line
            for line in source.splitlines()
            if re.match(r"\| S\d-\d{3} \|", line)
        }
        for header, *rows in claims.tables({"cells": [cell]}):
            assert tuple(header) == claims.COLUMNS
            for row in rows:
                found, line = row[4], typed.get(row[0], "{")
                if re.search(r"\d\.\d|\d ?%|[+−]\d", found):
                    assert "{" in line, f"{row[0]}: {found} is typed, not computed"


def test_the_register_shows_all_of_them() -> None:
    lines = claims.register(BOOK).splitlines()
    assert len(lines) == 2 + 315
    unwritten = sum(claims.UNWRITTEN in line for line in lines)
    answered = sum(len(answers) for answers in ANSWERS.values())
    assert unwritten == 315 - answered
    assert f"{answered} are answered so far" in claims.count_sentence(BOOK)
    for answers in ANSWERS.values():
        for answer in answers:
            line = next(line for line in lines if line.startswith(f"| {answer.claim} |"))
            assert answer.found in line
