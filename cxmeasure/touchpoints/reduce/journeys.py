"""A user's steps of journeys → cross-products a customer, and sums a step, in the user's engine."""

from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from cxmeasure._frames import Kind, Lazy, adopt, as_number, collect, how_many, refuse_if_empty
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import DataError, EstimationError
from cxmeasure.touchpoints.reduce.paths import refuse_ties
from cxmeasure.touchpoints.reduce.products import bucketed

_HUGE = 1e100
FEWEST_CUSTOMERS = 10


def customer_products(rows: Lazy, columns: Sequence[str]) -> Floats:
    """Return each customer's cross-products of `columns`, shape (customers, q, q), by the order of keys."""
    names = [f"p_{i}_{j}" for i in range(len(columns)) for j in range(i, len(columns))]
    pairs = [(a, b) for i, a in enumerate(columns) for b in columns[i:]]
    multiplied = rows.select(
        "customer", **{name: nw.col(a) * nw.col(b) for name, (a, b) in zip(names, pairs, strict=True)}
    )
    summed = collect(multiplied.group_by("customer").agg(*(nw.col(name).sum() for name in names)))
    sums = summed.sort_values("customer")[names].to_numpy(float)
    products = np.empty((len(sums), len(columns), len(columns)))
    upper = np.triu_indices(len(columns))
    products[:, upper[0], upper[1]] = products[:, upper[1], upper[0]] = sums
    return products


def refuse_few_customers(n: int) -> None:
    """Raise an `EstimationError` where there are too few customers for a clustered error."""
    if n < FEWEST_CUSTOMERS:
        raise EstimationError(
            f"The rows that can be used come from {n:,} customer{'s' if n != 1 else ''}; an error that lets "
            f"customers be alike takes at least {FEWEST_CUSTOMERS}."
        )


def refuse_constant_outcome(products: Floats, column: str) -> None:
    """Raise an `EstimationError` where the last variable of customers' products never varies."""
    total = products.sum(axis=0)
    n, first, second = total[0, 0], total[0, -1], total[-1, -1]
    if second * n - first**2 <= 1e-12 * second * n:
        raise EstimationError(
            f"{column!r} is {first / n:g} throughout; what never varies cannot be explained."
        )


def adopt_steps(
    steps: Any,
    *,
    customer_column: str,
    journey_column: str,
    order_columns: Sequence[str],
    rating_column: str,
    others: dict[str, tuple[str, Kind]],
) -> tuple[Lazy, list[str], int]:
    """Return the rated steps with their number, the names of what orders them, and how many have no rating.

    Raises
    ------
    TableError, DataError
        If a column is missing or of the wrong type, there is no rated step, a rating is infinite, a
        customer, journey or place is missing, or two steps of a journey have the same place.
    """
    places = [f"place_{i}" for i in range(len(order_columns))]
    roles: dict[str, tuple[str, Kind]] = {
        "customer": (customer_column, "key"),
        "path": (journey_column, "key"),
        "rating": (rating_column, "number"),
        **others,
    }
    roles |= {place: (column, "any") for place, column in zip(places, order_columns, strict=True)}
    frame = adopt(steps, roles, name="steps")
    needed = ["customer", "path", *places]
    flags = {f"no_{name}": as_number(nw.col(name).is_null()) for name in [*needed, "rating"]}
    numbers = [role for role, (_, kind) in roles.items() if kind == "number"]
    flags |= {f"huge_{name}": as_number((nw.col(name).abs() > _HUGE).fill_null(False)) for name in numbers}
    totals = ["rows", *flags]
    flagged = frame.select(rows=nw.lit(1), **flags)
    counts = collect(flagged.select(*(nw.col(name).sum() for name in totals))).iloc[0].fillna(0).astype(int)
    refuse_if_empty(int(counts["rows"]), name="steps")
    for name in needed:
        if counts[f"no_{name}"]:
            raise DataError(
                f"{roles[name][0]!r} is missing in {counts[f'no_{name}']:,} steps; "
                "leave these out, or say what stands there."
            )
    for name in numbers:
        if huge := counts[f"huge_{name}"]:
            raise DataError(
                f"{huge:,} values of {roles[name][0]!r} are infinite or beyond ±{_HUGE:g}; "
                "correct them, or leave those steps out."
            )
    if counts["no_rating"] == counts["rows"]:
        raise DataError(f"Every value of {rating_column!r} is missing; there is no rated step.")
    refuse_ties(frame, places, order_columns)
    frame = frame.with_columns(one=nw.lit(1))
    # Numbered before steps without a rating are left out, so that these do not move the later ones forward.
    frame = frame.with_columns(step=nw.col("one").cum_sum().over("path", order_by=list(places)))
    return frame.filter(~nw.col("rating").is_null()), places, int(counts["no_rating"])


def journey_products(
    rated: Lazy, places: Sequence[str], *, neutral: float, controls: Sequence[str]
) -> tuple[Floats, int]:
    """Return products of constant, mean, peak, end, steps, controls, remembered; and journeys left out."""
    ahead = nw.col(places[0]).shift(-1).over("path", order_by=list(places))
    rated = rated.with_columns(
        one=nw.lit(1.0), rating=nw.col("rating") - neutral, is_end=as_number(ahead.is_null()).cast(nw.Float64)
    )
    rated = rated.with_columns(end=nw.col("rating") * nw.col("is_end"))
    kept = ["customer", "remembered", *controls]
    journeys = rated.group_by("path").agg(
        nw.col("one").sum().alias("steps"),
        nw.col("rating").mean().alias("mean"),
        nw.col("rating").max().alias("highest"),
        nw.col("rating").min().alias("lowest"),
        nw.col("end").sum(),
        *(nw.col(name).max() for name in kept),
    )
    highest, lowest = nw.col("highest"), nw.col("lowest")
    journeys = journeys.with_columns(
        one=nw.lit(1.0), peak=nw.when(highest.abs() >= lowest.abs()).then(highest).otherwise(lowest)
    )
    missing = nw.any_horizontal(
        *(nw.col(name).is_null() for name in ("remembered", *controls)), ignore_nulls=False
    )
    judged = journeys.with_columns(is_missing=as_number(missing))
    left_out = collect(judged.select(nw.col("is_missing").sum()))["is_missing"].fillna(0)
    whole = judged.filter(nw.col("is_missing") == 0)
    columns = ["one", "mean", "peak", "end", "steps", *controls, "remembered"]
    return customer_products(whole, columns), int(left_out.iloc[0])


def step_sums(rated: Lazy, *, keys: Sequence[str], most_steps: int) -> tuple[pd.DataFrame, int]:
    """Return ``n`` and ``total`` of each group, bucket of customers and step; and how many customers."""
    n_customers = how_many(rated, "customer")
    numbered = bucketed(rated, [], n_customers, has_customers=True)
    within = numbered.filter(nw.col("step") <= most_steps)
    summed = within.group_by(*keys, "bucket", "step").agg(
        nw.col("one").sum().alias("n"), nw.col("rating").sum().alias("total")
    )
    return collect(summed).astype({"n": "int64", "step": "int64", "bucket": "int64"}), n_customers
