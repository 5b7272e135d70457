"""What functions return: `Estimates` and `Scores`. An estimate never travels alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from types import MappingProxyType
from typing import Any, NewType

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxmeasure import _arguments
from cxmeasure.errors import DataError

COLUMNS = (
    "term",
    "n",
    "estimate",
    "std_error",
    "statistic",
    "p_value",
    "conf_low",
    "conf_high",
    "unit",
    "note",
)
"""The columns that every table of estimates has, in this order, after those of `by`."""

_DECIMALS = {"points": 1, "share": 3, "scale points": 2}
_SHOWN_ROWS = 40
_NO_COUNTS = ("n_missing", "n_effective")
"""Columns that begin like a count of whom a row is made of, and are none."""

NativeFrame = NewType("NativeFrame", object)
"""A frame of the caller's own engine: pandas, Polars, Arrow, DuckDB, Ibis or Spark."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """Estimates with their uncertainty, what they estimate, and what they assume.

    Attributes
    ----------
    table : pandas.DataFrame
        One row an estimate: the `by` columns under their own names, then `COLUMNS`, then what the
        function names besides.
    estimand : str
        What number of which population this is, in one line.
    method : str
        Name and reference of the method.
    assumptions : tuple of str
        What has to hold for the interval to be right, a sentence each.
    conf_level : float
        Level of `conf_low` and `conf_high`, in 0–1.
    details : mapping of str to pandas.DataFrame
        Further tables, by name.
    draws : ndarray of shape (draws, rows) or None
        Joint draws of `table`'s estimates, for questions about several rows at once.
    """

    table: pd.DataFrame
    estimand: str
    method: str
    assumptions: tuple[str, ...]
    conf_level: float
    details: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    draws: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", tidy(self.table))
        object.__setattr__(self, "details", MappingProxyType(dict(self.details)))

    def suppressed(self, min_cell: int) -> "Estimates":
        """Return the result without its small cells, for a table or chart that is published.

        A row is left out of `table`, `details` and `draws` where `n`, or another count ``n_…`` that it
        gives, is above zero and below `min_cell`; the charts draw what is left. How many are left out
        stands among the assumptions. Where a total is published too, or the other shares of one whole, a cell
        left out alone can be computed from them: choose `min_cell` so that two are.

        Parameters
        ----------
        min_cell : int
            The smallest count that may be shown, at least 2.

        Raises
        ------
        ArgumentError
            If `min_cell` is no whole number of at least 2.
        DataError
            If no row is left.

        Examples
        --------
        >>> import pandas as pd
        >>> from cxmeasure import survey
        >>> answers = pd.DataFrame({"ltr": [10, 9, 3, 8, 0], "team": ["a"] * 4 + ["b"]})
        >>> survey.metric(answers, by=["team"]).suppressed(min_cell=3).table[["team", "n", "estimate"]]
          team  n  estimate
        0    a  4      25.0
        """
        min_cell = _arguments.whole(min_cell, name="min_cell", at_least=2)
        is_small = _small_cells(self.table, min_cell)
        if is_small.all():
            raise DataError(
                f"Every row has a count below min_cell={min_cell}; there is nothing left to publish."
            )
        shown_details = {
            name: table[~_small_cells(table, min_cell)].reset_index(drop=True)
            for name, table in self.details.items()
        }
        said = f"Rows with a count below {min_cell} are left out: {is_small.sum():,} of {len(self.table):,}."
        drawn = self.draws if self.draws is None or not is_small.any() else self.draws[:, ~is_small]
        return replace(
            self,
            table=self.table[~is_small],
            details=shown_details,
            draws=drawn,
            assumptions=(*self.assumptions, said),
        )

    def __repr__(self) -> str:
        lines = [caption(self), shown(self.table).to_string(index=False), f"Method: {self.method}"]
        lines += [f"Assumes: {sentence}" for sentence in self.assumptions]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return as_html(self)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Row-level scores in the caller's engine, with an `Estimates` that sums them up.

    The rows are people: only the summary can be published, by its `Estimates.suppressed`.
    """

    rows: NativeFrame
    summary: Estimates


