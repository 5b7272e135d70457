"""A user's outcomes after touches → sums by days since, kind and number, in buckets of customers."""

from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from cxmeasure._frames import Kind, adopt, as_number, collect, how_many, refuse_if_empty, told
from cxmeasure.errors import DataError
from cxmeasure.touchpoints.reduce.products import bucketed

_HUGE = 1e100
_LONGEST = 100 * 366


def tally_days(
    outcomes: Any,
    *,
    outcome_column: str,
    days_column: str,
    kind_column: str | None,
    number_column: str | None,
    customer_column: str,
) -> tuple[pd.DataFrame, int, int]:
    """Return ``n`` and ``total`` by ``bucket day kind nth``; customers; and rows without an outcome.

    Days are whole; a row without days was not touched, and has no kind and the number 1.

    Raises
    ------
    TableError, DataError
        If a column is missing or of the wrong type, there is no outcome, an outcome is infinite, days are
        below zero, a number below one, or a customer missing.
    """
    roles: dict[str, tuple[str, Kind]] = {
        "customer": (customer_column, "key"),
        "outcome": (outcome_column, "number"),
        "days": (days_column, "number"),
    }
    if kind_column is not None:
        roles["kind"] = (kind_column, "any")
    if number_column is not None:
        roles["nth"] = (number_column, "number")
    frame = adopt(outcomes, roles, name="outcomes")
    if kind_column is None:
        frame = frame.with_columns(kind=nw.lit("touch"))
    if number_column is None:
        frame = frame.with_columns(nth=nw.lit(1.0))
    touched = ~nw.col("days").is_null()
    bad = (nw.col("days") < 0) | (nw.col("days") > _LONGEST) | (nw.col("outcome").abs() > _HUGE)
    bad = bad | (((nw.col("nth") < 1) | (nw.col("nth") > _HUGE)) & touched)
    flags = frame.select(
        rows=nw.lit(1),
        n_missing=as_number(nw.col("outcome").is_null()),
        bad=as_number(bad.fill_null(False)),
        nobody=as_number(nw.col("customer").is_null()),
    )
    counts = collect(flags.select(*(nw.col(name).sum() for name in ("rows", "n_missing", "bad", "nobody"))))
    seen = counts.iloc[0].fillna(0).astype(int)
    refuse_if_empty(int(seen["rows"]), name="outcomes")
    if seen["n_missing"] == seen["rows"] or seen["bad"] or seen["nobody"]:
        faults = {
            "are missing": seen["n_missing"],
            "are infinite, or have days below zero or above a century, or a number below one": seen["bad"],
            "have no customer": seen["nobody"],
        }
        raise DataError(f"Of {seen['rows']:,} outcomes {told(faults)}; correct them, or leave them out.")
    kept = frame.filter(~nw.col("outcome").is_null()).with_columns(
        one=nw.lit(1),
        day=nw.col("days").floor(),
        kind=nw.when(touched).then(nw.col("kind").cast(nw.String)),
        nth=nw.when(touched).then(nw.col("nth")).otherwise(nw.lit(1.0)),
    )
    n_customers = how_many(kept, "customer")
    table = collect(
        bucketed(kept, [], n_customers, has_customers=True)
        .group_by("bucket", "day", "kind", "nth")
        .agg(nw.col("one").sum().alias("n"), nw.col("outcome").sum().alias("total"))
    )
    done = table.astype({"n": "int64", "bucket": "int64"}).sort_values(
        ["bucket", "kind", "day", "nth"], ignore_index=True
    )
    return done, n_customers, int(seen["n_missing"])
