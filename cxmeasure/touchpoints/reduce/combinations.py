"""A user's customers → how many gave each combination of answers, by bucket: all an ordered model needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from cxmeasure._frames import Kind, Lazy, adopt, as_number, collect, how_many, listed, refuse_if_empty
from cxmeasure.errors import DataError
from cxmeasure.touchpoints.reduce.products import bucketed

_LARGEST = 1e150


@dataclass(frozen=True, slots=True)
class Combinations:
    """Distinct answers with how often they were given.

    Attributes
    ----------
    table : DataFrame
        ``bucket``, ``x0 x1 …`` (numbers, or texts that name categories), ``outcome``, and ``weight``: rows,
        or the sum of their weights, scaled so that it adds up to the rows.
    n, n_missing, n_customers : int
        Rows that count, rows left out for a missing value, customers of the rows that count.
    n_effective : float
        Equally weighted rows worth as much (Kish); `n` without weights.
    """

    table: pd.DataFrame
    n: int
    n_missing: int
    n_customers: int
    n_effective: float


def tally_combinations(
    customers: Any,
    *,
    drivers: Sequence[str],
    outcome: str,
    customer_column: str | None = None,
    weight_column: str | None = None,
) -> Combinations:
    """Count the combinations of drivers and outcome among the rows that have them all.

    Raises
    ------
    TableError, DataError
        If a column is missing or of the wrong type, there is no row, no complete row, a value is infinite,
        or a weight is negative, infinite, missing, or zero for all.
    """
    names = [f"x{i}" for i in range(len(drivers))]
    roles: dict[str, tuple[str, Kind]] = {"outcome": (outcome, "number")}
    roles |= {name: (column, "category") for name, column in zip(names, drivers, strict=True)}
    if customer_column is not None:
        roles["customer"] = (customer_column, "key")
    if weight_column is not None:
        roles["weight"] = (weight_column, "number")
    frame = adopt(customers, roles, name="customers")
    if weight_column is None:
        frame = frame.with_columns(weight=nw.lit(1.0))
    answers = {**dict(zip(names, drivers, strict=True)), "outcome": outcome}
    needed = [*answers, "customer"] if customer_column is not None else list(answers)
    n_missing = _refuse_bad(frame, answers, needed, weight_column)
    kept = frame.drop_nulls().filter(nw.col("weight") > 0)
    n_rows = collect(kept.select(n=nw.len()))["n"].iloc[0] if customer_column is None else 0
    n_customers = how_many(kept, "customer") if customer_column is not None else int(n_rows)
    in_order = [name for _, name in sorted((column, name) for name, column in answers.items())]
    numbered = bucketed(kept, [*in_order, "weight"], n_customers, has_customers=customer_column is not None)
    table = _counted(numbered, list(answers))
    n, total, squared = (float(table[column].sum()) for column in ("rows", "weight", "squared"))
    table["weight"] *= n / total
    return Combinations(
        table=table.drop(columns=["rows", "squared"]),
        n=int(n),
        n_missing=n_missing,
        n_customers=n_customers,
        n_effective=total**2 / squared,
    )


def _counted(numbered: Lazy, names: Sequence[str]) -> pd.DataFrame:
    weight = nw.col("weight")
    sums = (
        numbered.with_columns(rows=nw.lit(1), squared=weight * weight)
        .group_by("bucket", *names)
        .agg(*(nw.col(column).sum() for column in ("rows", "weight", "squared")))
    )
    return collect(sums).sort_values(["bucket", *names], ignore_index=True)


def _refuse_bad(
    frame: Lazy, answers: dict[str, str], needed: Sequence[str], weight_column: str | None
) -> int:
    """Return how many rows lack a value, or refuse what no count can hold."""
    schema = frame.collect_schema()
    numbers = [name for name in answers if schema[name].is_numeric()]
    weight = nw.col("weight")
    is_complete = ~nw.any_horizontal(*(nw.col(name).is_null() for name in needed), ignore_nulls=False)
    flagged = frame.with_columns(
        rows=nw.lit(1),
        complete=as_number(is_complete),
        counts=as_number((is_complete & (weight > 0)).fill_null(False)),
        bad_weight=as_number(weight.is_null() | (weight < 0) | (weight > _LARGEST)),
        **{
            f"infinite_{name}": as_number((nw.col(name).abs() > _LARGEST).fill_null(False))
            for name in numbers
        },
    )
    totals = ["rows", "complete", "counts", "bad_weight", *(f"infinite_{name}" for name in numbers)]
    seen = collect(flagged.select(*(nw.col(total).sum() for total in totals))).iloc[0].fillna(0).astype(int)
    refuse_if_empty(int(seen["rows"]), name="customers")
    for name in numbers:
        if infinite := int(seen[f"infinite_{name}"]):
            raise DataError(
                f"{infinite:,} values of {answers[name]!r} are infinite or beyond ±{_LARGEST:g}; "
                "correct them, or make them missing."
            )
    if seen["bad_weight"]:
        raise DataError(
            f"{seen['bad_weight']:,} weights in {weight_column!r} are negative, infinite or missing; "
            "give every customer a finite weight of zero or more."
        )
    if not seen["complete"]:
        raise DataError(
            f"None of the {seen['rows']:,} rows has a value in all of {listed(list(answers.values()))}; "
            "leave out the columns with most missing values, or fill them in first."
        )
    if not seen["counts"]:
        raise DataError(f"All weights in {weight_column!r} are zero; at least some customers must count.")
    return int(seen["rows"] - seen["complete"])
