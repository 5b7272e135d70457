"""Sums for response curves and for survey fatigue, in the user's engine."""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from cxmeasure._frames import Kind, adopt, as_number, collect, refuse_if_empty
from cxmeasure.errors import DataError
from cxmeasure.survey.reduce.answers import is_bad_weight, refuse_bad_weights

N_BANDS = 60


def tally_bands(
    invitations: Any,
    *,
    responded_column: str,
    proxy_column: str,
    weight_column: str | None,
    customer_column: str | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return one row a band of the proxy: ``x`` (its weighted mean), n, s, Σw, Σw², and both of respondents.

    The bands cut the range in `N_BANDS` of equal width; whole numbers over a range of fewer keep a band each.
    With `customer_column` the second table has ``place`` (the row of the band), ``customer``, Σw and Σw of
    respondents, one row a customer and band.

    Raises
    ------
    DataError
        If the proxy is missing for somebody or does not vary, or a response is missing.
    """
    roles: dict[str, tuple[str, Kind]] = {"s": (responded_column, "flag"), "x": (proxy_column, "number")}
    if weight_column is not None:
        roles["w"] = (weight_column, "number")
    if customer_column is not None:
        roles["customer"] = (customer_column, "any")
    frame = adopt(invitations, roles, name="invitations")
    frame = frame.with_columns(w=nw.lit(1.0)) if weight_column is None else frame
    s, x, w = nw.col("s").cast(nw.Float64), nw.col("x"), nw.col("w")
    frame = frame.with_columns(
        s=s,
        n=nw.lit(1.0),
        lost=as_number(x.is_null()),
        silent_lost=as_number((x.is_null() & (s == 0)).fill_null(False)),
        unknown=as_number(s.is_null()),
        bad=as_number(is_bad_weight(w)),
    )
    sums = [nw.col(name).sum() for name in ("n", "lost", "silent_lost", "unknown", "bad", "w")]
    ends = [nw.col("x").min().alias("low"), nw.col("x").max().alias("high")]
    first = collect(frame.select(*sums, *ends)).iloc[0]
    _refuse_bad(first, responded_column, proxy_column)
    refuse_bad_weights(int(first["bad"]), int(first["w"] > 0), weight_column, row="invitation")
    low, width = float(first["low"]), float(first["high"] - first["low"])
    frame = frame.with_columns(band=((nw.col("x") - low) / width * N_BANDS).floor(), wx=w * x)
    frame = frame.with_columns(ws=w * nw.col("s"), w2=w * w, w2s=w * w * nw.col("s"))
    names = ("n", "s", "w", "ws", "w2", "w2s", "wx")
    bands = collect(frame.group_by("band").agg(*(nw.col(name).sum() for name in names)))
    bands = bands[bands["w"] > 0].sort_values("band", ignore_index=True)
    people = None
    if customer_column is not None:
        sums = [nw.col(name).sum() for name in ("w", "ws")]
        people = collect(frame.group_by("band", "customer").agg(*sums))
        people = people[people["w"] > 0].reset_index(drop=True)
        people = people.assign(place=np.searchsorted(bands["band"], people["band"]))
    return bands.assign(x=bands["wx"] / bands["w"]).drop(columns=["band", "wx"]), people


def _refuse_bad(first: pd.Series, responded_column: str, proxy_column: str) -> None:
    refuse_if_empty(int(first["n"] or 0), name="invitations")
    _refuse_unknown(first["unknown"], responded_column)
    if first["lost"]:
        raise DataError(
            f"{proxy_column!r} is missing for {int(first['lost']):,} of the invitations, of which "
            f"{int(first['silent_lost']):,} were not answered. The shape of response needs a proxy known of "
            "everybody invited: from those who answered alone it cannot be seen at all."
        )
    if not first["high"] > first["low"]:
        raise DataError(
            f"{proxy_column!r} is {first['low']:g} for everybody; what does not vary has no curve."
        )


def _refuse_unknown(n_unknown: float, responded_column: str) -> None:
    if n_unknown:
        raise DataError(
            f"{responded_column!r} is missing for {int(n_unknown):,} of the invitations; "
            "say of each whether it was answered."
        )


def tally_arms(
    invitations: Any, *, responded_column: str, arm_column: str, customer_column: str | None
) -> pd.DataFrame:
    """Return one row an arm: n, s, customers, and Σn², Σns, Σs² over customers."""
    roles: dict[str, tuple[str, Kind]] = {"s": (responded_column, "flag"), "arm": (arm_column, "any")}
    if customer_column is not None:
        roles["customer"] = (customer_column, "any")
    frame = adopt(invitations, roles, name="invitations")
    frame = frame.with_columns(
        s=nw.col("s").cast(nw.Float64), n=nw.lit(1.0), unknown=as_number(nw.col("s").is_null())
    )
    if customer_column is not None:
        sums = [nw.col(name).sum() for name in ("s", "n", "unknown")]
        frame = frame.group_by("arm", "customer").agg(*sums)
    n, s = nw.col("n"), nw.col("s")
    frame = frame.with_columns(customers=nw.lit(1), nn=n * n, ns=n * s, ss=s * s)
    names = ("n", "s", "customers", "nn", "ns", "ss", "unknown")
    arms = collect(frame.group_by("arm").agg(*(nw.col(name).sum() for name in names)))
    refuse_if_empty(len(arms), name="invitations")
    _refuse_unknown(arms["unknown"].sum(), responded_column)
    return arms.sort_values("arm", ignore_index=True)


def tally_within(
    invitations: Any, *, responded_column: str, prior_column: str, customer_column: str
) -> pd.Series:
    """Return sums over customers of the within-customer spread of x = log(1 + prior) and of y = answered.

    ``xx``, ``xy`` and, for a clustered variance, ``xxxx``, ``xxxy`` and ``xyxy``: Σ of their products; n,
    customers, those who ``vary`` in x, and the response rate ``rate``.

    Raises
    ------
    DataError
        If a number of earlier invitations is missing or negative.
    """
    roles: dict[str, tuple[str, Kind]] = {
        "y": (responded_column, "flag"),
        "prior": (prior_column, "number"),
        "customer": (customer_column, "any"),
    }
    frame = adopt(invitations, roles, name="invitations")
    prior = nw.col("prior")
    bad = prior.is_null() | (prior < 0).fill_null(False)
    unknown = as_number(nw.col("y").is_null())
    frame = frame.with_columns(n=nw.lit(1.0), bad=as_number(bad), unknown=unknown)
    frame = frame.with_columns(y=nw.col("y").cast(nw.Float64))
    frame = frame.with_columns(x=nw.when(bad).then(nw.lit(0.0)).otherwise(prior))
    frame = frame.with_columns(x=(nw.col("x") + 1.0).log())
    frame = frame.with_columns(xx=nw.col("x") * nw.col("x"), xy=nw.col("x") * nw.col("y"))
    sums = [nw.col(name).sum() for name in ("n", "bad", "unknown", "x", "y", "xx", "xy")]
    people = frame.group_by("customer").agg(*sums)
    n, x, y = nw.col("n"), nw.col("x"), nw.col("y")
    people = people.with_columns(
        customers=nw.lit(1), xx=nw.col("xx") - x * x / n, xy=nw.col("xy") - x * y / n
    )
    xx, xy = nw.col("xx"), nw.col("xy")
    people = people.with_columns(vary=as_number(xx > 1e-12), xxxx=xx * xx, xxxy=xx * xy, xyxy=xy * xy)
    names = ("n", "bad", "unknown", "y", "customers", "vary", "xx", "xy", "xxxx", "xxxy", "xyxy")
    total = collect(people.select(*(nw.col(name).sum() for name in names))).iloc[0].fillna(0).astype(float)
    refuse_if_empty(int(total["n"]), name="invitations")
    _refuse_unknown(total["unknown"], responded_column)
    if total["bad"]:
        raise DataError(
            f"{prior_column!r} is missing or negative for {int(total['bad']):,} of the invitations; it "
            "counts the invitations before, 0 for the first."
        )
    return total
