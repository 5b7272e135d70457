"""Every sentence a user can be shown stands in messages.md, reviewed; this provokes each of them.

A wing keeps its provoking calls in `messages/<wing>.py`: `MODULES`, the files whose `raise` statements it
answers for, and `CALLS`, what was done wrong → a call that does it. After a change:

    python tests/test_messages.py      writes messages.md again; read the difference before you commit it
"""

import ast
import runpy
import traceback
from pathlib import Path

import pytest

from cxmeasure.errors import CxmeasureError

HERE = Path(__file__).resolve().parent
SNAPSHOT = HERE / "messages.md"
WINGS = sorted((HERE / "messages").glob("*.py"))
HEAD = """# Every message a user can see

Made by `python tests/test_messages.py`, checked by `tests/test_messages.py`. Read it as prose: each line must
say what was wrong, what was received, and what to do.
"""


def provoked(call):
    """Return the error that `call` raises, and the file and line that raised it."""
    try:
        call()
    except CxmeasureError as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return error, (Path(last.filename).resolve(), last.lineno)
    raise AssertionError("nothing was raised")


def rendered():
    parts = [HEAD]
    for wing in WINGS:
        parts.append(f"\n## {wing.stem}\n")
        for fault, call in runpy.run_path(str(wing))["CALLS"].items():
            error, _ = provoked(call)
            parts.append(f"- {fault}: **{type(error).__name__}** {' '.join(str(error).split())}")
    return "\n".join(parts) + "\n"


def raises(path):
    """Return the first and last line of every `raise SomethingError(...)` in a file."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Raise)]
    calls = [node for node in nodes if isinstance(node.exc, ast.Call)]
    return [(node.lineno, node.end_lineno) for node in calls if ast.unparse(node.exc.func).endswith("Error")]


def test_every_message_is_the_reviewed_one():
    assert rendered() == SNAPSHOT.read_text("utf-8"), (
        "run: python tests/test_messages.py, and read the change"
    )


@pytest.mark.parametrize("wing", WINGS, ids=lambda wing: wing.stem)
def test_every_raise_has_a_call_that_provokes_it(wing):
    registry = runpy.run_path(str(wing))
    seen = {provoked(call)[1] for call in registry["CALLS"].values()}
    silent = [
        f"{name}:{first}"
        for name in registry["MODULES"]
        for first, last in raises(HERE.parent / name)
        if not any(file == HERE.parent / name and first <= line <= last for file, line in seen)
    ]
    assert not silent, "no call in tests/messages provokes these: " + ", ".join(silent)


def test_every_message_is_a_sentence_without_a_path_of_this_machine():
    for line in SNAPSHOT.read_text("utf-8").splitlines():
        # What another library says of a table it cannot read is quoted as it is.
        if line.startswith("- ") and "cannot be read as a table" not in line:
            assert line[-1] in ".?", line
            assert str(HERE.parent) not in line


if __name__ == "__main__":
    SNAPSHOT.write_text(rendered(), "utf-8")
