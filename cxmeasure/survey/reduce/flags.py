"""A user's answers → the same rows with a flag for each suspicion, in the user's engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from cxmeasure._frames import Kind, adopt, as_number, collect, opened
from cxmeasure.errors import ArgumentError, DataError
from cxmeasure.results import NativeFrame

PREFIX = "is_"
FLAGGED = "is_flagged"
_LEAST_ITEMS = 3


@dataclass(frozen=True, slots=True)
class Checks:
    """What answers are screened for, by which columns and limits; see `screen`."""

    keys: tuple[str, ...] = ()
    sent: str | None = None
    answered: str | None = None
    soonest_seconds: float = 0.0
    duration: str | None = None
    least_duration: float | None = None
    items: tuple[str, ...] = ()
    longest_run: int | None = None
    least_variability: float | None = None

    @property
    def names(self) -> list[str]:
        """Return the flags that these checks raise, in order."""
        asked = {
            "duplicate": bool(self.keys),
            "too_soon": self.sent is not None,
            "speeder": self.duration is not None,
            "straight_line": bool(self.items),
            "long_run": self.longest_run is not None,
            "low_variability": self.least_variability is not None,
        }
        return [name for name, is_asked in asked.items() if is_asked]

    @property
    def roles(self) -> dict[str, tuple[str, Kind]]:
        """Return the columns read and the kind of values each must hold."""
        roles: dict[str, tuple[str, Kind]] = {f"key_{i}": (key, "any") for i, key in enumerate(self.keys)}
        roles |= {f"item_{i}": (item, "number") for i, item in enumerate(self.items)}
        times = {"sent": self.sent, "answered": self.answered}
        roles |= {role: (column, "time") for role, column in times.items() if column is not None}
        return roles | ({"duration": (self.duration, "number")} if self.duration is not None else {})


def flag_rows(answers: Any, checks: Checks, suspect_patterns: Mapping[str, Sequence[str]]) -> NativeFrame:
    """Return the user's rows with a column of true and false for each flag, and ``is_flagged`` for any.

    `suspect_patterns` has, by flag, the patterns of items (in the words of `item_patterns`) that raise it.
    """
    frame = opened(answers, name="answers")
    schema = frame.collect_schema()
    flags = {name: PREFIX + name for name in checks.names}
    _refuse_taken([*flags.values(), FLAGGED], list(schema))
    if checks.keys:
        frame = _with_duplicates(frame, schema, list(checks.keys), checks.answered)
    if checks.sent is not None and checks.answered is not None:
        sent, answered = (nw.col(name).cast(nw.Datetime("us")) for name in (checks.sent, checks.answered))
        soon = answered < sent.dt.offset_by(f"{round(checks.soonest_seconds * 1e6)}us")
        frame = frame.with_columns(soon.fill_null(False).alias(flags["too_soon"]))
    if checks.duration is not None and checks.least_duration is not None:
        quick = _number(checks.duration, schema) < checks.least_duration
        frame = frame.with_columns(quick.fill_null(False).alias(flags["speeder"]))
    if checks.items:
        frame = frame.with_columns(_straight(checks.items, schema).alias(flags["straight_line"]))
    for name, patterns in suspect_patterns.items():
        is_suspect = _pattern(checks.items, schema).is_in(list(patterns)) if patterns else nw.lit(False)
        frame = frame.with_columns(is_suspect.alias(flags[name]))
    is_any = nw.any_horizontal(*(nw.col(flag) for flag in flags.values()), ignore_nulls=True)
    rows: NativeFrame = frame.with_columns(is_any.alias(FLAGGED)).to_native()
    return rows


def check_answers(answers: Any, checks: Checks) -> None:
    """Raise the door's errors for the columns that a screening will read."""
    adopt(answers, checks.roles, name="answers")


def median_duration(answers: Any, duration_column: str) -> float:
    """Return the median of the durations.

    Raises
    ------
    DataError
        If all are missing.
    """
    frame = adopt(answers, {"duration": (duration_column, "number")}, name="answers")
    middle = collect(frame.select(nw.col("duration").median()))["duration"].iloc[0]
    if pd.isna(middle):
        raise DataError(f"Every value of {duration_column!r} is missing; there is no speed to judge.")
    return float(middle)


def item_patterns(answers: Any, item_columns: Sequence[str]) -> pd.DataFrame:
    """Return each pattern of items once: ``pattern`` (a text), ``n_rows``, and the items as numbers."""
    frame = opened(answers, name="answers")
    schema = frame.collect_schema()
    items = {f"item_{i}": _number(column, schema) for i, column in enumerate(item_columns)}
    frame = frame.select(pattern=_pattern(item_columns, schema), n_rows=nw.lit(1), **items)
    counted = frame.group_by("pattern").agg(nw.col("n_rows").sum(), *(nw.col(name).min() for name in items))
    counted = counted.sort("pattern")
    table: pd.DataFrame = collect(counted) if isinstance(counted, nw.LazyFrame) else counted.to_pandas()
    return table.rename(columns=dict(zip(items, item_columns, strict=True)))


def _refuse_taken(names: Sequence[str], columns: Sequence[str]) -> None:
    if taken := [name for name in names if name in columns]:
        raise ArgumentError(
            f"answers has a column {taken[0]!r} already, which the flags would overwrite; rename it first."
        )


def _number(column: str, schema: Mapping[str, nw.dtypes.DType]) -> nw.Expr:
    value = nw.col(column)
    return (value.fill_nan(None) if schema[column].is_float() else value).cast(nw.Float64)


def _with_duplicates(
    frame: Any, schema: Mapping[str, nw.dtypes.DType], keys: list[str], answered_column: str | None
) -> Any:
    """Flag all rows of a key but one: the latest, and of equally late ones any."""
    row, latest = "\0row", "\0latest"
    order = [answered_column, *keys] if answered_column is not None else keys
    if isinstance(frame, nw.LazyFrame):
        frame = frame.with_row_index(row, order_by=order)
    else:
        frame = frame.with_row_index(row)
    last = nw.lit(True)
    if answered_column is not None:
        at = nw.col(answered_column)
        last = (at == at.max().over(*keys)).fill_null(False) | at.max().over(*keys).is_null()
    frame = frame.with_columns(
        nw.when(last).then(nw.col(row).cast(nw.Int64)).otherwise(nw.lit(-1)).alias(latest)
    )
    other = nw.col(row).cast(nw.Int64) != nw.col(latest).max().over(*keys)
    for key in keys:
        absent = nw.col(key).is_null()
        other = other & ~(absent | nw.col(key).is_nan() if schema[key].is_float() else absent)
    return frame.with_columns(other.fill_null(False).alias("is_duplicate")).drop(row, latest)


def _straight(item_columns: Sequence[str], schema: Mapping[str, nw.dtypes.DType]) -> nw.Expr:
    """Return whether all items answered, at least three, got the same answer."""
    items = [_number(column, schema) for column in item_columns]
    count = nw.sum_horizontal(*(as_number(~item.is_null()) for item in items))
    same = nw.max_horizontal(*items) == nw.min_horizontal(*items)
    return same.fill_null(False) & (count >= _LEAST_ITEMS)


def _pattern(item_columns: Sequence[str], schema: Mapping[str, nw.dtypes.DType]) -> nw.Expr:
    texts = [_number(column, schema).cast(nw.String).fill_null("–") for column in item_columns]
    return nw.concat_str(*texts, separator=" ")
