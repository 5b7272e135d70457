"""Parquet files written and read by DuckDB, so that the installed package needs nothing more."""

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final

import duckdb
import pandas as pd

from cxmeasure.errors import ArgumentError, StoreError

_NO_SPACE: Final = ("no space left", "could not write", "disk full")


@contextmanager
def _prose(action: str) -> Iterator[None]:
    """Turn what goes wrong on disk into one plain sentence."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        full = getattr(error, "errno", None) == errno.ENOSPC or any(
            words in str(error).lower() for words in _NO_SPACE
        )
        reason = "the disk is full" if full else str(error).splitlines()[0]
        advice = "Make room and run it again." if full else "Look at the folder's rights and run it again."
        raise StoreError(f"{action} failed: {reason}. Nothing was kept. {advice}") from error


def write_parquet(frame: pd.DataFrame, path: Path, *, level: int = 3) -> None:
    """Write a frame as one Parquet file: zstd, one thread, the rows in their order."""
    with _prose(f"Writing {path.name}"), duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.execute("SET preserve_insertion_order = true")
        connection.register("frame", frame)
        target = str(path).replace("'", "''")
        connection.execute(
            f"COPY frame TO '{target}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {level}, "
            "PARQUET_VERSION V2, ROW_GROUP_SIZE 200000)"
        )


def read_parquet(path: Path) -> pd.DataFrame:
    """Read one Parquet file, or every file of a pattern.

    Raises
    ------
    StoreError
        If the file is broken.
    """
    try:
        with duckdb.connect() as connection:
            connection.execute("SET threads = 1")
            return connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).df()
    except duckdb.Error as error:
        raise _broken(path) from error


def _broken(path: Path) -> StoreError:
    return StoreError(
        f"The stored table {path.name} of world {path.parent.name!r} cannot be read: it is broken or "
        "half-written. Make the tables again with `python -m cxmeasure.lantern.store`, or install "
        "cxmeasure again."
    )


class CompanyFolder:
    """A folder of tables that appears only when it is complete.

    Everything is written to a hidden neighbour first and renamed at the end; if anything goes wrong the
    neighbour is removed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists():
            raise ArgumentError(
                f"to={str(path)!r} exists already; name a folder that does not, or remove this one."
            )
        self._draft: Path | None = None

    def __enter__(self) -> "CompanyFolder":
        with _prose(f"Writing to {self.path}"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._draft = Path(tempfile.mkdtemp(prefix=f".{self.path.name}-", dir=self.path.parent))
        return self

    def write(self, table: str, frame: pd.DataFrame, part: int) -> None:
        """Write one part of a table."""
        if self._draft is None:
            raise StoreError("The folder is not open for writing; use it in a with statement.")
        place = self._draft / table
        with _prose(f"Writing {table}"):
            place.mkdir(exist_ok=True)
        write_parquet(frame, place / f"part-{part:05d}.parquet")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._draft is None:
            return
        if kind is None:
            with _prose(f"Writing to {self.path}"):
                self._draft.chmod(0o755)
                self._draft.rename(self.path)
        else:
            shutil.rmtree(self._draft, ignore_errors=True)


def open_relation(path: Path) -> duckdb.DuckDBPyRelation:
    """Return one Parquet file as a lazy relation on a connection of its own."""
    try:
        return duckdb.connect().read_parquet(str(path))
    except duckdb.Error as error:
        raise _broken(path) from error
