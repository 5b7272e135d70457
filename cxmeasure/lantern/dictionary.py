"""What every column is: one table of types, units, meanings and constraints, from which all else follows."""

from functools import cache
from pathlib import Path
from typing import Final

import pandas as pd

_COLUMNS: Final = Path(__file__).resolve().parent / "parameters" / "columns.csv"
_TABLES: Final = Path(__file__).resolve().parent / "parameters" / "tables.csv"
DTYPES: Final = {
    "integer": "int64",
    "number": "float64",
    "boolean": "bool",
    "string": "str",
    "date": "datetime64[us]",
    "datetime": "datetime64[us]",
}
_MISSING: Final = {"integer": "Int64", "boolean": "boolean"}


@cache
def columns() -> pd.DataFrame:
    """Return one row a column: table, column, type, unit, meaning, required, minimum, maximum, options."""
    return pd.read_csv(_COLUMNS, keep_default_na=False, dtype=str)


@cache
def table_list() -> pd.DataFrame:
    """Return one row a table: table, row, key, links, hidden, coupled, chapters."""
    return pd.read_csv(_TABLES, keep_default_na=False, dtype=str)


@cache
def dtypes(table: str) -> dict[str, str]:
    """Return the dtype of each column of a table, in the table's order."""
    mine = columns().loc[lambda rows: rows["table"] == table]
    return {
        column: DTYPES[kind] if required == "yes" else _MISSING.get(kind, DTYPES[kind])
        for column, kind, required in zip(mine["column"], mine["type"], mine["required"], strict=True)
    }


def shaped(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with the columns of its table, in order and of the right type."""
    wanted = dtypes(table)
    return frame[list(wanted)].astype(wanted)
