"""The table of contents, the files, and the stored runs belong together."""

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
ENTRIES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
NOTEBOOKS = sorted(path for path in (ROOT / "book").rglob("*.ipynb") if "_site" not in path.parts)
ADDRESS = re.compile(r"https?://")


def cells(path: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return found


def test_contents_and_files_are_the_same_set() -> None:
    files = [
        path
        for kind in ("*.md", "*.ipynb")
        for path in (ROOT / "book").rglob(kind)
        if "_site" not in path.parts
    ]
    assert sorted(ENTRIES) == sorted(path.relative_to(ROOT).with_suffix("").as_posix() for path in files)


def test_file_names_are_topics_in_kebab_case_without_numbers() -> None:
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", Path(entry).name) for entry in ENTRIES)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_code_cell_has_a_stored_run_without_an_error(path: Path) -> None:
    code = [cell for cell in cells(path) if cell["cell_type"] == "code"]
    assert code
    assert all(cell["execution_count"] is not None for cell in code)
    assert not [out for cell in code for out in cell["outputs"] if out["output_type"] == "error"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_chart_says_its_finding_to_someone_who_cannot_see_it(path: Path) -> None:
    specs = [
        spec
        for cell in cells(path)
        if cell["cell_type"] == "code"
        for out in cell["outputs"]
        for kind, spec in out.get("data", {}).items()
        if "vegalite" in kind
    ]
    assert specs
    for spec in specs:
        assert len(spec["description"]) > 20
        assert spec.get("title"), spec["description"]
        rows = sum(len(rows) for rows in spec.get("datasets", {}).values())
        assert rows <= 500, f"{rows} rows in one chart: aggregate first"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_cell_does_one_thing(path: Path) -> None:
    long = [cell["id"] for cell in cells(path) if cell["cell_type"] == "code" and len(cell["source"]) > 25]
    assert not long


def test_the_lock_names_versions_and_hashes_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not ADDRESS.search(lock)
    assert "index-url" not in lock
    entries = [line for line in lock.splitlines() if line[:1].isalnum()]
    assert all("==" in line for line in entries)
    assert lock.count("--hash=sha256:") >= len(entries)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "data" / "published").glob("*.csv")), ids=lambda path: path.stem
)
def test_every_published_table_comes_with_its_source_licence_and_row(path: Path) -> None:
    note = path.with_suffix(".md").read_text(encoding="utf-8")
    for word in ("**One row**", "**Columns**", "**Source**", "**Licence**"):
        assert word in note
    header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    assert all(f"`{column}`" in note for column in header)
