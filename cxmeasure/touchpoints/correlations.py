"""Correlations of drivers and outcome, and draws of them: from rows, or from a matrix that is checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._arguments import closest
from cxmeasure._frames import listed
from cxmeasure._stats import resample
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import DataError, EstimationError, TableError
from cxmeasure.touchpoints.reduce.products import cross_products

_TOLERANCE = 1e-8
_FEWEST_CUSTOMERS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Who was asked, and where the interval comes from; empty where it is not known, or there is none."""

    n: int | None = None
    n_missing: int = 0
    n_customers: int | None = None
    n_effective: float | None = None
    is_weighted: bool = False
    interval: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Sample):
    """Correlations (drivers first, outcome last) and draws of them, from rows or from a matrix."""

    correlations: Floats
    draws: Floats


def drawable(n_customers: int, n_drivers: int, n_boot: int) -> tuple[int, str]:
    """Return how many draws of so many customers make sense, and what to say of them."""
    if n_customers < _FEWEST_CUSTOMERS:
        return 0, f"no interval from fewer than {_FEWEST_CUSTOMERS} customers"
    is_few = n_customers < _FEWEST_CUSTOMERS * n_drivers
    return n_boot, f"fewer than {_FEWEST_CUSTOMERS} customers a driver" if is_few else ""


def from_rows(
    customers: Any,
    variables: Sequence[str],
    *,
    customer_column: str | None,
    weight_column: str | None,
    n_boot: int,
    rng: np.random.Generator,
) -> Source:
    """Return the correlations of `variables` in a user's table, and bootstrap draws of them."""
    kept = cross_products(
        customers, variables=variables, customer_column=customer_column, weight_column=weight_column
    )
    sums = np.column_stack([kept.counts, kept.sums, kept.products.reshape(len(kept.counts), -1)])
    n_boot, note = drawable(kept.n_customers, len(variables) - 1, n_boot)
    drawn = resample.bucket_counts(len(sums), n_boot, rng) @ sums
    together = np.vstack([sums.sum(axis=0), drawn])
    q = len(variables)
    matrices = resample.correlations_from_sums(
        together[:, 0], together[:, 1 : q + 1], together[:, q + 1 :].reshape(-1, q, q)
    )
    interval = f"bootstrap percentiles over {kept.n_customers:,} customers, {n_boot} draws"
    return Source(
        correlations=matrices[0],
        draws=matrices[1:],
        n=kept.n,
        n_missing=kept.n_missing,
        n_customers=kept.n_customers,
        n_effective=kept.n_effective,
        is_weighted=weight_column is not None,
        interval=interval if n_boot else "",
        note=note,
    )


def from_matrix(
    correlations: pd.DataFrame,
    variables: Sequence[str],
    *,
    n: int | None,
    n_boot: int,
    rng: np.random.Generator,
) -> Source:
    """Return a user's correlations, and draws of them where `n` is known."""
    matrix = correlation_matrix(correlations, variables)
    q = len(variables)
    if n is None:
        return Source(correlations=matrix, draws=np.empty((0, q, q)), note="no interval without n")
    n = _arguments.whole(n, name="n", at_least=1)
    if n < q + 1:
        raise EstimationError(
            f"n={n} customers for {q - 1} drivers: R² would be 1 whatever they hold. "
            f"It takes at least {q + 1}, or fewer drivers."
        )
    draws = resample.wishart_correlations(matrix, n, n_boot, rng)
    interval = f"percentiles of {n_boot} Wishart draws for {n:,} customers" if n_boot else ""
    return Source(correlations=matrix, draws=draws, n=n, interval=interval)


def correlation_matrix(correlations: object, variables: Sequence[str]) -> Floats:
    """Return the correlations of `variables`, in that order, as an array.

    Raises
    ------
    TableError
        If it is no pandas DataFrame with the same labels on rows and columns, a variable is not among
        them, or it holds no numbers.
    DataError
        If it is not a correlation matrix: values missing or outside −1 to 1, a diagonal other than 1,
        not symmetric, or not positive semidefinite.
    """
    frame = _labelled(correlations)
    for name in variables:
        if name not in frame.columns:
            raise TableError(
                f"correlations has no variable {name!r}; it has {listed(list(frame.columns), most=12)}."
                f"{closest(name, map(str, frame.columns))}"
            )
    try:
        matrix = frame.loc[list(variables), list(variables)].to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise TableError("correlations must hold numbers; some of its values are text.") from None
    _refuse_bad(matrix, variables)
    symmetric: Floats = (matrix + matrix.T) / 2
    np.fill_diagonal(symmetric, 1.0)
    return symmetric


def _labelled(correlations: object) -> pd.DataFrame:
    if not isinstance(correlations, pd.DataFrame):
        raise TableError(
            "correlations must be a pandas DataFrame with the variables' names on rows and columns; "
            f"received {type(correlations).__name__}. "
            "Write pd.DataFrame(matrix, index=names, columns=names)."
        )
    rows, columns = list(correlations.index), list(correlations.columns)
    if len(set(columns)) < len(columns) or sorted(map(str, rows)) != sorted(map(str, columns)):
        raise TableError(
            f"correlations must have each variable's name once on rows and once on columns; its rows are "
            f"{listed(rows)}, its columns {listed(columns)}. "
            "Write pd.DataFrame(matrix, index=names, columns=names)."
        )
    return correlations


def _refuse_bad(matrix: Floats, variables: Sequence[str]) -> None:
    def name(place: np.intp) -> str:
        row, column = divmod(int(place), len(variables))
        return f"{variables[row]!r} and {variables[column]!r}"

    if not np.isfinite(matrix).all():
        raise DataError(
            f"The correlation of {name(np.argmin(np.isfinite(matrix)))} is missing or infinite; "
            "give the whole matrix, both triangles."
        )
    worst = int(np.argmax(np.abs(np.diagonal(matrix) - 1)))
    if abs(matrix[worst, worst] - 1) > _TOLERANCE:
        raise DataError(
            f"The diagonal of a correlation matrix is 1; at {variables[worst]!r} it is "
            f"{matrix[worst, worst]:g}. Divide covariances by both standard deviations first."
        )
    gap = np.abs(matrix - matrix.T)
    if gap.max() > _TOLERANCE:
        place = divmod(int(np.argmax(gap)), len(variables))
        raise DataError(
            f"correlations is not symmetric: {name(np.argmax(gap))} have {matrix[place]:g} in one triangle "
            f"and {matrix[place[::-1]]:g} in the other. Give both triangles the same values."
        )
    if np.abs(matrix).max() > 1 + _TOLERANCE:
        place = divmod(int(np.argmax(np.abs(matrix))), len(variables))
        raise DataError(
            f"The correlation of {name(np.argmax(np.abs(matrix)))} is {matrix[place]:g}; "
            "correlations lie between −1 and 1."
        )
    smallest = float(np.linalg.eigvalsh(matrix)[0])
    if smallest < -_TOLERANCE:
        raise DataError(
            f"No data can have these correlations: the matrix is not positive semidefinite (smallest "
            f"eigenvalue {smallest:.2g}). This comes of correlating pair by pair with values missing, or "
            "of rounding; compute it from complete rows, unrounded."
        )
