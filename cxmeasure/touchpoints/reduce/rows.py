"""A user's answers → the complete ones with the columns a model needs, or their cross-products a customer."""

from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from cxmeasure._frames import Kind, Lazy, adopt, as_number, collect, listed, refuse_if_empty, told
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import DataError
from cxmeasure.touchpoints.reduce.journeys import customer_products

_HUGE = 1e100


def complete(answers: Any, variables: Sequence[str], customer_column: str, *, name: str) -> tuple[Lazy, int]:
    """Return the rows with a value in all of `variables`, as ``customer x0 x1 …``; and how many others.

    Raises
    ------
    TableError, DataError
        If a column is missing or holds no numbers, there is no row, a value is infinite, a customer is
        missing, or no row is complete.
    """
    names = [f"x{i}" for i in range(len(variables))]
    roles: dict[str, tuple[str, Kind]] = {"customer": (customer_column, "key")}
    roles |= {role: (column, "number") for role, column in zip(names, variables, strict=True)}
    frame = adopt(answers, roles, name=name)
    is_missing = nw.any_horizontal(*(nw.col(role).is_null() for role in names), ignore_nulls=False)
    is_infinite = nw.any_horizontal(
        *((nw.col(role).abs() > _HUGE).fill_null(False) for role in names), ignore_nulls=False
    )
    flagged = frame.with_columns(
        rows=nw.lit(1),
        missing=as_number(is_missing),
        infinite=as_number(is_infinite),
        nobody=as_number(nw.col("customer").is_null()),
    )
    totals = ["rows", "missing", "infinite", "nobody"]
    counts = collect(flagged.select(*(nw.col(each).sum() for each in totals))).iloc[0].fillna(0).astype(int)
    refuse_if_empty(int(counts["rows"]), name=name)
    if counts["infinite"] or counts["nobody"]:
        faults = {
            "hold an infinite value": counts["infinite"],
            f"have no {customer_column!r}": counts["nobody"],
        }
        raise DataError(
            f"Of {counts['rows']:,} rows of {name} {told(faults)}; correct them, or leave them out."
        )
    if counts["missing"] == counts["rows"]:
        raise DataError(
            f"None of the {counts['rows']:,} rows has a value in all of {listed(variables)}; what was not "
            "asked together cannot be compared. Name columns that were answered by the same customers."
        )
    return flagged.filter(nw.col("missing") == 0).select("customer", *names), int(counts["missing"])


def collected(rows: Lazy) -> pd.DataFrame:
    """Return the rows themselves, in an order that does not depend on the engine."""
    table = collect(rows)
    return table.sort_values(list(table.columns), kind="stable", ignore_index=True)


def gap_products(rows: Lazy, *, neutral: float, has_outcome: bool) -> tuple[Floats, Floats | None]:
    """Return products of constant and gap; and of the response surface's terms and outcome, if there is one.

    ``x0`` is the expectation, ``x1`` the experience, ``x2`` the outcome.
    """
    x, y = nw.col("x0") - neutral, nw.col("x1") - neutral
    squared = rows.with_columns(one=nw.lit(1.0), x=x, y=y, gap=y - x, xx=x * x, xy=x * y, yy=y * y)
    gaps = customer_products(squared, ["one", "gap"])
    if not has_outcome:
        return gaps, None
    return gaps, customer_products(squared, ["one", "x", "y", "xx", "xy", "yy", "x2"])
