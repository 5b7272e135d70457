"""What a reader uses: the stored tables, the truth behind them, the list of worlds."""

from pathlib import Path
from typing import Any, Final

import pandas as pd

from cxmeasure import _data
from cxmeasure._arguments import choice
from cxmeasure.errors import ArgumentError, StoreError
from cxmeasure.lantern.dictionary import columns, shaped, table_list
from cxmeasure.lantern.parameters import (
    WORLD_NAMES,
    known_world,
    load_parameters,
    parameter_table,
    world_table,
)
from cxmeasure.lantern.parquet import open_relation, read_parquet

BACKENDS: Final = ("pandas", "polars", "pyarrow", "duckdb")
_HOLDS: Final = {
    "claimed": "what the articles claim holds",
    "null": "the named effects are exactly zero",
    "reversed": "chosen effects have the opposite sign",
    "tilted": "the satisfied answer more than the dissatisfied",
    "mar": "answering depends on recorded traits only",
}


def tables() -> pd.DataFrame:
    """Return the tables of the company.

    Returns
    -------
    pandas.DataFrame
        One row a table: `table`, `row` (what a row is), `key`, `links` (``column>table``), `hidden` (a
        table of hidden truth), `n_columns`, and `worlds` (in which this installation stores it).

    Examples
    --------
    >>> known = tables().set_index("table")
    >>> known.loc["exits", "row"]
    'an exit'
    """
    known = table_list().assign(hidden=lambda rows: rows["hidden"] == "yes")
    width = columns().groupby("table").size()
    stored = {
        name: ", ".join(world for world in WORLD_NAMES if _path(name, world).is_file())
        for name in known["table"]
    }
    return known.assign(
        n_columns=known["table"].map(width).astype("int64"), worlds=known["table"].map(stored).astype("str")
    )


def worlds() -> pd.DataFrame:
    """Return the worlds: their names, what holds in them, and how many parameters differ.

    Examples
    --------
    >>> worlds()["world"].tolist()
    ['claimed', 'null', 'reversed', 'tilted', 'mar']
    """
    differs = world_table().groupby("world").size() - 4
    return pd.DataFrame(
        {
            "world": list(WORLD_NAMES),
            "label": list(WORLD_NAMES.values()),
            "what_holds": [_HOLDS[name] for name in WORLD_NAMES],
            "n_parameters_changed": [int(differs[name]) for name in WORLD_NAMES],
        }
    )


def truth(world: str = "claimed") -> pd.DataFrame:
    """Return every parameter of a world: what no firm knows.

    Parameters
    ----------
    world
        Name of the world.

    Returns
    -------
    pandas.DataFrame
        Indexed by `name`: `value`, `claimed` (its value in that world), `unit`, `equation` (its number; 0
        for what belongs to no equation), `module`, `meaning`. The calibration constants c_w, k_w, a0_w
        and b0_w are among them.

    Raises
    ------
    ArgumentError
        If there is no such world.

    Examples
    --------
    >>> truth().loc["loss_aversion", "value"], truth("null").loc["loss_aversion", "value"]
    (np.float64(1.8), np.float64(1.0))
    """
    table = parameter_table().set_index("name")
    here = pd.Series(load_parameters(known_world(world)), name="value")
    claimed = pd.Series(load_parameters("claimed"))
    return table.assign(value=here, claimed=claimed)[
        ["value", "claimed", "unit", "equation", "module", "meaning"]
    ]


def load(table: str, world: str = "claimed", *, backend: str = "pandas") -> Any:
    """Return a stored table of Lantern: 4,000 customers over 36 months.

    Parameters
    ----------
    table
        Name of the table; `tables` lists them. Tables whose name begins with ``truth`` are hidden from
        the firm; ``"truth"`` is the list of parameters.
    world
        Name of the world; `worlds` lists them. The wheel carries ``"claimed"``; a checkout has what the
        book reads of the others.
    backend
        ``"pandas"``, ``"polars"``, ``"pyarrow"``, or ``"duckdb"`` (a lazy relation on a connection of its
        own).

    Returns
    -------
    DataFrame of the backend
        Columns, types and units as the data dictionary says.

    Raises
    ------
    ArgumentError
        If the table, the world or the backend is unknown.
    StoreError
        If this installation does not have the table, or its file is broken.

    Examples
    --------
    >>> load("customers").shape
    (4000, 17)
    """
    choice(backend, BACKENDS, name="backend")
    known_world(world)
    choice(table, ["truth", *table_list()["table"]], name="table")
    if table == "truth":
        return _handed_on(truth(world).reset_index(), backend)
    path = _path(table, world)
    if not path.is_file():
        raise StoreError(_absent(table, world))
    if backend == "duckdb":
        return open_relation(path)
    return _handed_on(shaped(table, read_parquet(path)), backend)


def _path(table: str, world: str) -> Path:
    return _data.folder("lantern") / world / f"{table}.parquet"


def _absent(table: str, world: str) -> str:
    return (
        f"The table {table!r} of world {world!r} is not in this installation. Simulate it: "
        f"lantern.simulate({world!r}, size=4000, seed=1, tables=[{table!r}])[{table!r}]."
    )


def _handed_on(frame: pd.DataFrame, backend: str) -> Any:
    """Return the frame as the backend's own."""
    if backend == "pandas":
        return frame
    try:
        if backend == "polars":
            import polars

            return polars.from_pandas(frame)
        if backend == "pyarrow":
            import pyarrow

            return pyarrow.Table.from_pandas(frame, preserve_index=False)
    except ImportError as error:
        raise ArgumentError(
            f"backend={backend!r} needs a package that is not installed: {error.name}. "
            "Install it, or use backend='pandas' or 'duckdb'."
        ) from error
    import duckdb

    return duckdb.connect().from_df(frame)
