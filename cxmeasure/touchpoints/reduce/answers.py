"""A user's scored contacts → one row a touchpoint (or any group) of counts and sums, in the user's engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from cxmeasure._frames import Kind, Lazy, adopt, as_number, collect, refuse_if_empty
from cxmeasure.errors import DataError

_HUGE = 1e150


@dataclass(frozen=True, slots=True)
class Coding:
    """How a score becomes a value: 1 at or above `plus_from`, −1 at or below `minus_to`, or itself."""

    low: float = -_HUGE
    high: float = _HUGE
    plus_from: float | None = None
    minus_to: float | None = None
    is_whole: bool = False

    def value(self, centre: float) -> nw.Expr:
        """Return the value of an answer, on the role ``score``; a score itself less `centre`."""
        score = nw.col("score")
        if self.plus_from is None:
            return score - nw.lit(centre)
        plus = as_number(score >= self.plus_from).cast(nw.Float64)
        return plus if self.minus_to is None else plus - as_number(score <= self.minus_to).cast(nw.Float64)


def tally(
    events: Any, coding: Coding, *, score_column: str, by: Sequence[str], customer_column: str | None
) -> pd.DataFrame:
    """Return one row a group: n, n_missing, the mean of the coded values and their squares about it.

    With `customer_column` also ``n_customers``, ``n_squared`` (the sum over customers of their answers
    squared) and ``between`` (squares of the customers' means about the group's, an answer each).

    Raises
    ------
    TableError, DataError
        If a column is missing or of the wrong type, there is no row, no score, or a score outside the
        scale; if the customer of an answer is missing.
    """
    keys = [f"by_{i}" for i in range(len(by))]
    roles: dict[str, tuple[str, Kind]] = {"score": (score_column, "number")}
    roles |= {key: (column, "any") for key, column in zip(keys, by, strict=True)}
    if customer_column is not None:
        roles["customer"] = (customer_column, "any")
    frame = adopt(events, roles, name="events")
    centre = _centre(frame, coding)
    flagged = _flagged(frame, coding, centre, has_customers=customer_column is not None)
    sums = [nw.col(name).sum() for name in _COUNTS]
    extremes = [nw.col("score").min().alias("lowest"), nw.col("score").max().alias("highest")]
    if customer_column is not None:
        customers = flagged.group_by(*keys, "customer").agg(*sums, *extremes)
        flagged = _squared(customers)
        sums += [nw.col(name).sum() for name in ("n_customers", "n_squared", "means")]
        extremes = [nw.col("lowest").min(), nw.col("highest").max()]
    table = collect(
        flagged.group_by(*keys).agg(*sums, *extremes) if keys else flagged.select(*sums, *extremes)
    )
    _refuse_bad(table, coding, score_column, customer_column)
    table = table.sort_values(keys, kind="stable", ignore_index=True) if keys else table
    return _finished(table, keys, by, centre, has_customers=customer_column is not None)


_COUNTS = ("rows", "n", "n_missing", "n_outside", "n_fraction", "n_without", "f", "ff")


def _centre(frame: Lazy, coding: Coding) -> float:
    """Return a number amid the scores: sums of squares far from zero would lose the variance."""
    if coding.plus_from is not None:
        return 0.0
    score = nw.col("score")
    mean = collect(frame.filter(score.abs() <= _HUGE).select(score.mean()))["score"]
    return float(mean.iloc[0]) if mean.notna().any() else 0.0


def _flagged(frame: Lazy, coding: Coding, centre: float, *, has_customers: bool) -> Lazy:
    # Flag columns first: an expression with a condition inside agg() is ignored on some engines.
    score = nw.col("score")
    outside = (score < coding.low) | (score > coding.high)
    fraction = score != score.round(0) if coding.is_whole else nw.lit(False)
    without = nw.col("customer").is_null() & ~score.is_null() if has_customers else nw.lit(False)
    frame = frame.with_columns(
        rows=nw.lit(1),
        n=as_number(~score.is_null()),
        n_missing=as_number(score.is_null()),
        n_outside=as_number(outside.fill_null(False)),
        n_fraction=as_number(fraction.fill_null(False)),
        n_without=as_number(without),
        f=coding.value(centre).fill_null(0.0),
    )
    # The value of a missing score: 0, whatever the coding made of it.
    frame = frame.with_columns(f=nw.col("f") * nw.col("n"))
    return frame.with_columns(ff=nw.col("f") * nw.col("f"))


def _squared(customers: Lazy) -> Lazy:
    n, total = nw.col("n"), nw.col("f")
    return customers.with_columns(
        n_customers=as_number(n > 0),
        n_squared=n * n,
        means=nw.when(n > 0).then(total * total / n).otherwise(nw.lit(0.0)),
    )


def _finished(
    table: pd.DataFrame, keys: Sequence[str], by: Sequence[str], centre: float, *, has_customers: bool
) -> pd.DataFrame:
    n = table["n"].to_numpy(float)
    total, square = table["f"].to_numpy(float), table["ff"].to_numpy(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    about = np.nan_to_num(n * mean * mean)
    done = table[list(keys)].rename(columns=dict(zip(keys, by, strict=True)))
    done["n"], done["n_missing"] = table["n"].astype("int64"), table["n_missing"].astype("int64")
    done["mean"] = mean + centre
    done["squares"] = np.maximum(square - about, 0.0)
    if has_customers:
        done["n_customers"] = table["n_customers"].astype("int64")
        done["n_squared"] = table["n_squared"].astype("int64")
        done["between"] = np.clip(table["means"].to_numpy(float) - about, 0.0, done["squares"])
    return done


def _refuse_bad(table: pd.DataFrame, coding: Coding, score_column: str, customer_column: str | None) -> None:
    refuse_if_empty(int(table["rows"].fillna(0).sum()), name="events")
    count = {name: int(table[name].sum()) for name in _COUNTS[:6]}
    if count["n"] == 0:
        raise DataError(f"Every value of {score_column!r} is missing; there is no answer to score.")
    if count["n_outside"]:
        scale = f"{coding.low:g} to {coding.high:g}" if coding.high < _HUGE else "the finite numbers"
        raise DataError(
            f"{score_column!r} holds scores outside {scale} ({count['n_outside']:,} of them; "
            f"lowest {table['lowest'].min():g}, highest {table['highest'].max():g}). "
            "Correct them, or give the metric and scale that the question had."
        )
    if count["n_fraction"]:
        raise DataError(
            f"{score_column!r} holds scores that are not whole numbers ({count['n_fraction']:,} of them); "
            "NPS is defined on single answers, not on averages of them."
        )
    if count["n_without"]:
        raise DataError(
            f"{customer_column!r} is missing for {count['n_without']:,} of the answers; "
            "say of each whose answer it is."
        )
