"""The only door for a user's table: one check, one sentence, on every engine.

A table comes in as pandas, Polars, Arrow, DuckDB, Ibis or Spark, or as a path to Parquet files, and
leaves as a lazy narwhals frame whose columns carry the names of their roles. Nothing runs yet; only
flags given as whole numbers are read once.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from narwhals.stable.v2.typing import IntoFrame

from cxmeasure._arguments import closest
from cxmeasure.errors import DataError, TableError

Kind = Literal["number", "amount", "category", "text", "key", "time", "flag", "any"]
Lazy = nw.LazyFrame[Any]
Table = IntoFrame | str

_NEEDS = {
    "number": "numbers",
    "amount": "numbers, or true or false",
    "category": "numbers, true or false, or text",
    "text": "text",
    "key": "whole numbers or text",
    "time": "timestamps or dates",
    "flag": "true or false",
    "any": "single values",
}
_EMBEDDED: Final = "duckdb"
_MORE_THAN_ALL: Final = 2**62
_LONGEST: Final = 100
_ENGINES = "pandas, Polars, Arrow, DuckDB, Ibis or Spark table, or a path to Parquet files"


def adopt(data: Table, roles: Mapping[str, tuple[str, Kind]], *, name: str) -> Lazy:
    """Return `data` as a lazy frame with one column a role, missing values as null.

    Parameters
    ----------
    data : frame or str
        A table of any engine, or the path (a glob may be used) of Parquet files.
    roles : mapping
        Role to (column name, kind of values). Only these columns are handed on, under the role's name,
        so a user's column can never shadow one that the package makes.
    name : str
        What a row of the table is, for messages: ``"answers"``, ``"invitations"``.

    Raises
    ------
    TableError
        If it is no table, a column is missing or twice there, or a type does not fit.
    DataError
        If a flag of whole numbers holds others than 0 and 1.
    """
    table = opened(data, name=name)
    _check_names(roles, list(table.collect_schema()), name)
    frame = _lifted(table, [column for column, _ in roles.values()])
    schema = frame.collect_schema()
    _check_types(roles, schema, name)
    _check_flags(frame, [column for column, kind in roles.values() if kind == "flag"], schema, name)
    return frame.select(
        **{role: _plain(column, schema[column], kind) for role, (column, kind) in roles.items()}
    )


def opened(data: Table, *, name: str) -> Lazy | nw.DataFrame[Any]:
    """Return the user's whole table under its own names, for results that are its rows with a column more.

    Raises
    ------
    TableError
        If it is no table, or its header cannot be used.
    """
    if isinstance(data, str):
        return _scanned(data, name)
    if complaint := _bad_header(data, name):
        raise TableError(complaint)
    try:
        return nw.from_native(data)
    except TypeError:
        raise TableError(f"{name} must be a {_ENGINES}; received {type(data).__name__}.") from None
    except (nw.exceptions.NarwhalsError, ValueError) as error:
        raise TableError(f"{name} cannot be read as a table: {' '.join(str(error).split())}.") from None


def framed(data: Any, column: str) -> Any:
    """Return a bare Series, list or one-dimensional array as a table with one column; a table as it is."""
    if isinstance(data, list | tuple) or (isinstance(data, np.ndarray) and data.ndim == 1):
        return pd.DataFrame({column: data})
    try:
        series = nw.from_native(data, series_only=True)
    except TypeError:
        return data
    return series.alias(column).to_frame().to_native()


def collect(frame: Lazy) -> pd.DataFrame:
    """Run the plan in its engine and return the small result as pandas."""
    result: pd.DataFrame = frame.collect("pandas").to_native()
    return result


def as_number(flag: nw.Expr) -> nw.Expr:
    """Return true as 1, false as 0, missing as missing, in two steps: PostgreSQL takes no single one."""
    return flag.cast(nw.Int32).cast(nw.Int64)


def fenced(frame: Lazy) -> Lazy:
    """Return the frame as a query that PostgreSQL does not merge with the one around it.

    Merging puts a column's formula wherever the column is used; over the steps of a calendar that grows to
    megabytes. A limit that is never reached stops it. Other engines keep the steps apart by themselves.
    """
    native: Any = frame.to_native()
    merges = frame.implementation.is_ibis() and native.get_backend().name == "postgres"
    return frame.head(_MORE_THAN_ALL) if merges else frame


def how_many(frame: Lazy, column: str) -> int:
    """Return how many different values a column holds; missing is one. Not ``n_unique``: see `as_number`."""
    different = frame.group_by(column).agg(n=nw.len())
    return int(collect(different.select(n=nw.len()))["n"].iloc[0])


def refuse_if_empty(n_rows: int, *, name: str) -> None:
    """Raise a `DataError` when a table has no row."""
    if n_rows == 0:
        raise DataError(f"The table of {name} has no rows; give at least one.")


def listed(values: Sequence[object], *, most: int = 5) -> str:
    """Return the first `most` values in one readable line."""
    head = ", ".join(_written(value) for value in list(values)[:most])
    return head + (f" and {len(values) - most} more" if len(values) > most else "")


def told(counts: Mapping[str, int]) -> str:
    """Return what is wrong with how many, leaving out what is wrong with none: ``"3 are infinite"``."""
    found = [f"{n:,} {fault}" for fault, n in counts.items() if n]
    return " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)


def called(dtype: nw.dtypes.DType) -> str:
    """Say what a type is in words: engines call the same type by different names."""
    words = {
        "text": isinstance(dtype, nw.String | nw.Categorical | nw.Enum),
        "true or false": isinstance(dtype, nw.Boolean),
        "whole numbers": dtype.is_integer(),
        "numbers": dtype.is_numeric(),
        "timestamps": isinstance(dtype, nw.Datetime),
        "dates": isinstance(dtype, nw.Date),
        "spans of time": isinstance(dtype, nw.Duration),
        "times of day": isinstance(dtype, nw.Time),
        "bytes": isinstance(dtype, nw.Binary),
        "lists or records": dtype.is_nested(),
    }
    return next((word for word, fits in words.items() if fits), "values of several types")


def _written(value: object) -> str:
    """Write a value as every engine would: each has a missing value of its own."""
    is_missing = value is None or value is pd.NA or value is pd.NaT or value != value
    if is_missing:
        return "a missing value"
    return repr(value) if len(str(value)) <= _LONGEST else repr(str(value)[:_LONGEST]) + "…"


def _lifted(frame: Lazy | nw.DataFrame[Any], columns: Sequence[str]) -> Lazy:
    if isinstance(frame, nw.LazyFrame):
        return frame
    if frame.implementation.is_polars():
        return frame.lazy()
    import duckdb

    plain = _liftable(frame.select(*dict.fromkeys(columns)))
    try:
        return plain.lazy(_EMBEDDED)
    except duckdb.Error:  # It cannot scan a pandas frame that was turned around, as by `.iloc[::-1]`.
        return plain.clone().lazy(_EMBEDDED)


def _scanned(path: str, name: str) -> Lazy:
    import duckdb

    try:
        return nw.scan_parquet(path, backend=_EMBEDDED)
    except duckdb.Error:
        raise TableError(f"{name}: no readable Parquet file at {path!r}; check the path.") from None


def _bad_header(data: object, name: str) -> str:
    names = data.columns if isinstance(data, pd.DataFrame) else getattr(data, "column_names", None)
    if not isinstance(names, pd.Index | list):  # Arrow has a list
        return ""
    header = names if isinstance(names, pd.Index) else pd.Index(names)
    if isinstance(header, pd.MultiIndex):
        return f"{name} has a header of {header.nlevels} levels; flatten it to one name a column."
    if twice := list(header[header.duplicated()].unique()):
        return f"{name} has more than one column named {listed(twice)}; rename all but one."
    if odd := [column for column in header if not isinstance(column, str)]:
        return f"{name} has column names that are not text: {listed(odd)}; rename them."
    return ""


def _liftable(frame: nw.DataFrame[Any]) -> nw.DataFrame[Any]:
    """Make object columns and categories plain text, which DuckDB can scan."""
    plain = [
        nw.col(column).cast(nw.String)
        for column, dtype in frame.schema.items()
        if isinstance(dtype, nw.Categorical | nw.Enum)
    ]
    return frame.with_columns(*plain) if plain else frame


def _check_names(roles: Mapping[str, tuple[str, Kind]], names: Sequence[str], name: str) -> None:
    for column, _ in roles.values():
        if column not in names:
            near = closest(column, [known for known in names if len(known) <= _LONGEST])
            raise TableError(
                f"{name} has no column {_written(column)}; it has {listed(names, most=12)}.{near}"
            )


def _check_types(
    roles: Mapping[str, tuple[str, Kind]], schema: Mapping[str, nw.dtypes.DType], name: str
) -> None:
    for column, kind in roles.values():
        if not _fits(schema[column], kind):
            needs, holds = _NEEDS[kind], called(schema[column])
            raise TableError(f"{name}: column {_written(column)} must hold {needs}; it holds {holds}.")
        if kind == "time" and getattr(schema[column], "time_zone", None):
            raise TableError(
                f"{name}: column {column!r} has a time zone, and engines disagree on its months; "
                "convert it to local time without a zone first."
            )


def _check_flags(frame: Lazy, flags: Sequence[str], schema: Mapping[str, nw.dtypes.DType], name: str) -> None:
    for column in flags:
        if schema[column].is_integer():
            odd = collect(frame.filter(~nw.col(column).is_in([0, 1])).select(column).head(1))
            if len(odd):
                raise DataError(
                    f"{name}: column {column!r} holds {odd[column].iloc[0]}; give true and false, or 1 and 0."
                )


def _fits(dtype: nw.dtypes.DType, kind: Kind) -> bool:
    if isinstance(dtype, nw.Unknown):  # what engines call a column in which everything is missing
        return True
    is_text = isinstance(dtype, nw.String | nw.Categorical | nw.Enum)
    fits = {
        "number": dtype.is_numeric(),
        "amount": dtype.is_numeric() or isinstance(dtype, nw.Boolean),
        "category": dtype.is_numeric() or isinstance(dtype, nw.Boolean) or is_text,
        "text": is_text,
        "key": dtype.is_integer() or is_text,
        "time": isinstance(dtype, nw.Datetime | nw.Date),
        "flag": isinstance(dtype, nw.Boolean) or dtype.is_integer(),
        "any": not (dtype.is_nested() or isinstance(dtype, nw.Object | nw.Binary)),
    }
    return fits[kind]


def _plain(column: str, dtype: nw.dtypes.DType, kind: Kind) -> nw.Expr:
    value = nw.col(column)
    if dtype.is_float():
        value = value.fill_nan(None)
    if isinstance(dtype, nw.Categorical | nw.Enum):
        return value.cast(nw.String)
    if isinstance(dtype, nw.Boolean) and kind != "any":
        value = as_number(value)
    is_number = kind in ("number", "amount") or (kind == "category" and not isinstance(dtype, nw.String))
    return value.cast(nw.Float64) if is_number else value
