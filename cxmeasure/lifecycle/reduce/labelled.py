"""Customers with segments and an outcome → the columns asked for, as pandas, checked."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from cxmeasure._frames import Kind, adopt, collect, refuse_if_empty
from cxmeasure.errors import DataError, TableError

_LARGEST = 1e100


def labelled_customers(customers: Any, columns: Mapping[str, Sequence[str]]) -> dict[str, pd.DataFrame]:
    """Return a frame a role, under the user's names; rows sorted, whatever their order was.

    Parameters
    ----------
    columns : mapping of str to sequence of str
        Role to column names: ``outcome`` holds numbers or flags, the others numbers, flags or text.

    Raises
    ------
    TableError
        If an outcome or a feature is no number.
    DataError
        If there is no row, or a value is missing.
    """
    asked = list(dict.fromkeys(name for names in columns.values() for name in names))
    roles: dict[str, tuple[str, Kind]] = {f"c{i}": (name, "any") for i, name in enumerate(asked)}
    rows = collect(adopt(customers, roles, name="customers"))
    rows.columns = pd.Index(asked)
    refuse_if_empty(len(rows), name="customers")
    for name in asked:
        if missing := int(rows[name].isna().sum()):
            raise DataError(
                f"{missing:,} of the {len(rows):,} customers have no {name!r}; leave them out, or say "
                "why it is missing with a value of its own."
            )
    for role, names in columns.items():
        for name in names:
            if role in ("outcome", "features") and not _is_number(rows[name]):
                raise TableError(
                    f"customers: column {name!r} must hold numbers or true and false; "
                    f"it holds {rows[name].iloc[0]!r}."
                )
    for name in asked:
        if _is_number(rows[name]) and (rows[name].astype(float).abs() > _LARGEST).any():
            raise DataError(f"{name!r} holds values that are infinite or beyond ±{_LARGEST:g}; correct them.")
    rows = rows.sort_values(asked, ignore_index=True)
    return {role: rows[list(names)] for role, names in columns.items()}


def _is_number(column: "pd.Series[Any]") -> bool:
    return pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
