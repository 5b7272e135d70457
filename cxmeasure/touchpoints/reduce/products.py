"""A user's customers → cross-products of drivers and outcome in buckets, in the user's engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from cxmeasure._frames import Kind, Lazy, adopt, as_number, collect, how_many, listed, refuse_if_empty
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
        Rows without a missing value and with weight, rows left out for a missing value, customers of
        the rows kept.
    n_effective : float
        Equally weighted rows worth as much (Kish); `n` without weights.
    counts : ndarray of shape (buckets,)
        Rows, or the sums of their weights, the largest weight being 1.
    sums : ndarray of shape (buckets, q)
    products : ndarray of shape (buckets, q, q)
        Variables in the order drivers, outcome.
    """

    n: int
    n_missing: int
    n_customers: int
    n_effective: float
    counts: Floats
    sums: Floats
    products: Floats


def cross_products(
    customers: Any,
    *,
    variables: Sequence[str],
    customer_column: str | None = None,
    weight_column: str | None = None,
) -> CrossProducts:
    """Return cross-products of `variables` over the rows that have them all.

    Two passes in the user's engine: counts, means and ranges; then the products of what is left after
    the mean is taken off and the range divided out, so that neither units nor an offset cost digits.

    Raises
    ------
    TableError, DataError
        If a column is missing or holds no numbers, there is no row, no complete row, a value is
        infinite, a variable is constant, or a weight is negative, infinite, missing, or zero for all.
    EstimationError
        If there are too few complete rows for so many drivers.
    """
    names = [f"x{i}" for i in range(len(variables))]
    roles: dict[str, tuple[str, Kind]] = {
        name: (column, "number") for name, column in zip(names, variables, strict=True)
    }
    if customer_column is not None:
        roles["customer"] = (customer_column, "key")
    if weight_column is not None:
        roles["weight"] = (weight_column, "number")
    has_customers = customer_column is not None
    frame = adopt(customers, roles, name="customers")
    if weight_column is None:
        frame = frame.with_columns(weight=nw.lit(1.0))
    seen = collect(_described(frame, names, has_customers=has_customers)).iloc[0]
    _refuse_bad(seen, variables, names, weight_column)
    in_order = [name for _, name in sorted(zip(variables, names, strict=True))]
    kept = frame.drop_nulls().filter(nw.col("weight") > 0)
    n_customers = how_many(kept, "customer") if has_customers else int(seen["n"])
    numbered = bucketed(kept, [*in_order, "weight"], n_customers, has_customers=has_customers)
    sums = _summed(numbered, seen, names)
    q = len(names)
    products = np.empty((len(sums), q, q))
    upper = np.triu_indices(q)
    products[:, upper[0], upper[1]] = products[:, upper[1], upper[0]] = sums[:, q + 2 :]
    return CrossProducts(
        n=int(seen["n"]),
        n_missing=int(seen["rows"] - seen["n_complete"]),
        n_customers=n_customers,
        n_effective=float(sums[:, 0].sum() ** 2 / sums[:, 1].sum()),
        counts=sums[:, 0],
        sums=sums[:, 2 : q + 2],
        products=products,
    )


def _described(frame: Lazy, names: Sequence[str], *, has_customers: bool) -> Lazy:
    """Return one row: how many rows of which kind, means and ranges of the rows that count."""
    weight = nw.col("weight")
    needed = [*names, "customer"] if has_customers else list(names)
    is_complete = ~nw.any_horizontal(*(nw.col(name).is_null() for name in needed), ignore_nulls=False)
    # Flag columns first: an expression with a condition inside an aggregation is ignored on some engines.
    flagged = frame.with_columns(
        rows=nw.lit(1),
        n_complete=as_number(is_complete),
        n_bad_weight=as_number(weight.is_null() | (weight < 0) | (weight > _LARGEST)),
        counts=(is_complete & (weight > 0)).fill_null(False),
    )
    flagged = flagged.with_columns(
        n=as_number(nw.col("counts")),
        **{f"kept_{name}": nw.when(nw.col("counts")).then(nw.col(name)) for name in [*names, "weight"]},
        **{f"n_missing_{name}": as_number(nw.col(name).is_null()) for name in names},
        **{
            f"n_infinite_{name}": as_number((nw.col(name).abs() > _LARGEST).fill_null(False))
            for name in names
        },
    )
    totals = ["rows", "n_complete", "n", "n_bad_weight"]
    totals += [f"n_{kind}_{name}" for kind in ("missing", "infinite") for name in names]
    described = [nw.col(total).sum() for total in totals]
    described.append(nw.col("kept_weight").max().alias("max_weight"))
    for name in names:
        value = nw.col(f"kept_{name}")
        described += [
            value.mean().alias(f"mean_{name}"),
            value.min().alias(f"min_{name}"),
            value.max().alias(f"max_{name}"),
        ]
    return flagged.select(*described)


