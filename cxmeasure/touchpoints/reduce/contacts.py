"""A user's contacts → cross-products by touchpoint and bucket of customers, in the user's engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import numpy.typing as npt

from cxmeasure._frames import Kind, Lazy, adopt, as_number, collect, how_many, refuse_if_empty, told
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import DataError
from cxmeasure.touchpoints.reduce.products import bucketed

_HUGE = 1e100


@dataclass(frozen=True, slots=True)
class Consequences:
    """What a regression of the outcome within each touchpoint needs, by buckets of customers.

    Attributes
    ----------
    terms : list of str
    n, n_above, n_below, n_followed : ndarray of shape (touchpoints,)
        Contacts; those with more, and with less shortfall than the touchpoint's mean; those with an
        outcome other than zero.
    products : ndarray of shape (buckets, touchpoints, p, p)
        Exposed cross-products of constant, shortfall and controls.
    outcomes : ndarray of shape (buckets, touchpoints, p)
        Products of these with the outcome.
    squares : ndarray of shape (touchpoints,)
        Sums of the squared outcome.
    customers : ndarray of shape (buckets,)
    is_rate : bool
        Whether the outcome is counted over an exposure.
    n_missing : int
        Contacts left out.
    """

    terms: list[str]
    n: npt.NDArray[np.int64]
    n_above: npt.NDArray[np.int64]
    n_below: npt.NDArray[np.int64]
    n_followed: npt.NDArray[np.int64]
    products: Floats
    outcomes: Floats
    squares: Floats
    customers: Floats
    is_rate: bool
    n_missing: int


def tally_contacts(
    contacts: Any,
    *,
    touchpoint_column: str,
    shortfall_column: str,
    outcome_column: str,
    exposure_column: str | None,
    customer_column: str,
    control_columns: Sequence[str],
) -> Consequences:
    """Return the cross-products of contacts that have a value in every column used.

    Raises
    ------
    TableError, DataError
        If a column is missing or of the wrong type, a value is infinite, an exposure not above zero, a
        customer or touchpoint missing, or no contact complete.
    """
    controls = {f"control_{i}": column for i, column in enumerate(control_columns)}
    roles: dict[str, tuple[str, Kind]] = {
        "customer": (customer_column, "key"),
        "touchpoint": (touchpoint_column, "key"),
        "short": (shortfall_column, "amount"),
        "outcome": (outcome_column, "amount"),
    }
    roles |= {name: (column, "amount") for name, column in controls.items()}
    if exposure_column is not None:
        roles["exposure"] = (exposure_column, "number")
    frame = adopt(contacts, roles, name="contacts")
    if exposure_column is None:
        frame = frame.with_columns(exposure=nw.lit(1.0))
    kept, n_missing = _complete(frame, ["short", "outcome", "exposure", *controls])
    n_customers = how_many(kept, "customer")
    numbered = bucketed(kept, [], n_customers, has_customers=True)
    heads = collect(numbered.select("customer", "bucket").unique().group_by("bucket").agg(nw.len()))
    sizes = heads.sort_values("bucket")["len"].to_numpy(float)
    return _summed(numbered, ["one", "short", *controls], sizes, n_missing, exposure_column is not None)


def _complete(frame: Lazy, names: Sequence[str]) -> tuple[Lazy, int]:
    missing = nw.any_horizontal(*(nw.col(name).is_null() for name in names), ignore_nulls=False)
    infinite = nw.any_horizontal(
        *((nw.col(name).abs() > _HUGE).fill_null(False) for name in names), ignore_nulls=False
    )
    flagged = frame.with_columns(
        rows=nw.lit(1),
        missing=as_number(missing),
        infinite=as_number(infinite),
        unexposed=as_number((nw.col("exposure") <= 0).fill_null(False)),
        nobody=as_number(nw.col("customer").is_null() | nw.col("touchpoint").is_null()),
    )
    totals = ["rows", "missing", "infinite", "unexposed", "nobody"]
    seen = collect(flagged.select(*(nw.col(each).sum() for each in totals))).iloc[0].fillna(0).astype(int)
    refuse_if_empty(int(seen["rows"]), name="contacts")
    if seen["infinite"] or seen["unexposed"] or seen["nobody"] or seen["missing"] == seen["rows"]:
        faults = {
            "lack a value": seen["missing"],
            "hold an infinite one": seen["infinite"],
            "have an exposure that is not above zero": seen["unexposed"],
            "have no customer or no touchpoint": seen["nobody"],
        }
        raise DataError(
            f"Of {seen['rows']:,} contacts {told(faults)}; only a value may be missing, and not in every "
            "contact. Correct the others, or leave them out."
        )
    return flagged.filter(nw.col("missing") == 0), int(seen["missing"])


def _summed(
    numbered: Lazy, names: Sequence[str], customers: Floats, n_missing: int, is_rate: bool
) -> Consequences:
    pairs = [(i, j) for i in range(len(names)) for j in range(i, len(names))]
    spread = numbered.with_columns(
        one=nw.lit(1.0),
        touchpoint=nw.col("touchpoint").cast(nw.String),
        mean=nw.col("short").mean().over("touchpoint"),
    ).with_columns(
        above=as_number(nw.col("short") > nw.col("mean")),
        below=as_number(nw.col("short") < nw.col("mean")),
        followed=as_number(nw.col("outcome") != 0),
        squared=nw.col("outcome") * nw.col("outcome"),
        **{f"y_{i}": nw.col(name) * nw.col("outcome") for i, name in enumerate(names)},
        **{f"p_{i}_{j}": nw.col(names[i]) * nw.col(names[j]) * nw.col("exposure") for i, j in pairs},
    )
    products = [f"p_{i}_{j}" for i, j in pairs]
    outcomes = [f"y_{i}" for i in range(len(names))]
    counted = ["rows", "above", "below", "followed", "squared"]
    columns = [*counted, *products, *outcomes]
    table = collect(spread.group_by("bucket", "touchpoint").agg(*(nw.col(each).sum() for each in columns)))
    wide = table.set_index(["bucket", "touchpoint"])[columns].astype(float).unstack(fill_value=0.0)
    terms = sorted(table["touchpoint"].unique())
    values = wide.sort_index().to_numpy().reshape(len(wide), len(columns), len(terms)).transpose(0, 2, 1)
    q = len(names)
    square = np.empty((*values.shape[:2], q, q))
    for place, (i, j) in enumerate(pairs):
        square[:, :, i, j] = square[:, :, j, i] = values[:, :, len(counted) + place]
    sums = values[:, :, : len(counted)].sum(axis=0).T
    n, n_above, n_below, n_followed = sums[:4].round().astype(np.int64)
    return Consequences(
        terms=terms,
        n=n,
        n_above=n_above,
        n_below=n_below,
        n_followed=n_followed,
        products=square,
        outcomes=values[:, :, len(counted) + len(pairs) :],
        squares=sums[4],
        customers=customers,
        is_rate=is_rate,
        n_missing=n_missing,
    )
