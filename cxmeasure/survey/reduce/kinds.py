"""A table in memory → its rows told apart by a few columns: a handful of kinds, and of which each row is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from cxmeasure._frames import opened

N_ROWS = "rows of this kind"


@dataclass(frozen=True, slots=True)
class Kinds:
    """One row of each kind in `examples`, and for every row of the table the `place` of its kind there."""

    examples: nw.DataFrame[Any]
    place: npt.NDArray[np.intp]

    def counted(self) -> Any:
        """Return the examples, how many rows are of each kind in the column `N_ROWS`."""
        counts = np.bincount(self.place, minlength=len(self.examples))
        rows = nw.new_series(N_ROWS, counts, nw.Int64, backend=self.examples.implementation)
        return self.examples.with_columns(rows).filter(nw.col(N_ROWS) > 0).to_native()

    def spread(self, number: nw.Expr) -> nw.Series[Any]:
        """Return a number computed for each kind, for every row of the table."""
        found = self.examples.select(number=number)["number"].to_numpy()
        return nw.new_series("number", found[self.place], nw.Float64, backend=self.examples.implementation)


def kinds_of(rows: Any, columns: Sequence[str]) -> Kinds | None:
    """Return the kinds of the rows, or nothing where the engine itself counts as fast.

    pandas and Arrow go over all rows for each comparison of text: here every column is read once. Polars, and
    all that is lazy, has no need of it.
    """
    table = opened(rows, name="invitations")
    if isinstance(table, nw.LazyFrame) or table.implementation.is_polars():
        return None
    place, size = np.zeros(len(table), dtype=np.intp), 1
    for column in dict.fromkeys(columns):
        codes, values = pd.factorize(table[column].to_pandas(), use_na_sentinel=False)
        place, size = place * len(values) + codes, size * len(values)
        if size > len(table):
            place, seen = pd.factorize(place)
            size = len(seen)
    example = np.zeros(size if len(table) else 0, dtype=np.intp)
    example[place] = np.arange(len(table))
    return Kinds(table.select(*dict.fromkeys(columns))[example], place)
