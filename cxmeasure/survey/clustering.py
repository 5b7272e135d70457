"""Several answers of one customer: variances over customers instead of answers."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxmeasure._stats import intervals
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import DataError

ASSUMED = "Customers are independent of one another; several answers of one customer need not be."


def customers(keys: pd.Series, cluster_column: str) -> npt.NDArray[np.intp]:
    """Return the number of the customer to which each row belongs.

    Raises
    ------
    DataError
        If a customer is missing, or there is one only.
    """
    codes, known = pd.factorize(keys, use_na_sentinel=True)
    refuse_without(int((codes < 0).sum()), cluster_column)
    if len(known) < 2:
        raise DataError(
            f"Every row is of one customer ({cluster_column!r} = {known[0]!r}): how far customers differ "
            "cannot be told from one. Leave cluster_column= out, or give more customers."
        )
    return codes


def refuse_without(n_without: int, cluster_column: str) -> None:
    """Raise a `DataError` if some invitations are of nobody."""
    if n_without:
        raise DataError(
            f"{cluster_column!r} is missing for some of the invitations; say of each whose it is."
        )


def over_customers(influence: Floats, codes: npt.NDArray[np.intp]) -> Floats:
    """Return Σ (sum of a customer's influence less the mean)² · m/(m − 1), for each column of `influence`.

    Parameters
    ----------
    influence : ndarray of shape (rows, estimates)
    codes : ndarray of shape (rows,)
        The customer of each row, 0 to m − 1.
    """
    m = int(codes.max()) + 1
    sums = np.stack([np.bincount(codes, weights=column, minlength=m) for column in influence.T])
    found: Floats = ((sums - sums.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) * m / (m - 1)
    return found


def quantile(conf_level: float, n_customers: float | None) -> float:
    """Return by how many standard errors an interval reaches: Student's with customers, else the normal."""
    if n_customers is None:
        return intervals.z_value(conf_level)
    return float(intervals.t_value(conf_level, np.array([n_customers - 1.0]))[0])
