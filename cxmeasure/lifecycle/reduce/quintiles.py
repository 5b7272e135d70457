"""Purchases → each customer's recency, frequency and value, scored 1 to 5, in the caller's engine."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from cxmeasure._frames import Kind, Lazy, adopt, as_number, collect
from cxmeasure.lifecycle.reduce.calendar import with_day
from cxmeasure.lifecycle.reduce.purchases import last_day_checked

MEASURES = ("days_since", "n_purchases", "value_per_purchase")
SCORES = ("recency_score", "frequency_score", "value_score")
SEGMENTS = (
    "recent, large",
    "recent, small",
    "cooling, large",
    "cooling, small",
    "quiet, large",
    "quiet, small",
)
"""Recency score 4–5, 2–3, 1; large where the other two scores add up to `LARGE` or more."""
RECENT, LARGE = (5, 3, 1), 7
_STEPS = (0.2, 0.4, 0.6, 0.8)


def scored_customers(
    purchases: Any,
    *,
    customer_column: str,
    time_column: str,
    value_column: str,
    observed_until: date | None,
) -> tuple[Lazy, pd.DataFrame, pd.DataFrame]:
    """Return one row a customer with measures, scores and segment; counts by segment; and the cuts.

    Raises
    ------
    DataError
        As `purchase_histories`.
    """
    roles: dict[str, tuple[str, Kind]] = {
        "customer": (customer_column, "key"),
        "at": (time_column, "time"),
        "value": (value_column, "number"),
    }
    frame = with_day(adopt(purchases, roles, name="purchases"), "at", "day")
    last = last_day_checked(frame, customer_column, time_column, value_column, observed_until)
    days = frame.group_by("customer", "day").agg(nw.col("value").sum())
    days = days.with_columns(one=nw.lit(1))
    rows = days.group_by("customer").agg(nw.col("day").max(), nw.col("one", "value").sum())
    rows = rows.with_columns(
        days_since=(nw.lit(last) - nw.col("day")).cast(nw.Int64),
        n_purchases=nw.col("one").cast(nw.Int64),
        value_per_purchase=nw.col("value") / nw.col("one").cast(nw.Float64),
    )
    cuts = _cuts(rows)
    marks = zip(MEASURES, SCORES, cuts.to_numpy().tolist(), strict=True)
    rows = rows.with_columns(*(_score(measure, own).alias(score) for measure, score, own in marks))
    # Few days since the last purchase are a high score.
    rows = rows.with_columns(recency_score=6 - nw.col("recency_score"))
    rows = rows.with_columns(segment=_segment())
    tally = collect(rows.group_by("segment").agg(n=nw.len()))
    shown = rows.select(nw.col("customer").alias(customer_column), *MEASURES, *SCORES, "segment")
    return shown.sort(customer_column), tally, cuts


def _cuts(rows: Lazy) -> pd.DataFrame:
    steps = [
        nw.col(measure).cast(nw.Float64).quantile(step, "linear").alias(f"{measure} {step}")
        for measure in MEASURES
        for step in _STEPS
    ]
    values = collect(rows.select(*steps)).iloc[0].to_numpy(dtype=float).reshape(len(MEASURES), -1)
    return pd.DataFrame(
        values, index=pd.Index(MEASURES, name="measure"), columns=[f"{s:.0%}" for s in _STEPS]
    )


def _score(measure: str, cuts: Sequence[float]) -> nw.Expr:
    """Return 1 to 5: one more for each cut that lies below; engines round a cut differently."""
    score = nw.lit(1)
    for cut in cuts:
        score = score + as_number(nw.col(measure) > cut + 1e-9 * (1 + abs(cut)))
    return score.cast(nw.Int64)


def _segment() -> nw.Expr:
    recent = nw.col("recency_score")
    large = nw.col("frequency_score") + nw.col("value_score") >= LARGE
    name: nw.Expr = nw.lit(SEGMENTS[0])
    for at, level in enumerate(RECENT):
        for is_small in (0, 1):
            holds = (recent <= level) & (~large if is_small else large)
            name = nw.when(holds).then(nw.lit(SEGMENTS[2 * at + is_small])).otherwise(name)
    return name
