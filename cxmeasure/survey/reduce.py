"""A user's answers and invitations → small tables of counts and sums, in the user's engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from cxmeasure._arguments import closest
from cxmeasure._frames import Kind, adopt, collect, listed, refuse_if_empty
from cxmeasure.errors import ArgumentError, DataError

_HUGE = 1.7976931348623157e308


@dataclass(frozen=True, slots=True)
class Coding:
    """How a score becomes a value: +1 at or above `plus_from`, −1 at or below `minus_to`, or itself."""

    low: float = -_HUGE
    high: float = _HUGE
    plus_from: float | None = None
    minus_to: float | None = None
    is_whole: bool = False

    def value(self) -> nw.Expr:
        """Return the value of an answer, on the role ``score``."""
        score = nw.col("score")
        if self.plus_from is None:
            return score
        plus = (score >= self.plus_from).cast(nw.Float64)
        return plus if self.minus_to is None else plus - (score <= self.minus_to).cast(nw.Float64)


def tally_answers(
    answers: Any, coding: Coding, *, score_column: str, by: Sequence[str], weight_column: str | None
) -> pd.DataFrame:
    """Return one row a group: n, n_missing, and the weighted sums of the value, its square and w².

    The columns ``w w2 wf wff w2f w2ff`` are Σw, Σw², Σwf, Σwf², Σw²f, Σw²f² with f the coded value: all
    that a mean, a share or a net share and their linearised variances need.

    Raises
    ------
    DataError
        If there is no row, no score, a score outside the scale, or a weight that is negative, infinite,
        missing, or zero for all.
    """
    roles: dict[str, tuple[str, Kind]] = {"score": (score_column, "number")}
    roles |= {f"by_{i}": (column, "any") for i, column in enumerate(by)}
    if weight_column is not None:
        roles["weight"] = (weight_column, "number")
    frame = adopt(answers, roles, name="answers")
    if weight_column is None:
        frame = frame.with_columns(weight=nw.lit(1.0))
    keys = [f"by_{i}" for i in range(len(by))]
    # Flag columns first: an expression with a condition inside agg() is ignored on some engines.
    flagged = _flagged(frame, coding)
    sums = [nw.col(name).sum() for name in _SUMS]
    extremes = [nw.col("score").min().alias("lowest"), nw.col("score").max().alias("highest")]
    tally = collect(
        flagged.group_by(*keys).agg(*sums, *extremes) if keys else flagged.select(*sums, *extremes)
    )
    _refuse_bad(tally, coding, score_column, weight_column)
    tally = tally.sort_values(keys, kind="stable", ignore_index=True) if keys else tally
    tally = tally.rename(columns=dict(zip(keys, by, strict=True)))
    counts = ["n", "n_missing"]
    tally[counts] = tally[counts].astype("int64")
    return tally[[*by, *counts, "w", "w2", "wf", "wff", "w2f", "w2ff"]]


_SUMS = (
    *("rows", "n", "n_missing", "n_outside", "n_fraction", "n_bad_weight"),
    *("w", "w2", "wf", "wff", "w2f", "w2ff"),
)


def _flagged(frame: nw.LazyFrame[Any], coding: Coding) -> nw.LazyFrame[Any]:
    score, weight = nw.col("score"), nw.col("weight")
    answered = ~score.is_null()
    outside = answered & ((score < coding.low) | (score > coding.high))
    fraction = answered & ~outside & (score != score.round(0)) if coding.is_whole else nw.lit(False)
    frame = frame.with_columns(
        rows=nw.lit(1),
        n_missing=score.is_null().cast(nw.Int64),
        n_outside=outside.fill_null(False).cast(nw.Int64),
        n_fraction=fraction.fill_null(False).cast(nw.Int64),
        n_bad_weight=(weight.is_null() | (weight < 0) | (weight > _HUGE)).cast(nw.Int64),
        n=(answered & (weight > 0)).fill_null(False).cast(nw.Int64),
        f=coding.value().fill_null(0.0),
        w=nw.when(answered).then(weight).otherwise(nw.lit(0.0)),
    )
    w, f = nw.col("w"), nw.col("f")
    return frame.with_columns(w2=w * w, wf=w * f, wff=w * f * f, w2f=w * w * f, w2ff=w * w * f * f)


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
            f"{count['n_outside']:,} of the scores in {score_column!r} lie outside {scale} "
            f"(lowest {tally['lowest'].min():g}, highest {tally['highest'].max():g}). "
            "Correct them, or name the metric and scale that the question had."
        )
    if count["n_fraction"]:
        raise DataError(
            f"{count['n_fraction']:,} of the scores in {score_column!r} are not whole numbers; "
            "this metric is defined on single answers, not on averages of them."
        )
    if count["n_bad_weight"]:
        raise DataError(
            f"{count['n_bad_weight']:,} weights in {weight_column!r} are negative, infinite or missing; "
            "give every answer a finite weight of zero or more."
        )
    if count["n"] == 0:
        raise DataError(f"All weights in {weight_column!r} are zero; at least one answer must count.")


DISPOSITIONS = ("I", "P", "R", "NC", "O", "UH", "UO", "NE")
"""AAPOR's final dispositions: complete, partial, refusal, non-contact, other, unknown household,
unknown other, not eligible."""


def tally_dispositions(
    invitations: Any,
    *,
    disposition_column: str,
    mapping: Mapping[str, str] | None,
    by: Sequence[str],
    weight_column: str | None,
) -> pd.DataFrame:
    """Return one row a group and disposition code: n, Σw and Σw².

    Raises
    ------
    ArgumentError
        If `mapping` leads to a code that AAPOR does not know.
    DataError
        If there is no row, a disposition is missing or not in the mapping, or a weight cannot be used.
    """
    roles: dict[str, tuple[str, Kind]] = {"code": (disposition_column, "text")}
    roles |= {f"by_{i}": (column, "any") for i, column in enumerate(by)}
    if weight_column is not None:
        roles["weight"] = (weight_column, "number")
    frame = adopt(invitations, roles, name="invitations")
    if weight_column is None:
        frame = frame.with_columns(weight=nw.lit(1.0))
    weight = nw.col("weight")
    frame = frame.with_columns(
        rows=nw.lit(1),
        n=(weight > 0).fill_null(False).cast(nw.Int64),
        n_bad_weight=(weight.is_null() | (weight < 0) | (weight > _HUGE)).cast(nw.Int64),
        w=weight,
        w2=weight * weight,
    )
    keys = ["code", *(f"by_{i}" for i in range(len(by)))]
    sums = [nw.col(name).sum() for name in ("rows", "n", "n_bad_weight", "w", "w2")]
    tally = collect(frame.group_by(*keys).agg(*sums))
    refuse_if_empty(len(tally), name="invitations")
    if bad := int(tally["n_bad_weight"].sum()):
        raise DataError(
            f"{bad:,} weights in {weight_column!r} are negative, infinite or missing; "
            "give every invitation a finite weight of zero or more."
        )
    tally["code"] = _mapped(tally["code"], mapping, disposition_column)
    tally = tally.rename(columns={f"by_{i}": column for i, column in enumerate(by)})
    grouped = tally.groupby([*by, "code"], dropna=False, sort=True)[["n", "w", "w2"]].sum()
    small: pd.DataFrame = grouped.reset_index()
    return small


def _mapped(codes: pd.Series, mapping: Mapping[str, str] | None, column: str) -> pd.Series:
    meaning = dict(mapping) if mapping is not None else {code: code for code in DISPOSITIONS}
    wrong = sorted(set(meaning.values()) - set(DISPOSITIONS))
    if wrong:
        raise ArgumentError(
            f"mapping leads to {listed(wrong)}; the codes are {listed(DISPOSITIONS, most=8)}."
        )
    if codes.isna().any():
        raise DataError(f"Some invitations have no value in {column!r}; map those to a disposition first.")
    unknown = sorted(set(codes) - set(meaning))
    if unknown:
        raise DataError(
            f"{column!r} holds {listed(unknown)}, which the mapping does not name; "
            f"map each to one of {listed(DISPOSITIONS, most=8)}.{closest(unknown[0], meaning)}"
        )
    return codes.map(meaning)
