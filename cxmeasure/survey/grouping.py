"""The columns that make groups, on their way into a table and out again."""

from collections.abc import Sequence

import pandas as pd

from cxmeasure import _arguments
from cxmeasure.errors import ArgumentError
from cxmeasure.results import COLUMNS
from cxmeasure.survey.reduce import group_keys


def grouping(by: Sequence[str], *extras: str, name: str = "by") -> list[str]:
    """Return the columns of `by` as a list.

    Raises
    ------
    ArgumentError
        If it is no list of different names, or one of them is the name of a column of the result, of
        which `extras` are those besides `COLUMNS`.
    """
    groups = _arguments.names(by, name=name)
    clash = [column for column in groups if column in (*COLUMNS, *extras)]
    if clash:
        raise ArgumentError(
            f"{name}={groups!r}: the result has a column {clash[0]!r} of its own; rename yours first."
        )
    return groups


def regrouped(tally: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return the grouping columns of `tally` under the names the user gave them."""
    keys = group_keys(by)
    return tally[keys].rename(columns=dict(zip(keys, by, strict=True)))
