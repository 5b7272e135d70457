"""Sums of a score and of a proxy that is known for everybody invited, in the user's engine."""

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from cxmeasure._frames import Kind, adopt, as_number, collect, refuse_if_empty
from cxmeasure.errors import DataError
from cxmeasure.survey.reduce.answers import Coding

_LARGEST = 1e50
FEATURES = ("r", "rx", "rxx", "ry", "ryy", "rxy", "x", "xx")
"""Answered; x, x², y, y² and xy of those who did; x and x² of everybody. x and y are shifted by `shift`."""


Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Proxied:
    """The means of `FEATURES` over `n` invitations and their covariance, over `n_units` independent units.

    `shift` is what was taken from x and y.
    """

    n: int
    n_units: int
    means: Floats
    covariance: Floats
    shift: tuple[float, float]


def tally_proxy(
    invitations: Any,
    coding: Coding,
    *,
    score_column: str,
    proxy_column: str,
    cluster_column: str | None = None,
) -> Proxied:
    """Return the means of `FEATURES` and their covariance, over customers with `cluster_column`.

    Raises
    ------
    DataError
        If the proxy is missing for somebody, or there are too few answers, or a score outside the scale.
    """
    roles: dict[str, tuple[str, Kind]] = {"score": (score_column, "number"), "x": (proxy_column, "number")}
    if cluster_column is not None:
        roles["cluster"] = (cluster_column, "any")
    frame = adopt(invitations, roles, name="invitations")
    score, x = nw.col("score"), nw.col("x")
    inside = (score >= coding.low) & (score <= coding.high)
    first = collect(
        frame.with_columns(
            rows=nw.lit(1),
            lost=as_number(x.is_null()),
            answered=as_number(~score.is_null()),
            huge=as_number(((x.abs() > _LARGEST) | (score.abs() > _LARGEST)).fill_null(False)),
            fits=as_number(inside.fill_null(False)),
        ).select(
            *(nw.col(name).sum() for name in ("rows", "lost", "answered", "fits", "huge")),
            nw.col("x").mean().alias("middle"),
            nw.col("score").mean().alias("mean"),
        )
    ).iloc[0]
    refuse_if_empty(int(first["rows"] or 0), name="invitations")
    _refuse_bad(first, score_column, proxy_column)
    shift = float(first["middle"]), float(first["mean"]) if coding.plus_from is None else 0.0
    y = coding.value(shift[1]).fill_null(0.0)
    frame = frame.with_columns(r=as_number(~score.is_null()).cast(nw.Float64), x=x - shift[0], y=y)
    r, x, y = nw.col("r"), nw.col("x"), nw.col("y")
    frame = frame.with_columns(rx=r * x, rxx=r * x * x, ry=r * y, ryy=r * y * y, rxy=r * x * y, xx=x * x)
    frame = frame.with_columns(one=nw.lit(1.0))
    if cluster_column is not None:
        frame = frame.group_by("cluster").agg(*(nw.col(name).sum() for name in (*FEATURES, "one")))
        refuse_unknown(frame, cluster_column)
    n_units, sums, products = _products(frame)
    n, means = int(first["rows"]), sums[:-1] / sums[-1]
    # Σ over units of (sum − count × mean)(…)ᵀ
    contrast = np.hstack([np.eye(len(means)), -means[:, None]])
    covariance = contrast @ products @ contrast.T / n**2
    if cluster_column is not None:
        covariance = covariance * n_units / max(n_units - 1, 1)
    return Proxied(n, n_units, means, covariance, shift)


def refuse_unknown(frame: nw.LazyFrame[Any], cluster_column: str) -> None:
    """Raise a `DataError` if a customer of the grouped `frame` is missing."""
    if len(collect(frame.filter(nw.col("cluster").is_null()).select("one"))):
        raise DataError(
            f"{cluster_column!r} is missing for some of the invitations; say of each whose it is."
        )


def _products(frame: nw.LazyFrame[Any]) -> tuple[int, Floats, Floats]:
    """Return the number of rows of `frame`, and Σ of `FEATURES` and ``one``, and of their products."""
    names = [*FEATURES, "one"]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i:]]
    frame = frame.with_columns(units=nw.lit(1), **{f"{a}__{b}": nw.col(a) * nw.col(b) for a, b in pairs})
    wanted = ["units", *names, *(f"{a}__{b}" for a, b in pairs)]
    total = collect(frame.select(*(nw.col(name).sum() for name in wanted))).iloc[0].astype(float)
    products = np.empty((len(names), len(names)))
    for a, b in pairs:
        i, j = names.index(a), names.index(b)
        products[i, j] = products[j, i] = total[f"{a}__{b}"]
    return int(total["units"]), np.asarray(total[names], dtype=float), products


def _refuse_bad(first: pd.Series, score_column: str, proxy_column: str) -> None:
    if first["lost"]:
        raise DataError(
            f"{proxy_column!r} is missing for {int(first['lost']):,} of the invitations; a proxy must be "
            "known of everybody invited, or it cannot say what respondents are not."
        )
    if first["huge"]:
        raise DataError(
            f"{int(first['huge']):,} invitations have a {proxy_column!r} or {score_column!r} that is "
            f"infinite or beyond ±{_LARGEST:g}; correct them."
        )
    if first["answered"] != first["fits"]:
        outside = int(first["answered"] - first["fits"])
        raise DataError(
            f"{score_column!r} holds {outside:,} scores outside the scale; correct them, or name the scale."
        )
    if first["answered"] <= 2:
        raise DataError(
            f"{int(first['answered'])} of the {int(first['rows']):,} invited answered; a correlation with "
            f"{proxy_column!r} takes at least three."
        )
