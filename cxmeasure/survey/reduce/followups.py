"""Sums of a first answer and a follow-up, by customer, in the user's engine."""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from cxmeasure._frames import Kind, adopt, as_number, collect, refuse_if_empty
from cxmeasure.errors import DataError
from cxmeasure.survey.reduce.answers import Coding

PARTS = ("f1", "n1", "n2", "f2", "reached", "drawn")
"""Σ of coded scores and number of respondents; number of the silent; Σ of coded scores and number of those
reached; number drawn."""


def tally_followups(
    invitations: Any,
    coding: Coding,
    *,
    responded_column: str,
    score_column: str,
    drawn_column: str,
    follow_up_column: str,
    cluster_column: str | None,
) -> tuple[pd.Series, pd.DataFrame, pd.Series, int]:
    """Return the sums of `PARTS`, their cross-products over customers, sums of f², and the customers.

    Raises
    ------
    DataError
        If nobody was invited, a respondent was drawn, somebody answered a follow-up without being drawn, or a
        score lies outside the scale.
    """
    roles: dict[str, tuple[str, Kind]] = {
        "r": (responded_column, "flag"),
        "score": (score_column, "number"),
        "drawn": (drawn_column, "flag"),
        "again": (follow_up_column, "number"),
    }
    if cluster_column is not None:
        roles["cluster"] = (cluster_column, "any")
    frame = adopt(invitations, roles, name="invitations")
    r, drawn = (nw.col(name).cast(nw.Int64).fill_null(0) for name in ("r", "drawn"))
    frame = frame.with_columns(r=r, drawn=drawn, rows=nw.lit(1))
    frame = frame.with_columns(
        n1=as_number((nw.col("r") == 1) & ~nw.col("score").is_null()),
        n2=as_number(nw.col("r") == 0),
        reached=as_number((nw.col("drawn") == 1) & ~nw.col("again").is_null()),
        wrongly=as_number((nw.col("drawn") == 1) & (nw.col("r") == 1)),
        uncalled=as_number((nw.col("drawn") == 0) & ~nw.col("again").is_null()),
        outside=as_number(_beyond("score", coding) | _beyond("again", coding)),
        g1=coding.value(0.0).fill_null(0.0),
    )
    again = frame.with_columns(score=nw.col("again")).with_columns(g2=coding.value(0.0).fill_null(0.0))
    frame = again.with_columns(f1=nw.col("n1") * nw.col("g1"), f2=nw.col("reached") * nw.col("g2"))
    frame = frame.with_columns(ff1=nw.col("f1") * nw.col("g1"), ff2=nw.col("f2") * nw.col("g2"))
    sums = [nw.col(name).sum() for name in (*PARTS, *_CHECKS)]
    if cluster_column is not None:
        frame = frame.group_by("cluster").agg(*sums)
    pairs = [(a, b) for i, a in enumerate(PARTS) for b in PARTS[i:]]
    frame = frame.with_columns(
        customers=nw.lit(1), **{f"{a}__{b}": nw.col(a) * nw.col(b) * 1.0 for a, b in pairs}
    )
    names = [*(f"{a}__{b}" for a, b in pairs), "customers"]
    total = collect(frame.select(*sums, *(nw.col(name).sum() for name in names))).iloc[0].fillna(0)
    refuse_if_empty(int(total["rows"]), name="invitations")
    _refuse_bad(total, responded_column, drawn_column, follow_up_column)
    gram = np.zeros((len(PARTS), len(PARTS)))
    for a, b in pairs:
        i, j = PARTS.index(a), PARTS.index(b)
        gram[i, j] = gram[j, i] = total[f"{a}__{b}"]
    products = pd.DataFrame(gram, index=list(PARTS), columns=list(PARTS))
    return (
        total[list(PARTS)].astype(float),
        products,
        total[["ff1", "ff2"]].astype(float),
        int(total["customers"]),
    )


_CHECKS = ("rows", "ff1", "ff2", "wrongly", "uncalled", "outside")


def _beyond(column: str, coding: Coding) -> nw.Expr:
    value = nw.col(column)
    return ((value < coding.low) | (value > coding.high)).fill_null(False)


def _refuse_bad(total: pd.Series, responded_column: str, drawn_column: str, follow_up_column: str) -> None:
    if wrongly := int(total["wrongly"]):
        raise DataError(
            f"{wrongly:,} of the invitations were answered ({responded_column!r}) and drawn for the "
            f"follow-up ({drawn_column!r}) as well; draw from those who did not answer only."
        )
    if uncalled := int(total["uncalled"]):
        raise DataError(
            f"{uncalled:,} of the invitations have a follow-up score ({follow_up_column!r}) without being "
            f"drawn ({drawn_column!r}); mark them as drawn, or remove the score."
        )
    if outside := int(total["outside"]):
        raise DataError(f"{outside:,} of the scores lie outside the scale; correct them, or name the scale.")
    if total["n1"] == 0:
        raise DataError("Nobody answered the first time; there is no score to repair.")
    if total["n2"] > 0 and total["reached"] == 0:
        raise DataError(
            "Nobody of those who did not answer was reached by the follow-up; it says nothing of them."
        )
