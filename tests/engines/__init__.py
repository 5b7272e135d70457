"""The same rows on every engine this environment has."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pandas as pd
import polars as pl
import pyarrow as pa

ENGINES = ("pandas", "polars", "polars-lazy", "arrow", "duckdb", "ibis", "parquet")


def on_engine(engine: str, rows: pd.DataFrame, folder: Path) -> Any:
    """Return `rows` as a table of `engine`; a Parquet file is written into `folder`."""
    arrow = pa.Table.from_pandas(rows, preserve_index=False)
    makers: dict[str, Callable[[], Any]] = {
        "pandas": lambda: rows,
        "polars": lambda: pl.from_arrow(arrow),
        "polars-lazy": lambda: pl.from_arrow(arrow).lazy(),
        "arrow": lambda: arrow,
        "duckdb": lambda: _on_duckdb(arrow),
        "ibis": lambda: _on_ibis(arrow),
        "parquet": lambda: _on_disk(rows, folder),
    }
    return makers[engine]()


def _on_duckdb(arrow: pa.Table) -> Any:
    connection = duckdb.connect()
    connection.register("rows", arrow)
    return connection.sql("select * from rows")


def _on_ibis(arrow: pa.Table) -> Any:
    connection = ibis.duckdb.connect()
    # Not create_table: with DuckDB 2.0 it drops a view without a name.
    connection.con.register("arriving", arrow)
    connection.raw_sql("create table rows as select * from arriving")
    return connection.table("rows")


def _on_disk(rows: pd.DataFrame, folder: Path) -> str:
    path = folder / "rows.parquet"
    rows.to_parquet(path)
    return str(path)
