"""Run the book's notebooks and store their outputs in one fixed shape.

    python book/_site/store.py                      every notebook of the table of contents
    python book/_site/store.py --changed            only those that changed since they were stored
    python book/_site/store.py book/start/x.ipynb   only these

A second run changes no byte. A cell that fails, or prints what differs from run to run, stops the
notebook's storing with one sentence; the file stays as it was.
"""

import argparse
import hashlib
import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parents[2]
SEEN = Path("_build") / "stored.json"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
CELL_SECONDS = 120

Notebook = Any
"""nbformat's own type, of which the type checker knows nothing."""

_VOLATILE = {
    r"\bat 0x[0-9a-fA-F]{6,}": "prints the address of an object in memory",
    r"ipykernel_\d+": "shows a warning or an error with a path of this machine",
    r'id=\\*"T_[0-9a-f]{5}': "shows a styled table with a random name; give it one with `.set_uuid(...)`",
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4}": "prints today's date; show coefficients instead",
}


def say(text: str) -> None:
    """Tell the one who waits what is going on."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Tell what went wrong."""
    sys.stderr.write(text + "\n")


class NotStored(Exception):  # noqa: N818
    """A notebook could not be stored; the message is a sentence for the author."""


def listed(root: Path) -> list[Path]:
    """Return the notebooks that the table of contents names, in reading order."""
    contents = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    paths = (root / f"{name}.ipynb" for name in files(contents))
    return [path for path in paths if path.exists()]


def files(part: Any) -> Iterator[str]:
    """Yield the pages that a table of contents names, in reading order."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in {"file", "root"}:
                yield value
            else:
                yield from files(value)
    elif isinstance(part, list):
        for inner in part:
            yield from files(inner)


def _part(content: dict[str, Any]) -> Any:
    return nbformat.from_dict(content)  # type: ignore[no-untyped-call]


def read(path: Path) -> Notebook:
    """Read a notebook in the current format."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def text_of(notebook: Notebook) -> str:
    """Return the one text in which a notebook is stored."""
    text: str = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    return text.rstrip("\n") + "\n"


def number(notebook: Notebook) -> Notebook:
    """Give each cell an id that stays, where it has none."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    taken: set[str] = set()
    for place, cell in enumerate(notebook.cells):
        name = cell.get("id", "")
        if not name or name in taken:
            name = hashlib.sha256(f"{place} {cell.source}".encode()).hexdigest()[:8]
        taken.add(name)
        cell["id"] = name
    return notebook


def _merged(outputs: list[Any]) -> list[Any]:
    """Join what one cell printed: how a stream is cut into pieces depends on the clock."""
    kept: list[Any] = []
    for output in outputs:
        if output.output_type == "stream":
            if output.name == "stderr" and "\r" in output.text:
                continue  # a progress bar
            if kept and kept[-1].output_type == "stream" and kept[-1].name == output.name:
                kept[-1].text += output.text
                continue
        elif any("widget" in kind for kind in output.get("data", {})):
            continue
        kept.append(output)
    return kept


def tidy(notebook: Notebook) -> Notebook:
    """Keep what a reader of the stored file needs, in one shape on every machine."""
    words = {key: notebook.metadata[key] for key in ("mystnb", "myst") if key in notebook.metadata}
    notebook.metadata = _part({**words, "kernelspec": KERNEL, "language_info": {"name": "python"}})
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in ("tags", "mystnb", "cx") if cell.metadata.get(key)}
        cell.metadata = _part(kept)
        if cell.cell_type != "code":
            continue
        cell.outputs = _merged(cell.outputs)
        for output in cell.outputs:
            if "metadata" in output:
                output.metadata = _part({})
            if "execution_count" in output:
                output.execution_count = cell.execution_count
            if output.output_type == "error":
                output.traceback = [f"{output.ename}: {output.evalue}"]
    return notebook


def _first_line(cell: Any) -> str:
    return next((line.strip() for line in cell.source.splitlines() if line.strip()), "an empty cell")[:60]


def refuse_what_varies(notebook: Notebook, name: str) -> None:
    """Stop at an output that would differ on another day or machine."""
    here = {re.escape(str(ROOT)): "prints a path of this machine", **_VOLATILE}
    for place, cell in enumerate(notebook.cells, start=1):
        text = json.dumps(cell.get("outputs", []))
        for pattern, what in here.items():
            if re.search(pattern, text):
                raise NotStored(
                    f"{name}, cell {place} ({_first_line(cell)}): it {what}, so it can't be stored."
                )


def execute(notebook: Notebook, path: Path, name: str) -> Notebook:
    """Run every cell in the notebook's own folder."""
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--HistoryManager.enabled=False"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute(env={**os.environ, "PYTHONHASHSEED": "0"}, stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        place, cell = _failed(notebook)
        raise NotStored(
            f"{name}, cell {place} ({_first_line(cell)}): {error.ename}: {error.evalue}".strip()
        ) from error
    except CellTimeoutError as error:
        raise NotStored(f"{name}: a cell took longer than {CELL_SECONDS} seconds.") from error
    except DeadKernelError as error:
        raise NotStored(f"{name}: the kernel died, perhaps for want of memory.") from error
    return notebook


