"""Make the trainees' workbooks from the chapters.

    python book/_site/workbooks.py                     make or renew all; answers are kept
    python book/_site/workbooks.py --fresh CHAPTER     start one over

A workbook is its chapter without the solutions: each is an empty cell of one's own, the checks
behind it stay. The folder is not part of the book; nothing done in it changes a chapter.
"""

import argparse
import ast
import difflib
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbformat import v4
from plain_markdown import Converter, Places, blocks, citations, labels, title
from store import KERNEL, Notebook, complain, listed, number, read, say, text_of, write_if_new

ROOT = Path(__file__).resolve().parents[2]
# The front page is a notebook for the sake of its chart; there is nothing to work out on it.
FRONT = "index"
_GATE = re.compile(r"^(`{3,}|:{3,})\{solution-(start|end)\}[ ]*(\S*)[^\n]*\n(?:.*\n)*?\1[ ]*$", re.M)
_COMPUTED = re.compile(r'(Markdown\(f""")(.*?)(""")', re.S)
_CHECK = re.compile(r"""\bcheck\(\s*["']([^"']+)/""")
_FIELD = re.compile(r"(?<!\{)\{(?!\{)[^{}]*\}")


def _new_code_cell(source: str, name: str) -> Any:
    return v4.new_code_cell(source, id=name)  # type: ignore[no-untyped-call]


def _new_markdown_cell(source: str, name: str) -> Any:
    return v4.new_markdown_cell(source, id=name)  # type: ignore[no-untyped-call]


def digest(source: str) -> str:
    """Return a short name for a cell's text, by which a later edit is seen."""
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def computed_prose(source: str, converter: Converter) -> str:
    """Turn the MyST that a cell computes into plain Markdown, and leave its fields alone."""

    def convert(match: re.Match[str]) -> str:
        fields: list[str] = []

        def hide(found: re.Match[str]) -> str:
            fields.append(found[0])
            return f"\ue000{len(fields) - 1}\ue001"

        text = _FIELD.sub(hide, match[2]).replace("{{", "{").replace("}}", "}")
        text = converter.text(text).replace("{", "{{").replace("}", "}}")
        text = re.sub("\ue000(\\d+)\ue001", lambda found: fields[int(found[1])], text)
        return f"{match[1]}\n{text}\n{match[3]}"

    return _COMPUTED.sub(convert, source)


def _assigned(source: str) -> list[str]:
    names = []
    for statement in ast.parse(source).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def _read_names(source: str) -> set[str]:
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a cell with a magic command
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def your_turn(exercise: str, solution: str, check: str) -> str:
    """Return the text of the empty cell that stands where a solution stood."""
    wanted = [name for name in dict.fromkeys(_assigned(solution)) if name in _read_names(check)]
    lines = [f"# Your turn: {exercise}" if exercise else "# Your turn"]
    if wanted:
        lines.append(f"# The check below reads {' and '.join(f'`{name}`' for name in wanted)}.")
        lines += [f"{name} = ..." for name in wanted]
    return "\n".join(lines)


class _Maker:
    """Walks through a chapter's cells and says which cells its workbook has."""

    def __init__(self, converter: Converter) -> None:
        self.converter = converter
        self.label = ""
        self.exercise = ""
        self.is_solution = False

    def cells(self, chapter: Notebook) -> Iterator[Any]:
        turn: Any = None
        solution: list[str] = []
        for cell in chapter.cells:
            if cell.cell_type == "markdown":
                was_solution = self.is_solution
                text = self._prose(cell.source)
                if text.strip():
                    yield self._given(_new_markdown_cell(text, cell.id))
                if self.is_solution and not was_solution:
                    turn, solution = None, []
            elif cell.cell_type == "code":
                if self.is_solution or "solution" in cell.metadata.get("tags", []):
                    solution.append(cell.source)
                    if turn is None:
                        turn = _new_code_cell("", self._turn_id(cell.id))
                        turn.metadata["cx"] = {"exercise": self.label}
                    continue
                if turn is not None:
                    turn.source = your_turn(self.exercise, "\n".join(solution), cell.source)
                    yield self._given(turn)
                    turn, solution = None, []
                yield self._given(self._code(cell))
        if turn is not None:
            turn.source = your_turn(self.exercise, "\n".join(solution), "")
            yield self._given(turn)

    def _turn_id(self, fallback: str) -> str:
        return f"turn-{self.label}"[:64] if self.label else fallback

    def _prose(self, source: str) -> str:
        """Return what of a text stands outside of solutions, and note which exercise it poses."""
        kept, start = [], 0
        for gate in _GATE.finditer(source):
            if not self.is_solution:
                kept.append(source[start : gate.start()])
            self.is_solution = gate[2] == "start"
            if self.is_solution:
                self.label = gate[3]
            start = gate.end()
        if not self.is_solution:
            kept.append(source[start:])
        for block in blocks(source):
            if block.name == "exercise":
                self.exercise = block.argument
                self.label = block.options.get("label", self.label)
        return self.converter.text("\n".join(kept))

    def _code(self, cell: Any) -> Any:
        made = _new_code_cell(computed_prose(cell.source, self.converter), cell.id)
        tags = cell.metadata.get("tags", [])
        if tags:
            made.metadata["tags"] = tags
        if "remove-input" in tags and "Markdown(" in cell.source:
            made.metadata["jupyter"] = {"source_hidden": True}
        return made

    def _given(self, cell: Any) -> Any:
        cell.metadata["cx"] = {**cell.metadata.get("cx", {}), "given": digest(cell.source)}
        return cell


