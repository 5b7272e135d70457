"""Sums of a score and of a proxy that is known for everybody invited, in the user's engine."""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from cxmeasure._frames import adopt, collect, refuse_if_empty
from cxmeasure.errors import DataError
from cxmeasure.survey.reduce.answers import Coding

FEATURES = ("r", "rx", "rxx", "ry", "ryy", "rxy", "x", "xx")
"""Answered; x, x², y, y² and xy of those who did; x and x² of everybody. x and y are shifted by `shift`."""


def tally_proxy(
    invitations: Any, coding: Coding, *, score_column: str, proxy_column: str
) -> tuple[int, pd.Series, pd.DataFrame, tuple[float, float]]:
    """Return n, the means of `FEATURES`, the means of their products, and the shifts of x and y.

    Raises
    ------
    DataError
        If the proxy is missing for somebody, or there are too few answers, or a score outside the scale.
    """
    roles = {"score": (score_column, "number"), "x": (proxy_column, "number")}
    frame = adopt(invitations, roles, name="invitations")  # type: ignore[arg-type]
    score, x = nw.col("score"), nw.col("x")
    inside = (score >= coding.low) & (score <= coding.high)
    first = collect(
        frame.with_columns(
            rows=nw.lit(1),
            lost=x.is_null().cast(nw.Int64),
            answered=(~score.is_null()).cast(nw.Int64),
            fits=inside.fill_null(False).cast(nw.Int64),
        ).select(
            *(nw.col(name).sum() for name in ("rows", "lost", "answered", "fits")),
            nw.col("x").mean().alias("middle"),
            nw.col("score").mean().alias("mean"),
        )
    ).iloc[0]
    refuse_if_empty(int(first["rows"] or 0), name="invitations")
    _refuse_bad(first, score_column, proxy_column)
    shift = float(first["middle"]), float(first["mean"]) if coding.plus_from is None else 0.0
    y = coding.value(shift[1]).fill_null(0.0)
    frame = frame.with_columns(r=(~score.is_null()).cast(nw.Float64), x=x - shift[0], y=y)
    r, x, y = nw.col("r"), nw.col("x"), nw.col("y")
    frame = frame.with_columns(rx=r * x, rxx=r * x * x, ry=r * y, ryy=r * y * y, rxy=r * x * y, xx=x * x)
    pairs = [(a, b) for i, a in enumerate(FEATURES) for b in FEATURES[i:]]
    frame = frame.with_columns(**{f"{a}__{b}": nw.col(a) * nw.col(b) for a, b in pairs})
    names = [*FEATURES, *(f"{a}__{b}" for a, b in pairs)]
    means = collect(frame.select(*(nw.col(name).mean() for name in names))).iloc[0]
    products = np.empty((len(FEATURES), len(FEATURES)))
    for a, b in pairs:
        i, j = FEATURES.index(a), FEATURES.index(b)
        products[i, j] = products[j, i] = means[f"{a}__{b}"]
    table = pd.DataFrame(products, index=list(FEATURES), columns=list(FEATURES))
    return int(first["rows"]), means[list(FEATURES)].astype(float), table, shift


def _refuse_bad(first: pd.Series, score_column: str, proxy_column: str) -> None:
    if first["lost"]:
        raise DataError(
            f"{proxy_column!r} is missing for {int(first['lost']):,} of the invitations; a proxy must be "
            "known of everybody invited, or it cannot say what respondents are not."
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
