"""Purchases → one row a customer, and customers → counts of equal histories, in the caller's engine."""

from datetime import date
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from cxmeasure._frames import Kind, Lazy, adopt, as_number, collect, opened, refuse_if_empty
from cxmeasure.errors import ArgumentError, DataError
from cxmeasure.lifecycle.reduce.calendar import day_number, with_day
from cxmeasure.results import NativeFrame

_MOST = 1e9
_DAYS = {"day": 1, "week": 7}


def purchase_histories(
    purchases: Any,
    *,
    customer_column: str,
    time_column: str,
    value_column: str | None,
    unit: str,
    observed_until: date | None,
) -> Lazy:
    """Return the customer, ``frequency``, ``recency``, ``age`` and, with values, ``value_per_purchase``.

    Raises
    ------
    DataError
        If there is no row, a customer or time is missing, a value is missing or negative, or a purchase
        lies after the end.
    """
    roles: dict[str, tuple[str, Kind]] = {"customer": (customer_column, "key"), "at": (time_column, "time")}
    if value_column is not None:
        roles["value"] = (value_column, "number")
    frame = adopt(purchases, roles, name="purchases")
    frame = with_day(frame, "at", "day")
    if value_column is None:
        frame = frame.with_columns(value=nw.lit(0.0))
    last = last_day_checked(frame, customer_column, time_column, value_column, observed_until)
    days = frame.group_by("customer", "day").agg(nw.col("value").sum())
    days = days.with_columns(first=nw.col("day").min().over("customer"))
    days = days.with_columns(is_repeat=as_number(nw.col("day") > nw.col("first")))
    days = days.with_columns(again=nw.col("value") * nw.col("is_repeat"))
    rows = days.group_by("customer").agg(
        nw.col("is_repeat").sum(), nw.col("again").sum(), nw.col("first").min(), nw.col("day").max()
    )
    length = float(_DAYS[unit])
    count = nw.col("is_repeat").cast(nw.Int64)
    spent = nw.when(count > 0).then(nw.col("again") / count.cast(nw.Float64))
    return rows.select(
        nw.col("customer").alias(customer_column),
        count.alias("frequency"),
        ((nw.col("day") - nw.col("first")).cast(nw.Float64) / length).alias("recency"),
        ((nw.lit(last) - nw.col("first")).cast(nw.Float64) / length).alias("age"),
        *([spent.alias("value_per_purchase")] if value_column is not None else []),
    )


def last_day_checked(
    frame: Lazy, customer_column: str, time_column: str, value_column: str | None, until: date | None
) -> int:
    """Return the day number of the end; refuse what cannot be read."""
    flags = frame.with_columns(
        rows=nw.lit(1),
        n_nobody=as_number(nw.col("customer").is_null()),
        n_no_time=as_number(nw.col("at").is_null()),
        n_no_value=as_number(
            (nw.col("value").is_null() | (nw.col("value") < 0) | (nw.col("value") > 1e100)).fill_null(True)
        ),
    )
    sums = [nw.col(name).sum() for name in ("rows", "n_nobody", "n_no_time", "n_no_value")]
    row = collect(flags.select(*sums, nw.col("day").max())).iloc[0]
    refuse_if_empty(0 if pd.isna(row["rows"]) else int(row["rows"]), name="purchases")
    complaints = {
        "n_nobody": f"have no {customer_column!r}; every purchase needs its customer.",
        "n_no_time": f"have no {time_column!r}; say when each was.",
        "n_no_value": f"have a {value_column!r} that is missing, negative or infinite; "
        "take returns out first.",
    }
    for name, complaint in complaints.items():
        if row[name]:
            raise DataError(f"{int(row[name]):,} of the {int(row['rows']):,} purchases {complaint}")
    last = int(row["day"])
    if until is not None and last > day_number(until):
        raise DataError(f"Some purchases lie after observed_until={until.isoformat()}; leave them out.")
    return last if until is None else day_number(until)


def tally_histories(customers: Any, *, frequency: str, recency: str, age: str) -> pd.DataFrame:
    """Return counts ``n`` of equal ``frequency`` × ``recency`` × ``age``.

    Raises
    ------
    DataError
        If there is no row, or a history cannot be: missing, negative, or a last purchase after the end.
    """
    roles: dict[str, tuple[str, Kind]] = {
        "frequency": (frequency, "number"),
        "recency": (recency, "number"),
        "age": (age, "number"),
    }
    frame = adopt(customers, roles, name="customers")
    tally = collect(frame.group_by("frequency", "recency", "age").agg(n=nw.len())).astype("float64")
    refuse_if_empty(len(tally), name="customers")
    x, last, whole = tally["frequency"], tally["recency"], tally["age"]
    is_odd = tally.isna().any(axis=1) | (x < 0) | (x % 1 != 0) | (last < 0) | (last > whole + 1e-9)
    is_odd |= ((x == 0) != (last == 0)) | (x > _MOST) | (whole > _MOST)
    if is_odd.any():
        raise DataError(
            f"{int(tally.loc[is_odd, 'n'].sum()):,} of the {int(tally['n'].sum()):,} customers have a "
            f"history that cannot be: give {frequency!r} in whole repeat purchases, {recency!r} from first "
            f"to last (0 without a repeat), and {age!r} from first to today, as summarise_purchases does."
        )
    keys = ["frequency", "recency", "age"]
    return tally.sort_values(keys, kind="stable", ignore_index=True)


def with_probability(
    customers: Any, parameters: tuple[float, float, float, float], *, frequency: str, recency: str, age: str
) -> NativeFrame:
    """Return the customers' own rows with the column ``probability_alive``."""
    r, alpha, a, b = parameters
    frame = opened(customers, name="customers")
    if "probability_alive" in frame.collect_schema():
        raise ArgumentError("customers has a column 'probability_alive' already; rename it first.")
    x, last, whole = (nw.col(name).cast(nw.Float64) for name in (frequency, recency, age))
    odds = ((x + r) * ((whole + alpha) / (last + alpha)).log()).exp() * (a / (x + (b - 1)))
    alive = nw.when(x > 0).then(1 / (odds + 1)).otherwise(nw.lit(1.0))
    scored: NativeFrame = frame.with_columns(alive.alias("probability_alive")).to_native()
    return scored