def _failed(notebook: Notebook) -> tuple[int, Any]:
    for place, cell in enumerate(notebook.cells, start=1):
        tags = cell.metadata.get("tags", [])
        if "raises-exception" not in tags and any(
            out.output_type == "error" for out in cell.get("outputs", [])
        ):
            return place, cell
    return 0, notebook.cells[0]


def write_if_new(path: Path, text: str) -> bool:
    """Write a file whole or not at all, and only when it differs."""
    content = text.encode("utf-8")
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
    return True


def store(path: Path, name: str) -> bool:
    """Run and store one notebook; return whether its file changed."""
    notebook = number(read(path))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook = tidy(execute(notebook, path, name))
    refuse_what_varies(notebook, name)
    nbformat.validate(notebook)
    return write_if_new(path, text_of(notebook))


def fingerprint(path: Path, root: Path) -> str:
    """Return a name for all that a stored notebook depends on: itself, the package, the data."""
    digest = hashlib.sha256(path.read_bytes())
    for source in sorted([*(root / "cxmeasure").rglob("*.py"), *(root / "cxmeasure").rglob("*.csv")]):
        digest.update(source.read_bytes())
    for table in sorted(file for file in (root / "data").rglob("*") if file.is_file()):
        digest.update(f"{table.name} {table.stat().st_size} {table.stat().st_mtime_ns}".encode())
    return digest.hexdigest()


def _shown_name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def run(paths: list[Path], root: Path, *, only_changed: bool) -> int:
    """Store notebooks one after another and say what happens; return the exit status."""
    record = root / SEEN
    seen = json.loads(record.read_text("utf-8")) if record.exists() else {}
    failures = []
    for place, path in enumerate(paths, start=1):
        name, started = _shown_name(path, root), time.monotonic()
        lead = f"[{place}/{len(paths)}] {name}"
        if only_changed and seen.get(name) == fingerprint(path, root):
            say(f"{lead}: unchanged")
            continue
        say(f"{lead}: running …")
        try:
            is_new = store(path, name)
        except NotStored as failure:
            failures.append(str(failure))
            say(f"{lead}: not stored")
            continue
        if path.is_relative_to(root):
            seen[name] = fingerprint(path, root)
            write_if_new(record, json.dumps(seen, indent=1, sort_keys=True) + "\n")
        outcome = "stored" if is_new else "the same as before"
        say(f"{lead}: {outcome}, {time.monotonic() - started:.1f} s")
    for sentence in failures:
        complain(sentence)
    return 1 if failures else 0


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and store what it names."""
    parser = argparse.ArgumentParser(description="Run the book's notebooks and store their outputs.")
    parser.add_argument(
        "notebooks", nargs="*", type=Path, help="only these; otherwise all of the table of contents"
    )
    parser.add_argument(
        "--changed", action="store_true", help="skip what has not changed since it was stored"
    )
    given = parser.parse_args(arguments)
    missing = [str(path) for path in given.notebooks if not path.is_file()]
    if missing:
        complain(f"There is no notebook {', '.join(missing)}.")
        return 2
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    paths = [path.resolve() for path in given.notebooks] or listed(ROOT)
    if not paths:
        complain("The table of contents names no notebook.")
        return 2
    return run(paths, ROOT, only_changed=given.changed)


if __name__ == "__main__":
    sys.exit(main())
