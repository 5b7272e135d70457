"""What a call did with a table: a result, or an error of the package's own; and how two of them compare."""

import sys
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from cxmeasure.errors import CxmeasureError, CxmeasureWarning
from cxmeasure.results import Estimates, Scores

sys.path.insert(0, str(Path(__file__).parents[1]))
from trust.calls import Call

Outcome = tuple[str, Any]


def plain(result: Any) -> pd.DataFrame:
    """Return a result as pandas: estimates as they stand, rows in an order of their own."""
    if isinstance(result, Estimates):
        return result.table
    if isinstance(result, Scores):
        return result.summary.table
    frame = nw.from_native(result)
    frame = frame.collect("pandas") if isinstance(frame, nw.LazyFrame) else frame
    table = frame.to_pandas()
    return table.sort_values(list(table.columns), ignore_index=True)


def outcome(call: Call, table: Any, names: Mapping[str, str] | None = None, **choices: Any) -> Outcome:
    """Return ("a result", table) or (class, sentence); fail on any other error, and on a foreign warning."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        try:
            found: Outcome = ("a result", plain(call(table, names, **choices)))
        except CxmeasureError as error:
            found = type(error).__name__, str(error)
        except Exception as error:
            raise AssertionError(f"a bare {type(error).__name__}: {error} ({_where(error)})") from error
    foreign = [each for each in given if not issubclass(each.category, CxmeasureWarning)]
    assert not foreign, f"{foreign[0].message} ({foreign[0].filename}:{foreign[0].lineno})"
    if found[0] != "a result":
        assert found[1][-1] in ".?", f"no sentence: {found[1]}"
    return found


def same(first: Outcome, second: Outcome) -> bool:
    """Return whether both are the same sentence, or the same numbers."""
    if first[0] != second[0]:
        return False
    if first[0] != "a result":
        return bool(first[1] == second[1])
    one, other = first[1], second[1]
    return one.shape == other.shape and all(
        _alike(one.iloc[:, i], other.iloc[:, i]) for i in range(one.shape[1])
    )


def same_numbers(first: pd.DataFrame, second: pd.DataFrame) -> bool:
    """Return whether both have the same rows of numbers, whatever their order and their names."""
    one, other = (_numbers(table) for table in (first, second))
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-5, atol=1e-7, equal_nan=True)


def _numbers(table: pd.DataFrame) -> Any:
    numeric = table.select_dtypes("number").to_numpy(float, na_value=np.nan)
    rounded = np.array(
        [[float(f"{value:.5g}") for value in row] for row in np.nan_to_num(numeric, nan=-1e99)]
    )
    return numeric[np.lexsort(rounded.T)] if len(numeric) else numeric


def _alike(one: Any, other: Any) -> bool:
    if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(other):
        numbers = (column.to_numpy(float, na_value=np.nan) for column in (one, other))
        return bool(np.allclose(*numbers, rtol=1e-6, atol=1e-8, equal_nan=True))
    missing = one.isna().to_numpy()
    return bool(
        (missing == other.isna().to_numpy()).all()
        and one[~missing].astype(str).tolist() == other[~missing].astype(str).tolist()
    )


def _where(error: BaseException) -> str:
    places = [frame for frame in traceback.extract_tb(error.__traceback__) if "cxmeasure" in frame.filename]
    return f"{Path(places[-1].filename).name}:{places[-1].lineno}" if places else "outside"
