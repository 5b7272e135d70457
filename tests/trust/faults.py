"""What can be wrong with a table: each fault makes a bad copy of good rows."""

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
from trust.calls import KIND, Call

PACKAGE = Path(__file__).resolve().parents[2] / "cxmeasure"

Rows = pd.DataFrame
Column = pd.Series  # type: ignore[type-arg]


def internal_names() -> list[str]:
    """Return every name that a reduce floor gives to a column, read from its source."""
    found: set[str] = set()
    for path in sorted(PACKAGE.glob("*/reduce/*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if called in ("with_columns", "select", "agg"):
                found |= {keyword.arg for keyword in node.keywords if keyword.arg}
            if called in ("col", "alias", "group_by", "over"):
                found |= {arg.value for arg in node.args if isinstance(arg, ast.Constant) and arg.value}
    return sorted(found | {"by_0", "key_0", "item_0", "x0"})


def first(value: Any) -> Callable[[Column], Column]:
    """Return a fault that puts `value` into the third row."""

    def spoil(column: Column) -> Column:
        new = column.astype(float) if column.dtype.kind in "iuf" else column.copy()
        new.iloc[min(2, len(new) - 1)] = value
        return new

    return spoil


def whole(value: Any) -> Callable[[Column], Column]:
    """Return a fault that puts `value` into every row."""
    return lambda column: pd.Series([value] * len(column), index=column.index)


def blank(column: Column) -> Column:
    """Return a column of the same type in which everything is missing."""
    if column.dtype == bool or column.dtype.kind in "iu":
        column = column.astype("boolean" if column.dtype == bool else "Int64")
    return column.mask(np.full(len(column), True))


def holed(column: Column) -> Column:
    """Return a column whose third value is missing."""
    if column.dtype == bool or column.dtype.kind in "iu":
        column = column.astype("boolean" if column.dtype == bool else "Int64")
    return column.mask(np.arange(len(column)) == min(2, len(column) - 1))


AT_THE_DOOR = ("lists", "numbers", "text", "times", "a time zone")
"""Faults of a column's type, which the door refuses whatever the values are."""
NUMBERS = ("score", "number", "weight")
TABLES: dict[str, Callable[[Rows, Call], Rows]] = {
    "no row": lambda rows, call: rows.iloc[:0],
    "one row": lambda rows, call: rows.iloc[:1],
    "nothing but missing values": lambda rows, call: rows.assign(**{c: blank(rows[c]) for c in call.used}),
    "every row twice": lambda rows, call: pd.concat([rows, rows], ignore_index=True),
    "every row the same": lambda rows, call: pd.concat([rows.iloc[:1]] * 20, ignore_index=True),
}
COLUMNS: dict[str, tuple[tuple[str, ...], Callable[[Column], Column]]] = {
    "lists": (tuple(dict.fromkeys(KIND.values())), whole([1, 2])),
    "numbers": (("time", "word"), whole(1.5)),
    "text": (("score", "number", "weight", "flag", "time", "share"), whole("<b>'x'</b>")),
    "times": (("score", "number", "weight", "flag", "share", "word"), whole(pd.Timestamp("2025-01-01"))),
    "a time zone": (("time",), lambda column: column.dt.tz_localize("Europe/Berlin", ambiguous=True)),
    "a missing value": (tuple(dict.fromkeys(KIND.values())), holed),
    "an infinity": (NUMBERS, first(np.inf)),
    "a negative number": (("score", "weight", "number", "share"), first(-1)),
    "zeros": (("score", "weight", "number", "share", "flag"), whole(0)),
    "a huge number": (NUMBERS, first(1e308)),
    "a fraction": (("score", "share"), first(0.5)),
    "numbers above one": (("flag", "share"), whole(2)),
    "one group": (("group", "word", "key"), lambda column: whole(column.iloc[0])(column)),
    "a word never heard": (("word",), whole("nobody says this")),
    "a far future": (("time",), first(pd.Timestamp("2199-12-31"))),
    "a far past": (("time",), first(pd.Timestamp("1701-01-01"))),
}
