"""Workbooks have no solutions, read well without MyST, and keep what a trainee wrote."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parents[2]

PROSE = """\
(top)=
# A page

See {term}`NPS <net promoter score>`, {cite:t}`madsen1976` and {cite:p}`madsen1976`, {doc}`other`,
{ref}`top`, {math}`x^2`, [the glossary](../glossary.md) and [the top](#top).

```{admonition} In a hurry
:class: cx-hurry
The answer.
```

````{exercise} Half
:label: half
Halve it, as in

```python
value {term}`stays`
```
````

```{dropdown} Hint
Divide.
```

```{solution-start} half
:class: dropdown
```
"""
COMPUTED = 'Markdown(f"""\n:::{{admonition}} Board\n:class: cx-board\n{value:.0%} of {{term}}`NPS`\n:::\n""")'


@pytest.fixture
def book(tmp_path):
    """Return a folder with the tools and a book of two chapters."""
    tools = tmp_path / "book" / "_site"
    tools.mkdir(parents=True)
    for name in ("store.py", "workbooks.py", "plain_markdown.py"):
        (tools / name).write_bytes((ROOT / "book/_site" / name).read_bytes())
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n- file: book/part/page\n- file: book/part/other\n"
    )
    (tmp_path / "book/references.bib").write_text(
        "@article{madsen1976, author={Madsen, Mette and N{\\o}rgaard, Ole}, title={T}, year={1976}}\n"
    )
    folder = tmp_path / "book/part"
    folder.mkdir()
    cells = [
        new_markdown_cell(PROSE, id="prose"),
        new_code_cell("half = 21\nspare = 3", id="solved"),
        new_code_cell("half", id="more"),
        new_markdown_cell("It is 21.\n\n```{solution-end}\n```\n\nGo on.", id="after"),
        new_code_cell("check('page/1', half)", id="check"),
        new_code_cell(COMPUTED, id="computed", metadata={"tags": ["remove-input"]}),
    ]
    nbformat.write(new_notebook(cells=cells), folder / "page.ipynb")
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Other", id="a")]), folder / "other.ipynb")
    return tmp_path


def make(book: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(book / "book/_site/workbooks.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def read(book: Path) -> nbformat.NotebookNode:
    return nbformat.read(book / "workbooks/part/page.ipynb", 4)


def sources(book: Path) -> dict[str, str]:
    return {cell.id: cell.source for cell in read(book).cells}


def test_the_solution_is_gone_and_the_check_is_there(book):
    assert make(book).returncode == 0
    found = sources(book)
    assert found["turn-half"] == "# Your turn: Half\n# The check below reads `half`.\nhalf = ..."
    assert "21" not in "".join(found.values())
    assert found["check"] == "check('page/1', half)"
    assert found["after"] == "Go on."
    nbformat.validate(read(book))


def test_prose_reads_well_without_myst(book):
    make(book)
    prose = sources(book)["prose"]
    assert "See NPS, Madsen and Norgaard (1976)" in prose.replace("\\o", "o")
    assert "[Other](other.ipynb)" in prose
    assert ", the glossary and" in prose, "it lies above the folder that JupyterLab shows"
    assert "[the top](#A-page)" in prose
    assert "$x^2$" in prose
    assert "> **In a hurry**\n>\n> The answer." in prose
    assert "### Exercise: Half" in prose
    assert "<details><summary>Hint</summary>\n\nDivide.\n\n</details>" in prose
    assert "value {term}`stays`" in prose, "code is left as it is"
    assert "{cite" not in prose
    assert ":::" not in prose


def test_computed_prose_keeps_its_numbers(book):
    make(book)
    cell = next(cell for cell in read(book).cells if cell.id == "computed")
    assert cell.source == 'Markdown(f"""\n> **Board**\n>\n> {value:.0%} of NPS\n""")'
    assert cell.metadata["jupyter"] == {"source_hidden": True}


def test_running_again_changes_nothing(book):
    make(book)
    before = (book / "workbooks/part/page.ipynb").read_bytes()
    assert "up to date" in make(book).stdout
    assert (book / "workbooks/part/page.ipynb").read_bytes() == before


def test_a_trainees_answers_and_cells_are_kept_when_the_chapter_changes(book):
    make(book)
    path = book / "workbooks/part/page.ipynb"
    used = nbformat.read(path, 4)
    turn = next(place for place, cell in enumerate(used.cells) if cell.id == "turn-half")
    used.cells[turn].source = "half = 42 / 2"
    used.cells.insert(turn + 1, new_code_cell("half * 2  # mine", id="mine"))
    nbformat.write(used, path)
    chapter = nbformat.read(book / "book/part/page.ipynb", 4)
    chapter.cells[-2].source = "check('page/1', half)  # newer"
    chapter.cells.insert(0, new_markdown_cell("New.", id="new"))
    nbformat.write(chapter, book / "book/part/page.ipynb")

    assert "your answers kept" in make(book).stdout
    found = sources(book)
    assert found["turn-half"] == "half = 42 / 2"
    assert found["check"].endswith("# newer")
    assert found["new"] == "New."
    ids = list(found)
    assert ids.index("mine") == ids.index("turn-half") + 1
    make(book)
    assert sources(book) == found, "kept a second time as well"


def test_fresh_starts_one_over_and_leaves_the_others(book):
    make(book)
    for name, cell_id in (("page", "turn-half"), ("other", "a")):
        path = book / f"workbooks/part/{name}.ipynb"
        used = nbformat.read(path, 4)
        next(cell for cell in used.cells if cell.id == cell_id).source = "mine"
        nbformat.write(used, path)
    assert make(book, "--fresh", "page").returncode == 0
    assert sources(book)["turn-half"].startswith("# Your turn")
    other = nbformat.read(book / "workbooks/part/other.ipynb", 4)
    assert other.cells[0].source == "mine"


def test_an_unknown_chapter_is_answered_with_the_nearest(book):
    done = make(book, "--fresh", "pgae")
    assert done.returncode == 2
    assert "There is no chapter pgae. Did you mean page" in done.stderr
    assert not (book / "workbooks").exists()
