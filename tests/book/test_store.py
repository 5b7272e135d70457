"""Storing a notebook twice changes no byte, and what cannot be stored is said in a sentence."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def store(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "book/_site/store.py"), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def notebook(path: Path, *sources: str) -> Path:
    cells = [new_markdown_cell("# A page"), *(new_code_cell(source) for source in sources)]
    cells[-1].metadata.update({"tags": ["remove-input"], "collapsed": True})
    nbformat.write(new_notebook(cells=cells, metadata={"widgets": {"x": 1}}), path)
    return path


def test_a_second_run_changes_no_byte(tmp_path):
    path = notebook(
        tmp_path / "page.ipynb",
        "import sys\nfor step in range(3):\n    print(step, flush=True)\n    sys.stdout.flush()",
        "print(hash('text'))\n{'b': 1, 'a': {2, 1}}",
    )
    first = store(path)
    assert first.returncode == 0, first.stderr
    stored = path.read_bytes()
    second = store(path)
    assert second.returncode == 0
    assert path.read_bytes() == stored
    assert "the same as before" in second.stdout


def test_what_is_stored_is_what_a_reader_needs(tmp_path):
    path = notebook(tmp_path / "page.ipynb", "1 + 1", "print('a', flush=True)\nprint('b')")
    ids = [cell.id for cell in nbformat.read(path, 4).cells]
    store(path)
    stored = nbformat.read(path, 4)
    assert [cell.id for cell in stored.cells] == ids
    assert [cell.execution_count for cell in stored.cells if cell.cell_type == "code"] == [1, 2]
    assert [output.text for output in stored.cells[2].outputs] == ["a\nb\n"]
    assert dict(stored.cells[2].metadata) == {"tags": ["remove-input"]}
    assert set(stored.metadata) == {"kernelspec", "language_info"}
    nbformat.validate(stored)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("# half\n1 / 0", "cell 3 (# half): ZeroDivisionError: division by zero"),
        ("object()", "cell 3 (object()): it prints the address of an object in memory"),
        ("import warnings\nwarnings.warn('old')", "cell 3 (import warnings): it shows a warning"),
    ],
)
def test_what_cannot_be_stored_is_said_in_a_sentence_and_the_file_stays(tmp_path, source, sentence):
    path = notebook(tmp_path / "page.ipynb", "'first'", source)
    before = path.read_bytes()
    done = store(path)
    assert done.returncode == 1
    assert f"page.ipynb, {sentence}" in done.stderr
    assert "Traceback" not in done.stderr
    assert path.read_bytes() == before


def test_a_notebook_that_is_not_there_is_named(tmp_path):
    done = store(tmp_path / "nowhere.ipynb")
    assert done.returncode == 2
    assert "There is no notebook" in done.stderr
