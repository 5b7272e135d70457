"""Customer-periods → the columns a hazard model needs, sorted by customer. One row a customer-period."""

from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from cxmeasure._frames import Kind, adopt, as_number, called, collect, refuse_if_empty
from cxmeasure.errors import DataError, TableError

_LARGEST = 1e100


def customer_periods(
    rows: Any, *, customer_column: str, left_column: str, covariate_columns: Sequence[str]
) -> pd.DataFrame:
    """Return ``customer`` (0, 1, …), ``left`` (1, 0, missing) and ``x_0`` … as floats, sorted by customer.

    Raises
    ------
    TableError
        If a covariate holds neither numbers nor true and false.
    DataError
        If there is no row, a customer or covariate is missing or infinite, or somebody left twice.
    """
    roles: dict[str, tuple[str, Kind]] = {"customer": (customer_column, "key"), "left": (left_column, "flag")}
    roles |= {f"x_{i}": (column, "any") for i, column in enumerate(covariate_columns)}
    frame = adopt(rows, roles, name="customer_periods")
    schema = frame.collect_schema()
    for i, column in enumerate(covariate_columns):
        dtype = schema[f"x_{i}"]
        if not (dtype.is_numeric() or isinstance(dtype, nw.Boolean)):
            raise TableError(
                f"customer_periods: covariate {column!r} must hold numbers or true and false; it holds "
                f"{called(dtype)}. Make a column of true and false for each of its values but one."
            )
    names = [f"x_{i}" for i in range(len(covariate_columns))]
    frame = frame.with_columns(
        nw.col("left").cast(nw.Float64), *(_number(name, schema[name]).cast(nw.Float64) for name in names)
    )
    table = collect(frame)
    refuse_if_empty(len(table), name="customer_periods")
    if table["customer"].isna().any():
        raise DataError(
            f"{table['customer'].isna().sum():,} of the {len(table):,} customer_periods have no "
            f"{customer_column!r}; every period needs its customer."
        )
    for name, column in zip(names, covariate_columns, strict=True):
        n_bad = int((~(np.abs(table[name].to_numpy(dtype=float)) <= _LARGEST)).sum())
        if n_bad:
            raise DataError(
                f"Covariate {column!r} is missing, infinite or beyond ±{_LARGEST:g} in {n_bad:,} of the "
                f"{len(table):,} customer_periods; fill them, or leave those periods out."
            )
    table["customer"] = pd.factorize(table["customer"])[0]
    twice = table.groupby("customer")["left"].sum()
    if (twice > 1).any():
        raise DataError(
            f"{int((twice > 1).sum()):,} of the {len(twice):,} customers left more than once; give each stay "
            f"a number of its own in {customer_column!r}, or keep the first."
        )
    return table.sort_values("customer", kind="stable", ignore_index=True)


def _number(name: str, dtype: nw.dtypes.DType) -> nw.Expr:
    return as_number(nw.col(name)) if isinstance(dtype, nw.Boolean) else nw.col(name)