def _small_cells(table: pd.DataFrame, min_cell: int) -> npt.NDArray[np.bool_]:
    """Return for each row whether one of its counts is above zero and below `min_cell`."""
    counts = [
        column
        for column in table.columns
        if (column == "n" or str(column).startswith("n_"))
        and column not in _NO_COUNTS
        and pd.api.types.is_numeric_dtype(table[column])
    ]
    values = table[counts].to_numpy(float, na_value=np.nan)
    return np.asarray(((values > 0) & (values < min_cell)).any(axis=1))


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of `table` with all of `COLUMNS`, in order: grouping columns first, extras last."""
    known = [column for column in table.columns if column in COLUMNS]
    names = list(table.columns)
    first = names.index(known[0]) if known else 0
    before = [column for column in names[:first] if column not in COLUMNS]
    after = [column for column in names[first:] if column not in COLUMNS]
    filled = table.copy()
    for column in COLUMNS:
        if column not in filled:
            filled[column] = "" if column in ("term", "unit", "note") else np.nan
    ordered: pd.DataFrame = filled[[*before, *COLUMNS, *after]].reset_index(drop=True)
    return ordered


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` as text for a display: rounded by unit, without columns that say nothing new.

    Dropped are columns without content, the unit when it is the same throughout (the caption says it),
    ``n_missing`` when nothing is missing, and ``n_effective`` when it equals `n`. The object keeps all
    of them, in full precision; only what a reader sees is rounded.
    """
    units = table["unit"].tolist()
    text = pd.DataFrame(index=table.index)
    # On a phone the right of a table is out of sight: the interval stands beside its estimate.
    behind = ["std_error", "statistic", "p_value"]
    names = [name for name in table.columns if name not in behind]
    after = names.index("conf_high") + 1
    names[after:after] = behind
    for column in names:
        if not _says_nothing(table, column):
            text[column] = [
                _cell(value, column, unit) for value, unit in zip(table[column], units, strict=True)
            ]
    return text


def caption(result: Estimates) -> str:
    """Return the estimand with its unit, when there is one unit and the estimand does not say it."""
    units = set(result.table["unit"]) - {""}
    unit = units.pop() if len(units) == 1 else ""
    return result.estimand if not unit or unit in result.estimand else f"{result.estimand} (unit: {unit})"


def _says_nothing(table: pd.DataFrame, column: str) -> bool:
    values = table[column]
    if values.empty or values.isna().all() or (values.astype(object) == "").all():
        return True
    if column == "unit":
        return bool((values == values.iloc[0]).all())
    if column == "n_missing":
        return bool((values == 0).all())
    return column == "n_effective" and bool(np.allclose(values, table["n"].astype(float), equal_nan=True))


def as_html(result: Estimates) -> str:
    """Return the notebook display of `result`; every text a user supplied is escaped."""
    table = result.table
    notes = set(table["note"])
    common = notes.pop() if len(notes) == 1 else ""
    text = shown(table.assign(note="") if common else table)
    cut = len(text) - _SHOWN_ROWS
    body = text.head(_SHOWN_ROWS).to_html(index=False, border=0, classes="cx-estimates")
    named = escape(caption(result), quote=True)
    body = body.replace("<table ", f'<table aria-label="{named}" ', 1).replace("<th>", '<th scope="col">')
    said = [f"… and {cut:,} more rows in <code>.table</code>."] if cut > 0 else []
    said += [f"Each row: {escape(common)}."] if common else []
    said += [f"Method: {escape(result.method)}. Intervals: {result.conf_level:.0%}."]
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in result.assumptions)
    said += ["It assumes:"] if items else []
    fine = "".join(f"<p>{sentence}</p>" for sentence in said) + (f"<ul>{items}</ul>" if items else "")
    head = f'<p class="cx-estimand">{named}</p>'
    return f'<div class="cx-result">{head}{body}<div class="cx-fine">{fine}</div></div>'


def _cell(value: Any, column: str, unit: str) -> str:
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)) or value is pd.NA:
        return "–"
    if column == "p_value":
        return "< .001" if value < 0.001 else f"{value:.3f}"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}" if column == "n" else str(value)
    if isinstance(value, float | np.floating):
        if column == "n" and float(value).is_integer():
            return f"{value:,.0f}"
        decimals = _DECIMALS.get(unit)
        if decimals is not None and (column in COLUMNS or abs(float(value)) < 1):
            return f"{value:,.{decimals}f}"
        return f"{value:,.4g}"
    return str(value)


def by_columns(result: Estimates) -> Sequence[str]:
    """Return the names of the grouping columns of `result`: those that stand before ``term``."""
    names = list(result.table.columns)
    return names[: names.index("term")]