def _summed(bucketed: Lazy, seen: pd.Series, names: Sequence[str]) -> Floats:
    """Return one row a bucket: Σw, Σw², the weighted sums of each variable and of each two."""
    weight = nw.col("weight") / float(seen["max_weight"])
    scaled = bucketed.with_columns(
        weight=weight,
        weight_squared=weight * weight,
        **{
            name: (nw.col(name) - float(seen[f"mean_{name}"]))
            / float(seen[f"max_{name}"] - seen[f"min_{name}"])
            for name in names
        },
    )
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i:]]
    weighted = {f"w_{name}": nw.col("weight") * nw.col(name) for name in names}
    weighted |= {f"w_{a}_{b}": nw.col("weight") * nw.col(a) * nw.col(b) for a, b in pairs}
    columns = ["weight", "weight_squared", *weighted]
    tally = collect(
        scaled.with_columns(**weighted).group_by("bucket").agg(*(nw.col(column).sum() for column in columns))
    )
    sums: Floats = tally.sort_values("bucket")[columns].to_numpy(float)
    return sums


def _refuse_bad(
    seen: pd.Series, variables: Sequence[str], names: Sequence[str], weight_column: str | None
) -> None:
    n_rows = int(seen["rows"]) if pd.notna(seen["rows"]) else 0
    refuse_if_empty(n_rows, name="customers")
    for name, column in zip(names, variables, strict=True):
        if infinite := int(seen[f"n_infinite_{name}"]):
            raise DataError(
                f"{infinite:,} values of {column!r} are infinite or beyond ±{_LARGEST:g}; "
                "correct them, or make them missing."
            )
        if seen[f"n_missing_{name}"] == n_rows:
            raise DataError(f"Every value of {column!r} is missing; name a column that has values.")
    if bad := int(seen["n_bad_weight"]):
        raise DataError(
            f"{bad:,} weights in {weight_column!r} are negative, infinite or missing; "
            "give every customer a finite weight of zero or more."
        )
    if not seen["n_complete"]:
        raise DataError(
            f"None of the {n_rows:,} rows has a value in all of {listed(variables)}; "
            "leave out the columns with most missing values, or fill them in first."
        )
    if not seen["n"]:
        raise DataError(f"All weights in {weight_column!r} are zero; at least some customers must count.")
    _refuse_few(int(seen["n"]), len(variables) - 1)
    for name, column in zip(names, variables, strict=True):
        if seen[f"min_{name}"] == seen[f"max_{name}"]:
            raise DataError(
                f"{column!r} is {seen[f'min_{name}']:g} in all {int(seen['n']):,} complete rows; "
                "what does not vary explains nothing and cannot be explained. "
                "Leave it out, or name another column."
            )


def _refuse_few(n: int, n_drivers: int) -> None:
    if n < n_drivers + 2:
        raise EstimationError(
            f"{n:,} complete row{'s' if n > 1 else ''} for {n_drivers} driver{'s' if n_drivers > 1 else ''}: "
            "R² would be 1 whatever they hold. "
            f"Give at least {n_drivers + 2} rows without missing values, or fewer drivers."
        )


def bucketed(frame: Lazy, in_order: Sequence[str], n_customers: int, *, has_customers: bool) -> Lazy:
    """Return `frame` with a ``bucket`` that is the same on every engine and in every order of rows.

    No engine hashes like another, so customers are numbered in the order of their key (rows, where
    each is a customer, in the order of their values) and the number is hashed by arithmetic.
    """
    if not has_customers:
        return _hashed(frame.with_row_index("number", order_by=list(in_order)), n_customers)
    numbered = frame.select("customer").unique().with_row_index("number", order_by="customer")
    hashed = _hashed(numbered, n_customers).select("customer", "bucket")
    return frame.join(hashed, on="customer", how="left")


def _hashed(frame: Lazy, n_customers: int) -> Lazy:
    """Add a bucket for each whole ``number``: a permutation modulo a prime (fifth powers), then modulo.

    Neighbours must not fall into neighbouring buckets: customers who came at about the same time are
    alike, and buckets that are more alike than chance make intervals too narrow. No product leaves
    64 bits. Each step is a column of its own: narwhals spells ``%`` out, with what it is taken of, thrice.
    """
    frame = frame.with_columns(bucket=nw.col("number").cast(nw.Int64))
    if n_customers <= BUCKETS:
        return frame
    frame = frame.with_columns(start=(nw.col("bucket") * 48_271 + 11) % _PRIME)
    frame = frame.with_columns(power=(nw.col("start") * nw.col("start")) % _PRIME)
    frame = frame.with_columns(power=(nw.col("power") * nw.col("power")) % _PRIME)
    frame = frame.with_columns(power=(nw.col("power") * nw.col("start")) % _PRIME)
    return frame.with_columns(bucket=nw.col("power") % BUCKETS).drop("start", "power")
