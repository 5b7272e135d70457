"""A user's invitations → counts by AAPOR disposition, in the user's engine."""

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from cxmeasure._arguments import closest
from cxmeasure._frames import Kind, adopt, as_number, collect, listed, refuse_if_empty
from cxmeasure.errors import ArgumentError, DataError
from cxmeasure.survey.reduce.answers import group_keys, is_bad_weight, refuse_bad_weights

DISPOSITIONS = ("I", "P", "R", "NC", "O", "UH", "UO", "NE")
"""AAPOR's final dispositions: complete, partial, refusal, non-contact, other, unknown household,
unknown other, not eligible."""


def tally_dispositions(
    invitations: Any,
    *,
    disposition_column: str,
    mapping: Mapping[str, str] | None,
    by: Sequence[str],
    weight_column: str | None,
) -> pd.DataFrame:
    """Return one row a group (in `group_keys`) and disposition code: n, Σw and Σw².

    Raises
    ------
    ArgumentError
        If `mapping` leads to a code that AAPOR does not know.
    DataError
        If there is no row, a disposition is missing or not in the mapping, or a weight cannot be used.
    """
    groups = group_keys(by)
    roles: dict[str, tuple[str, Kind]] = {"code": (disposition_column, "text")}
    roles |= {key: (column, "any") for key, column in zip(groups, by, strict=True)}
    if weight_column is not None:
        roles["weight"] = (weight_column, "number")
    frame = adopt(invitations, roles, name="invitations")
    if weight_column is None:
        frame = frame.with_columns(weight=nw.lit(1.0))
    weight = nw.col("weight")
    frame = frame.with_columns(
        rows=nw.lit(1),
        n=as_number((weight > 0).fill_null(False)),
        n_bad_weight=as_number(is_bad_weight(weight)),
        w=weight,
        w2=weight * weight,
    )
    keys = ["code", *groups]
    sums = [nw.col(name).sum() for name in ("rows", "n", "n_bad_weight", "w", "w2")]
    tally = collect(frame.group_by(*keys).agg(*sums))
    refuse_if_empty(len(tally), name="invitations")
    refuse_bad_weights(
        int(tally["n_bad_weight"].sum()), int(tally["n"].sum()), weight_column, row="invitation"
    )
    tally["code"] = _mapped(tally["code"], mapping, disposition_column)
    grouped = tally.groupby([*groups, "code"], dropna=False, sort=True)[["n", "w", "w2"]].sum()
    small: pd.DataFrame = grouped.reset_index()
    return small


def _mapped(codes: pd.Series, mapping: Mapping[str, str] | None, column: str) -> pd.Series:
    meaning = dict(mapping) if mapping is not None else {code: code for code in DISPOSITIONS}
    wrong = sorted(set(meaning.values()) - set(DISPOSITIONS))
    if wrong:
        raise ArgumentError(
            f"mapping leads to {listed(wrong)}; the codes are {listed(DISPOSITIONS, most=8)}."
        )
    if codes.isna().any():
        raise DataError(f"Some invitations have no value in {column!r}; map those to a disposition first.")
    unknown = sorted(set(codes) - set(meaning))
    if unknown:
        raise DataError(
            f"{column!r} holds {listed(unknown)}, which the mapping does not name; "
            f"map each to one of {listed(DISPOSITIONS, most=8)}.{closest(unknown[0], meaning)}"
        )
    return codes.map(meaning)
