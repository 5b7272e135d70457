"""The picture of a function in the reference: what the example of its docstring returns, drawn.

The example is run while the book is built, so that the picture is of this version of the package. A function
without a chart of its own name has none.
"""

import contextlib
import doctest
import importlib
import inspect
import io
import sys
from typing import Any

from cx_site.charts import figure


def returned(function: Any) -> list[Any]:
    """Run the example of a function's docstring; return what each of its calls of the function returned."""
    found: list[Any] = []

    def recorded(*rows: Any, **choices: Any) -> Any:
        found.append(function(*rows, **choices))
        return found[-1]

    known = {**vars(sys.modules[function.__module__]), function.__name__: recorded}
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(function) or "", function.__name__)
    with contextlib.redirect_stdout(io.StringIO()):
        for example in examples:
            exec(compile(example.source, function.__name__, "single"), known)
    return found


def picture(name: str) -> str:
    """Return the figure of a public function such as ``cxmeasure.survey.metric``, empty where it has none."""
    room, _, own = name.rpartition(".")
    wing = importlib.import_module(room)
    draw = getattr(getattr(wing, "chart", None), own, None)
    if draw is None:
        return ""
    result = returned(getattr(wing, own))[-1]
    importlib.import_module("cxmeasure.theme").enable()
    # A scorer's chart is of its summary.
    spec = draw(getattr(result, "summary", result)).to_dict()
    return figure(spec, f"picture-{own.replace('_', '-')}")
