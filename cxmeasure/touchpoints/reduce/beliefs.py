"""A user's diary → the entries with a belief before and after a contact, numbered by contact."""

from typing import Any

import numpy as np
import pandas as pd

from cxmeasure._frames import Kind, adopt, collect, refuse_if_empty
from cxmeasure.errors import DataError, EstimationError

_HUGE = 1e100
_RATINGS = ("before", "experience", "after")


def read_beliefs(entries: Any, columns: dict[str, str]) -> tuple[pd.DataFrame, int]:
    """Return the entries with all three ratings, and how many others there are.

    Parameters
    ----------
    entries : frame or str
    columns : dict
        Role to column: ``before experience after customer``, ``number`` or else ``order``, and perhaps
        ``belief`` and ``touchpoint``.

    Returns
    -------
    DataFrame
        A column a role, ``number`` counted within customer and belief where only an order is given.

    Raises
    ------
    TableError, DataError
        If a column is missing or of the wrong type, a rating is never given, or a value cannot be used.
    EstimationError
        If all contacts have one number.
    """
    kinds: dict[str, Kind] = dict.fromkeys((*_RATINGS, "number"), "number")
    kinds |= {"customer": "key", "order": "any", "belief": "any", "touchpoint": "any"}
    table = collect(
        adopt(entries, {role: (column, kinds[role]) for role, column in columns.items()}, name="entries")
    )
    refuse_if_empty(len(table), name="entries")
    _refuse_without_ratings(table, columns)
    for role in {"belief", "touchpoint"} & set(columns):
        if table[role].isna().any():
            table[role] = table[role].astype(object).where(table[role].notna(), "(missing)").astype(str)
    if "number" not in columns:
        keys = ["customer", *(["belief"] if "belief" in columns else [])]
        table["number"] = table.groupby(keys)["order"].rank(method="min")
    kept = table.dropna(subset=list(_RATINGS))
    _refuse_bad(kept, columns)
    kept = kept.assign(number=kept["number"].astype("int64"))
    return kept.sort_values(list(kept.columns), kind="stable", ignore_index=True), len(table) - len(kept)


def _refuse_without_ratings(table: pd.DataFrame, columns: dict[str, str]) -> None:
    given = table[list(_RATINGS)].notna()
    if absent := [role for role in _RATINGS if not given[role].any()]:
        raise DataError(
            f"{columns[absent[0]]!r} is missing in all {len(table):,} entries. How far a contact moves a "
            "mind is the part of a surprise that stays, so that a belief is needed before and after: without "
            "the one before, a person who was moved and one who thought so all along look alike. Ask both, "
            "in a diary or a panel."
        )
    if not given.all(axis=1).any():
        raise DataError(
            f"No entry has all of {[columns[role] for role in _RATINGS]}; the three must be of one contact "
            "and one person, for a surprise is a difference within a person."
        )


def _refuse_bad(kept: pd.DataFrame, columns: dict[str, str]) -> None:
    infinite = int((kept[list(_RATINGS)].abs() > _HUGE).any(axis=1).sum())
    nobody = int(kept["customer"].isna().sum())
    if infinite or nobody:
        raise DataError(
            f"{infinite:,} entries hold an infinite rating, and in {nobody:,} {columns['customer']!r} is "
            "missing; correct them, or leave them out."
        )
    number = kept["number"].to_numpy(float, na_value=np.nan)
    bad = int((~((number >= 1) & (number == np.round(number)) & (number < _HUGE))).sum())
    if bad:
        named = columns.get("number", columns.get("order"))
        raise DataError(
            f"{named!r} gives {bad:,} entries no number of the contact; numbers are whole and begin at 1."
        )
    if len(np.unique(number)) < 2:
        raise EstimationError(
            f"All entries are of contact {int(number[0]):,}; whether the gain falls takes contacts early and "
            "late in what a customer knows."
        )
