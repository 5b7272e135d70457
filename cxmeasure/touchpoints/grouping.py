"""The columns that make groups, checked before a table is read."""

from collections.abc import Sequence

import numpy as np

from cxmeasure import _arguments
from cxmeasure.errors import ArgumentError
from cxmeasure.results import COLUMNS


def grouping(by: Sequence[str], extras: Sequence[str] = (), *, name: str = "by") -> list[str]:
    """Return the columns of `by` as a list.

    Raises
    ------
    ArgumentError
        If it is no list of different names, or one is the name of a column of the result.
    """
    groups = _arguments.names(by, name=name)
    if clash := [column for column in groups if column in (*COLUMNS, *extras)]:
        raise ArgumentError(
            f"{name}={groups!r}: the result has a column {clash[0]!r} of its own; rename yours first."
        )
    return groups


def generator(rng: np.random.Generator | None) -> np.random.Generator:
    """Return `rng`, or a fresh generator where none is given.

    Raises
    ------
    ArgumentError
        If it is something else, such as a seed.
    """
    if rng is None:
        return np.random.default_rng()
    if not isinstance(rng, np.random.Generator):
        raise ArgumentError(f"rng={rng!r} is no generator; give np.random.default_rng(2026), or nothing.")
    return rng
