"""A user's answers → small tables of counts and sums, in the user's engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from cxmeasure._frames import Kind, adopt, as_number, collect, refuse_if_empty
from cxmeasure.errors import DataError

_HUGE = 1.7976931348623157e308
_LARGEST_WEIGHT = 1e100
"""Beyond it (or below its inverse) the square of a weight leaves the range of a float."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How a score becomes a value: +1 at or above `plus_from`, −1 at or below `minus_to`, or itself."""

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


def group_keys(by: Sequence[str]) -> list[str]:
    """Return the names under which the columns of `by` travel until the result is made."""
    return [f"by_{i}" for i in range(len(by))]


def tally_answers(
    answers: Any,
    coding: Coding,
    *,
    score_column: str,
    by: Sequence[str],
    weight_column: str | None,
    responded_column: str | None = None,
    cluster_column: str | None = None,
    by_kind: Kind = "any",
) -> pd.DataFrame:
    """Return one row a group: n, n_missing, and the weighted sums of the value, its square and w².

    The groups stand in `group_keys`. The columns ``w w2 wf wff w2f w2ff`` are Σw, Σw², Σwf, Σwf², Σw²f,
    Σw²f² (``w_missing`` and ``w2_missing`` of rows without a score) with f the coded value less
    ``centre``: all that a mean, a share or a net share and their linearised variances need. With
    `responded_column` only rows that it says were answered count.
    With `cluster_column` also ``clusters``, how many have weight, and ``cww cwf cff``, the sums over
    clusters of their Σw squared, of Σw times Σwf, and of Σwf squared; ``clusters_invited``, ``css``,
    ``cws`` and ``cfs`` are the same with the weight s of rows without a score.

    Raises
    ------
    DataError
        If there is no row, no score, a score outside the scale, or a weight that is negative, infinite,
        missing, or zero for all.
    """
    roles: dict[str, tuple[str, Kind]] = {"score": (score_column, "number")}
    keys = group_keys(by)
    roles |= {key: (column, by_kind) for key, column in zip(keys, by, strict=True)}
    if weight_column is not None:
        roles["weight"] = (weight_column, "number")
    if responded_column is not None:
        roles["responded"] = (responded_column, "flag")
    if cluster_column is not None:
        roles["cluster"] = (cluster_column, "any")
    frame = adopt(answers, roles, name="answers")
    if responded_column is not None:
        frame = frame.filter(nw.col("responded").cast(nw.Int64) == 1)
    if weight_column is None:
        frame = frame.with_columns(weight=nw.lit(1.0))
    centre = _centre(frame, coding)
    # Flag columns first: an expression with a condition inside agg() is ignored on some engines.
    flagged = _flagged(frame, coding, centre)
    sums = [nw.col(name).sum() for name in _SUMS]
    extremes = [nw.col("score").min().alias("lowest"), nw.col("score").max().alias("highest")]
    if cluster_column is not None:
        flagged = _squared(flagged.group_by(*keys, "cluster").agg(*sums, *extremes))
        sums += [nw.col(name).sum() for name in _CLUSTER_SUMS]
        extremes = [nw.col("lowest").min(), nw.col("highest").max()]
    tally = collect(
        flagged.group_by(*keys).agg(*sums, *extremes) if keys else flagged.select(*sums, *extremes)
    )
    _refuse_bad(tally, coding, score_column, weight_column)
    tally = tally.sort_values(keys, kind="stable", ignore_index=True) if keys else tally
    counts = ["n", "n_missing"]
    tally[counts] = tally[counts].astype("int64")
    extra = [] if cluster_column is None else list(_CLUSTER_SUMS)
    if extra and (bad := int(tally["n_without"].sum())):
        raise DataError(
            f"{cluster_column!r} is missing for {bad:,} of the answers; say of each whose answer it is."
        )
    return tally[[*keys, *counts, *_MOMENTS, *extra]].assign(centre=centre)


_CLUSTER_SUMS = (
    *("clusters", "cww", "cwf", "cff", "n_without"),
    *("clusters_invited", "css", "cws", "cfs", "n_silent_without"),
)
_MOMENTS = ("w", "w2", "wf", "wff", "w2f", "w2ff", "w_missing", "w2_missing")


