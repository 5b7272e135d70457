"""A user's table of options → the numbers an investment decision is made of."""

from typing import Any

import numpy as np
import pandas as pd

from cxmeasure._frames import Kind, adopt, collect, listed, refuse_if_empty
from cxmeasure.errors import DataError

_LARGEST = 1e30
FACTORS = ("reach", "change", "slope", "value", "cost")


def read_options(options: Any, columns: list[str], *, has_score: bool) -> pd.DataFrame:
    """Return one row an option: ``option evidence``, the `FACTORS` and their errors (0 where none is given).

    Parameters
    ----------
    options : frame or str
    columns : list of str
        Names of the factors, errors and score that the table has.
    has_score : bool

    Raises
    ------
    TableError, DataError
        If a column is missing or of the wrong type, an option is named twice or not at all, a number is
        missing or infinite, or an error is negative.
    """
    roles: dict[str, tuple[str, Kind]] = {"option": ("option", "text"), "evidence": ("evidence", "text")}
    roles |= {column: (column, "number") for column in columns}
    table = collect(adopt(options, roles, name="options"))
    refuse_if_empty(len(table), name="options")
    names = table["option"]
    if names.isna().any() or names.duplicated().any():
        raise DataError(
            f"Each option needs a name of its own; received {listed(names.astype(object).tolist())}."
        )
    values = {column: np.abs(table[column].to_numpy(float, na_value=np.nan)) for column in columns}
    bad = [column for column, value in values.items() if not (value <= _LARGEST).all()]
    errors = [f"{factor}_std_error" for factor in FACTORS]
    bad += [column for column in errors if column in columns and (table[column] < 0).any()]
    if bad:
        raise DataError(
            f"{bad[0]!r} holds a value that is missing, infinite or beyond ±{_LARGEST:g}, or a standard "
            "error below zero; give every option a number."
        )
    absent = {column: 0.0 for column in errors if column not in columns}
    ordered = ["option", "evidence", *FACTORS, *errors, *(["score"] if has_score else [])]
    return table.assign(**absent)[ordered].sort_values("option", kind="stable", ignore_index=True)
