"""A user's events → counts of moves between touchpoints, by buckets of customers, in the user's engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from cxmeasure._frames import Kind, Lazy, adopt, as_number, collect, how_many, refuse_if_empty
from cxmeasure.errors import DataError
from cxmeasure.touchpoints.reduce.products import bucketed


@dataclass(frozen=True, slots=True)
class Moves:
    """What a Markov chain needs, in three small tables.

    Attributes
    ----------
    moves : DataFrame
        ``bucket``, ``touchpoint`` and what went before (``back_1`` …), ``is_first``, ``next`` (missing at
        the end of a path), ``won``, and ``n``, how often.
    paths : DataFrame
        ``steps``, ``won``, and ``n``, how many paths.
    touched : DataFrame
        ``touchpoint``, ``steps``, ``paths``.
    n_customers, n_open : int
        Customers of the paths that ended; paths whose outcome is missing.
    """

    moves: pd.DataFrame
    paths: pd.DataFrame
    touched: pd.DataFrame
    n_customers: int
    n_open: int


def tally_moves(
    events: Any,
    *,
    customer_column: str,
    journey_column: str | None,
    touchpoint_column: str,
    order_columns: Sequence[str],
    converted_column: str,
    order: int,
) -> Moves:
    """Return how often each touchpoint follows each, and how paths end.

    Raises
    ------
    TableError, DataError
        If a column is missing or of the wrong type, there is no row, a touchpoint, customer, path or time
        is missing, two steps of a path have the same time, or no path has an outcome.
    """
    places = [f"place_{i}" for i in range(len(order_columns))]
    roles: dict[str, tuple[str, Kind]] = {
        "customer": (customer_column, "key"),
        "path": (journey_column or customer_column, "key"),
        "touchpoint": (touchpoint_column, "any"),
        "won": (converted_column, "flag"),
    }
    roles |= {place: (column, "any") for place, column in zip(places, order_columns, strict=True)}
    frame = adopt(events, roles, name="events")
    named = {role: column for role, (column, _) in roles.items()}
    needed = ["customer", "path", "touchpoint", *places]
    _refuse_missing(frame, needed, named)
    refuse_ties(frame, places, order_columns)
    frame = frame.with_columns(
        touchpoint=nw.col("touchpoint").cast(nw.String), won=nw.col("won").cast(nw.Int64), one=nw.lit(1)
    )
    each = frame.group_by("path").agg(nw.col("won").max(), nw.col("one").sum().alias("steps"))
    lengths = collect(each.group_by("steps", "won").agg(n=nw.len()))
    is_open = lengths["won"].isna()
    if is_open.all():
        raise DataError(
            f"Every value of {converted_column!r} is missing; no path is known to have ended, won or lost."
        )
    whole = frame.with_columns(won=nw.col("won").max().over("path")).filter(~nw.col("won").is_null())
    # Where every path has ended, what needs no outcome is spared the sorting of all steps by path.
    ended = whole if is_open.any() else frame
    n_customers = how_many(ended, "customer")
    paths = lengths[~is_open].astype("int64").sort_values(["steps", "won"], ignore_index=True)
    visited = ended.group_by("touchpoint", "path").agg(
        nw.col("one").sum().alias("steps"), nw.col("one").max()
    )
    touched = collect(
        visited.group_by("touchpoint").agg(nw.col("steps").sum(), nw.col("one").sum().alias("paths"))
    )
    return Moves(
        moves=_moves(whole, places, order, n_customers),
        paths=paths,
        touched=touched.sort_values("touchpoint", ignore_index=True),
        n_customers=n_customers,
        n_open=int(lengths.loc[is_open, "n"].sum()),
    )


def _moves(ended: Lazy, places: Sequence[str], order: int, n_customers: int) -> pd.DataFrame:
    backs = [f"back_{i}" for i in range(1, max(order, 2))]
    shifted = {name: nw.col("touchpoint").shift(i + 1) for i, name in enumerate(backs)}
    shifted["next"] = nw.col("touchpoint").shift(-1)
    followed = bucketed(ended, [], n_customers, has_customers=True).with_columns(
        **{name: value.over("path", order_by=list(places)) for name, value in shifted.items()}
    )
    followed = followed.with_columns(is_first=as_number(nw.col("back_1").is_null()))
    keys = ["bucket", "touchpoint", *backs[: order - 1], "is_first", "next", "won"]
    counted = collect(followed.group_by(*keys).agg(nw.col("one").sum().alias("n")))
    return counted.astype({"n": "int64", "won": "int64", "bucket": "int64", "is_first": "int64"})


def _refuse_missing(frame: Lazy, needed: Sequence[str], named: dict[str, str]) -> None:
    flagged = frame.select(rows=nw.lit(1), **{name: as_number(nw.col(name).is_null()) for name in needed})
    counts = collect(flagged.select(*(nw.col(name).sum() for name in ("rows", *needed)))).iloc[0].fillna(0)
    refuse_if_empty(int(counts["rows"]), name="events")
    for name in needed:
        if counts[name]:
            raise DataError(
                f"{named[name]!r} is missing in {int(counts[name]):,} events; "
                "leave these out, or say what stands there."
            )


def refuse_ties(frame: Lazy, places: Sequence[str], order_columns: Sequence[str]) -> None:
    """Raise a `DataError` where two rows of a ``path`` have the same place."""
    at_once = frame.with_columns(one=nw.lit(1)).group_by("path", *places).agg(nw.col("one").sum())
    if n_tied := len(collect(at_once.filter(nw.col("one") > 1).select("path").unique())):
        raise DataError(
            f"In {n_tied:,} journeys two events have the same {', '.join(map(repr, order_columns))}, so that "
            "which came first is not known. Name a second column that decides: "
            f"order_column=[{', '.join(map(repr, order_columns))}, 'event_id']."
        )