def _squared(clusters: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    w, f, s, nobody = nw.col("w"), nw.col("wf"), nw.col("w_missing"), nw.col("cluster").is_null()
    return clusters.with_columns(
        clusters=as_number(w > 0),
        cww=w * w,
        cwf=w * f,
        cff=f * f,
        n_without=nw.when(nobody).then(nw.col("n")).otherwise(nw.lit(0)),
        clusters_invited=as_number((w > 0) | (s > 0)),
        css=s * s,
        cws=w * s,
        cfs=f * s,
        n_silent_without=nw.when(nobody).then(nw.col("n_missing")).otherwise(nw.lit(0)),
    )


def _centre(frame: nw.LazyFrame[Any], coding: Coding) -> float:
    """Return a number amid the scores: sums of squares far from zero would lose the variance."""
    if coding.plus_from is not None:
        return 0.0
    if coding.high < _HUGE:
        return (coding.low + coding.high) / 2
    score = nw.col("score")
    finite = frame.filter((score >= -_HUGE) & (score <= _HUGE))
    mean = collect(finite.select(score.mean()))["score"]
    return float(mean.iloc[0]) if mean.notna().any() else 0.0


_MOMENTS = ("w", "w2", "wf", "wff", "w2f", "w2ff", "w_missing", "w2_missing")
_SUMS = (
    *("rows", "n", "n_missing", "n_outside", "n_fraction", "n_bad_weight"),
    *_MOMENTS,
)


def _flagged(frame: nw.LazyFrame[Any], coding: Coding, centre: float) -> nw.LazyFrame[Any]:
    score, weight = nw.col("score"), nw.col("weight")
    answered = ~score.is_null()
    outside = answered & ((score < coding.low) | (score > coding.high))
    fraction = answered & ~outside & (score != score.round(0)) if coding.is_whole else nw.lit(False)
    frame = frame.with_columns(
        rows=nw.lit(1),
        n_missing=as_number(score.is_null()),
        n_outside=as_number(outside.fill_null(False)),
        n_fraction=as_number(fraction.fill_null(False)),
        n_bad_weight=as_number(is_bad_weight(weight)),
        n=as_number((answered & (weight > 0)).fill_null(False)),
        f=coding.value(centre).fill_null(0.0),
        w=nw.when(answered).then(weight).otherwise(nw.lit(0.0)),
    )
    w, f = nw.col("w"), nw.col("f")
    silent = nw.when(answered).then(nw.lit(0.0)).otherwise(weight)
    frame = frame.with_columns(w_missing=silent)
    silent = nw.col("w_missing")
    return frame.with_columns(
        w2_missing=silent * silent, w2=w * w, wf=w * f, wff=w * f * f, w2f=w * w * f, w2ff=w * w * f * f
    )


def is_bad_weight(weight: nw.Expr) -> nw.Expr:
    """Return whether a weight is negative, infinite, missing, or too extreme to be squared."""
    too_small = (weight > 0) & (weight < 1 / _LARGEST_WEIGHT)
    return weight.is_null() | (weight < 0) | (weight > _LARGEST_WEIGHT) | too_small.fill_null(False)


def refuse_bad_weights(n_bad: int, n_positive: int, weight_column: str | None, *, row: str) -> None:
    """Raise a `DataError` if weights cannot be used, or all are zero."""
    if n_bad:
        raise DataError(
            f"{weight_column!r} holds weights that are negative, infinite or missing ({n_bad:,} of them); "
            f"give every {row} a weight of zero, or between 1e-100 and 1e100."
        )
    if n_positive == 0:
        raise DataError(f"All weights in {weight_column!r} are zero; at least one {row} must count.")


def _refuse_bad(tally: pd.DataFrame, coding: Coding, score_column: str, weight_column: str | None) -> None:
    refuse_if_empty(int(tally["rows"].fillna(0).sum()), name="answers")
    count = {
        name: int(tally[name].sum()) for name in ("n", "n_missing", "n_outside", "n_fraction", "n_bad_weight")
    }
    scale = f"{coding.low:g} to {coding.high:g}" if coding.high < _HUGE else "the finite numbers"
    if count["n_missing"] == tally["rows"].sum():
        raise DataError(f"Every value of {score_column!r} is missing; there is no answer to score.")
    if count["n_outside"]:
        raise DataError(
            f"{score_column!r} holds scores outside {scale} ({count['n_outside']:,} of them; "
            f"lowest {tally['lowest'].min():g}, highest {tally['highest'].max():g}). "
            "Correct them, or name the metric and scale that the question had."
        )
    if count["n_fraction"]:
        raise DataError(
            f"{score_column!r} holds scores that are not whole numbers ({count['n_fraction']:,} of them); "
            "this metric is defined on single answers, not on averages of them."
        )
    refuse_bad_weights(count["n_bad_weight"], count["n"], weight_column, row="answer")
