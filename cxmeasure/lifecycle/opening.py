"""How every function on episodes and stays opens its table: what is asked of it, and its groups."""

from collections.abc import Sequence
from datetime import date

import pandas as pd

from cxmeasure import _arguments
from cxmeasure.errors import ArgumentError
from cxmeasure.lifecycle.calendar_days import day_of
from cxmeasure.lifecycle.counting import Counts
from cxmeasure.lifecycle.reduce import Spells
from cxmeasure.results import COLUMNS


def spells_asked(
    columns: tuple[str, str, str, str],
    by: Sequence[str],
    every: str | Sequence[int],
    observed_until: date | str | None,
    *,
    own: Sequence[str],
    cohort: str = "all",
    name: str = "episodes",
) -> Spells:
    """Return what to read, from the arguments of a function.

    Parameters
    ----------
    columns : tuple of str
        Columns of the customer, the episode, its start and its end.
    own : sequence of str
        Columns that the result has besides `COLUMNS`; no column of `by` may be called so.

    Raises
    ------
    ArgumentError
        If `by` is no list of different names, or one is a column of the result, or a day is none.
    """
    groups = _arguments.names(by, name="by")
    if clash := [column for column in groups if column in (*COLUMNS, *own)]:
        raise ArgumentError(
            f"by={groups!r}: the result has a column {clash[0]!r} of its own; rename yours first."
        )
    until = day_of(observed_until, name="observed_until")
    return Spells(*columns, by=groups, every=every, cohort=cohort, observed_until=until, name=name)


def groups_of(tally: pd.DataFrame, spells: Spells) -> tuple[pd.DataFrame, Counts]:
    """Return one row a group under the user's names, and the group of each row of `tally`."""
    keys = spells.keys
    if not keys:
        return pd.DataFrame(index=range(1)), pd.Series(0, tally.index).to_numpy().astype("int64")
    groups = tally[keys].drop_duplicates(ignore_index=True)
    at = tally.groupby(keys, dropna=False, sort=False).ngroup().to_numpy().astype("int64")
    return groups.rename(columns={f"by_{i}": column for i, column in enumerate(spells.by)}), at
