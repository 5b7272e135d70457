"""Results back in the engine that the table came from: eager in, eager out; lazy in, lazy out."""

from typing import Any

import narwhals.stable.v2 as nw

from cxmeasure._frames import Lazy
from cxmeasure.results import NativeFrame


def handed_back(rows: Lazy, like: Any) -> NativeFrame:
    """Return lazy `rows` as the kind of table that `like` is; for a path, DuckDB's."""
    if not isinstance(like, str):
        given = nw.from_native(like)
        if isinstance(given, nw.DataFrame):
            eager: NativeFrame = rows.collect(given.implementation).to_native()
            return eager
    lazy: NativeFrame = rows.to_native()
    return lazy
