"""A user's customers → cross-products of drivers and outcome in buckets, in the user's engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from cxmeasure._frames import Kind, Lazy, adopt, collect, listed, refuse_if_empty
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import DataError, EstimationError

BUCKETS = 200
"""Customers fall into at most so many buckets; the bootstrap draws buckets."""

_LARGEST = 1e150
_PRIME = 2**31 - 1


@dataclass(frozen=True, slots=True)
class CrossProducts:
    """Sums of the scaled and centred variables, a row a bucket: all that correlations and draws need.

    Attributes
    ----------
    n, n_missing, n_customers : int
        Rows without a missing value, rows left out, customers of the rows kept.
    counts : ndarray of shape (buckets,)
    sums : ndarray of shape (buckets, q)
    products : ndarray of shape (buckets, q, q)
        Variables in the order drivers, outcome.
    """

    n: int
    n_missing: int
    n_customers: int
    counts: Floats
    sums: Floats
    products: Floats


def cross_products(customers: Any, *, variables: Sequence[str], customer_column: str | None) -> CrossProducts:
    """Return cross-products of `variables` over the rows that have them all.

    Two passes in the user's engine: counts, means and ranges; then the products of what is left after
    the mean is taken off and the range divided out, so that neither units nor an offset cost digits.

    Raises
    ------
    TableError, DataError
        If a column is missing or holds no numbers, there is no row, no complete row, a value is
        infinite, or a variable is constant.
    EstimationError
        If there are too few complete rows for so many drivers.
    """
    names = [f"x{i}" for i in range(len(variables))]
    roles: dict[str, tuple[str, Kind]] = {
        name: (column, "number") for name, column in zip(names, variables, strict=True)
    }
    if customer_column is not None:
        roles["customer"] = (customer_column, "key")
    frame = adopt(customers, roles, name="customers")
    seen = collect(_described(frame, names, has_customers=customer_column is not None)).iloc[0]
    _refuse_bad(seen, variables, names)
    n_customers = _n_customers(seen)
    scaled = frame.drop_nulls().with_columns(
        **{
            name: (nw.col(name) - float(seen[f"mean_{name}"]))
            / float(seen[f"max_{name}"] - seen[f"min_{name}"])
            for name in names
        }
    )
    in_order = [name for _, name in sorted(zip(variables, names, strict=True))]
    bucketed = _bucketed(scaled, in_order, n_customers, has_customers=customer_column is not None)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i:]]
    bucketed = bucketed.with_columns(n=nw.lit(1.0), **{f"{a}_{b}": nw.col(a) * nw.col(b) for a, b in pairs})
    columns = ["n", *names, *(f"{a}_{b}" for a, b in pairs)]
    tally = collect(bucketed.group_by("bucket").agg(*(nw.col(column).sum() for column in columns)))
    sums = tally.sort_values("bucket")[columns].to_numpy(float)
    q = len(names)
    products = np.empty((len(sums), q, q))
    upper = np.triu_indices(q)
    products[:, upper[0], upper[1]] = products[:, upper[1], upper[0]] = sums[:, q + 1 :]
    n = int(seen["n"])
    return CrossProducts(n, int(seen["rows"]) - n, n_customers, sums[:, 0], sums[:, 1 : q + 1], products)


def _described(frame: Lazy, names: Sequence[str], *, has_customers: bool) -> Lazy:
    """Return one row: how many rows, complete rows, missing and infinite values; means and ranges."""
    is_complete = ~nw.any_horizontal(
        *(nw.col(name).is_null() for name in frame.collect_schema().names()), ignore_nulls=False
    )
    flagged = frame.with_columns(rows=nw.lit(1), n=is_complete.cast(nw.Int64), is_complete=is_complete)
    # Flag columns first: an expression with a condition inside an aggregation is ignored on some engines.
    kept = [*names, "customer"] if has_customers else list(names)
    flagged = flagged.with_columns(
        **{f"kept_{name}": nw.when(nw.col("is_complete")).then(nw.col(name)) for name in kept},
        **{f"n_missing_{name}": nw.col(name).is_null().cast(nw.Int64) for name in names},
        **{
            f"n_infinite_{name}": (nw.col(name).abs() > _LARGEST).fill_null(False).cast(nw.Int64)
            for name in names
        },
    )
    counts = ["rows", "n", *(f"n_{kind}_{name}" for kind in ("missing", "infinite") for name in names)]
    described = [nw.col(count).sum() for count in counts]
    for name in names:
        value = nw.col(f"kept_{name}")
        described += [
            value.mean().alias(f"mean_{name}"),
            value.min().alias(f"min_{name}"),
            value.max().alias(f"max_{name}"),
        ]
    if has_customers:
        described.append(nw.col("kept_customer").n_unique().alias("n_customers"))
    return flagged.select(*described)


def _n_customers(seen: pd.Series) -> int:
    if "n_customers" not in seen:
        return int(seen["n"])
    # Where a row was left out, the missing value that stands for it was counted as a customer.
    return int(seen["n_customers"]) - int(seen["n"] < seen["rows"])


def _refuse_bad(seen: pd.Series, variables: Sequence[str], names: Sequence[str]) -> None:
    n_rows = int(seen["rows"]) if pd.notna(seen["rows"]) else 0
    refuse_if_empty(n_rows, name="customers")
    for name, column in zip(names, variables, strict=True):
        if infinite := int(seen[f"n_infinite_{name}"]):
            raise DataError(
                f"{infinite:,} values of {column!r} are infinite or beyond ±{_LARGEST:g}; "
                "correct them, or make them missing."
            )
        if seen[f"n_missing_{name}"] == n_rows:
            raise DataError(f"Every value of {column!r} is missing; leave that column out.")
    n, n_drivers = int(seen["n"]), len(variables) - 1
    if n == 0:
        raise DataError(
            f"None of the {n_rows:,} rows has a value in all of {listed(variables)}; "
            "leave out the columns with most missing values, or fill them in first."
        )
    if n < n_drivers + 2:
        raise EstimationError(
            f"{n:,} complete row{'s' if n > 1 else ''} for {n_drivers} driver{'s' if n_drivers > 1 else ''}: "
            "R² would be 1 whatever they hold. "
            f"Give at least {n_drivers + 2} rows without missing values, or fewer drivers."
        )
    for name, column in zip(names, variables, strict=True):
        if seen[f"min_{name}"] == seen[f"max_{name}"]:
            raise DataError(
                f"{column!r} is {seen[f'min_{name}']:g} in all {n:,} complete rows; "
                "what does not vary explains nothing and cannot be explained. Leave it out."
            )


def _bucketed(frame: Lazy, in_order: Sequence[str], n_customers: int, *, has_customers: bool) -> Lazy:
    """Return `frame` with a ``bucket`` that is the same on every engine and in every order of rows.

    No engine hashes like another, so customers are numbered in the order of their key (rows, where
    each is a customer, in the order of their values) and the number is hashed by arithmetic.
    """
    if has_customers:
        numbered = frame.select("customer").unique().with_row_index("number", order_by="customer")
        frame = frame.join(numbered, on="customer", how="left")
    else:
        frame = frame.with_row_index("number", order_by=list(in_order))
    number = nw.col("number").cast(nw.Int64)
    return frame.with_columns(bucket=number if n_customers <= BUCKETS else _hashed(number))


def _hashed(number: nw.Expr) -> nw.Expr:
    """Return a bucket for each whole number: a permutation modulo a prime (fifth powers), then modulo.

    Neighbours must not fall into neighbouring buckets: customers who came at about the same time are
    alike, and buckets that are more alike than chance make intervals too narrow. No product leaves
    64 bits.
    """
    start = (number * 48_271 + 11) % _PRIME
    square = (start * start) % _PRIME
    fourth = (square * square) % _PRIME
    return (fourth * start) % _PRIME % BUCKETS