def workbook(chapter: Notebook, page: str, places: Places) -> Notebook:
    """Return the workbook of a chapter, without anybody's answers."""
    name = page.removeprefix("book/")
    note = _new_markdown_cell(
        "> A workbook: run a cell with Shift and Enter, write your answers where it says *your turn*. "
        f"They are kept. To start over: `python3 run.py lab --fresh {name}`.",
        "about-this-workbook",
    )
    note.metadata["cx"] = {"given": digest(note.source)}
    cells = list(_Maker(Converter(page, places)).cells(chapter))
    checked = next(filter(None, (_CHECK.search(cell.source) for cell in cells)), None)
    if checked:
        source = f'import cxmeasure\n\ncxmeasure.progress("{checked[1]}")'
        cells.append(_new_code_cell(source, "which-exercises-are-solved"))
        cells[-1].metadata["cx"] = {"given": digest(source)}
    made = v4.new_notebook(cells=[*cells[:1], note, *cells[1:]])  # type: ignore[no-untyped-call]
    made.metadata.update({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    return number(made)


def is_touched(cell: Any) -> bool:
    """Say whether a cell is the trainee's own: edited, or not from the book."""
    given = cell.metadata.get("cx", {}).get("given")
    return given is None or given != digest(cell.source)


def keep_answers(fresh: Notebook, used: Notebook) -> Notebook:
    """Return the new workbook with what a trainee wrote into the one before."""
    own = {cell.id for cell in fresh.cells}
    before: dict[str, Any] = {cell.id: cell for cell in used.cells}
    behind: dict[str, list[Any]] = {}
    last = ""
    for cell in used.cells:
        if cell.id in own:
            last = cell.id
        elif is_touched(cell):
            behind.setdefault(last, []).append(cell)
    cells = list(behind.get("", []))
    for cell in fresh.cells:
        cells += [_kept(cell, before.get(cell.id)), *behind.get(cell.id, [])]
    fresh.cells = cells
    return fresh


def _kept(cell: Any, before: Any) -> Any:
    if before is None or before.cell_type != cell.cell_type:
        return cell
    if is_touched(before):
        before.metadata["cx"] = cell.metadata["cx"]
        return before
    if before.source == cell.source and cell.cell_type == "code":
        cell.outputs, cell.execution_count = before.outputs, before.execution_count
    return cell


def _text(path: Path) -> str:
    if path.suffix == ".md":
        return path.read_text("utf-8")
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def survey_places(root: Path, chapters: list[Path]) -> Places:
    """Collect what the book's pages, labels and references are called."""
    places = Places(citations=citations(root / "book" / "references.bib"))
    for path in chapters:
        text = _text(path)
        places.labels.update(labels(text))
        places.pages[path.relative_to(root).with_suffix("").as_posix()] = title(text)
    return places


def chosen(name: str, chapters: list[Path], root: Path) -> Path | None:
    """Find the chapter that a trainee means, or say which there are."""
    known = {path.relative_to(root / "book").with_suffix("").as_posix(): path for path in chapters}
    wanted = name.removesuffix(".ipynb").removeprefix("workbooks/").removeprefix("book/")
    matches = [path for key, path in known.items() if wanted in {key, key.rsplit("/", 1)[-1]}]
    if len(matches) == 1:
        return matches[0]
    near = difflib.get_close_matches(wanted, [*known, *(key.rsplit("/", 1)[-1] for key in known)], 3, 0.4)
    hint = f" Did you mean {' or '.join(near)}?" if near else f" There are: {', '.join(known)}."
    complain(f"There is no chapter {name}.{hint}")
    return None


def make(root: Path, fresh: Path | None = None) -> None:
    """Make or renew the workbook of every chapter of the table of contents."""
    chapters = [path for path in listed(root) if path.stem != FRONT]
    places = survey_places(root, chapters)
    for path in chapters:
        page = path.relative_to(root).with_suffix("").as_posix()
        target = root / "workbooks" / path.relative_to(root / "book")
        made = workbook(number(read(path)), page, places)
        is_kept = target.exists() and path != fresh
        if is_kept:
            made = keep_answers(made, number(read(target)))
        is_new = write_if_new(target, text_of(made))
        state = "renewed, your answers kept" if is_kept else "made"
        say(f"{target.relative_to(root).as_posix()}: {state if is_new else 'up to date'}")


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and make the workbooks."""
    parser = argparse.ArgumentParser(description="Make the trainees' workbooks from the chapters.")
    parser.add_argument("--fresh", metavar="CHAPTER", help="start this one over; its answers are lost")
    given = parser.parse_args(arguments)
    chapters = [path for path in listed(ROOT) if path.stem != FRONT]
    fresh = chosen(given.fresh, chapters, ROOT) if given.fresh else None
    if given.fresh and fresh is None:
        return 2
    make(ROOT, fresh)
    return 0


if __name__ == "__main__":
    sys.exit(main())
