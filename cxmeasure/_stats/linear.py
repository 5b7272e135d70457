"""Least squares from cross-products kept by customer: the fit, and errors that let customers be alike.

Arrays in, arrays out. No row is read again: a customer's cross-products are all that the fit and its
clustered covariance need.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from cxmeasure._stats.intervals import Floats, t_value


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients with their clustered covariance.

    Attributes
    ----------
    beta : ndarray of shape (p,)
    covariance : ndarray of shape (p, p)
    n, n_customers : int
    r2 : float
        In 0–1; of a model whose first regressor is the constant.
    outcome_sd : float
    """

    beta: Floats
    covariance: Floats
    n: int
    n_customers: int
    r2: float
    outcome_sd: float

    def contrast(self, rows: Floats, conf_level: float) -> dict[str, Floats]:
        """Return estimate, error, t, p and interval of each linear combination in `rows`, shape (r, p)."""
        rows = np.atleast_2d(rows)
        estimate = rows @ self.beta
        error = np.sqrt(np.maximum(np.einsum("ip,pq,iq->i", rows, self.covariance, rows), 0))
        degrees = np.full(len(rows), self.n_customers - 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = estimate / error
        half = t_value(conf_level, degrees) * error
        return {
            "estimate": estimate,
            "std_error": error,
            "statistic": statistic,
            "p_value": 2 * special.stdtr(degrees, -np.abs(statistic)),
            "conf_low": estimate - half,
            "conf_high": estimate + half,
        }

    def wald(self, rows: Floats) -> tuple[float, float]:
        """Return F and p of the hypothesis that all combinations in `rows` are zero."""
        rows = np.atleast_2d(rows)
        gap = rows @ self.beta
        statistic = float(gap @ np.linalg.solve(rows @ self.covariance @ rows.T, gap)) / len(rows)
        return statistic, float(special.fdtrc(len(rows), self.n_customers - 1, statistic))


def clustered(products: Floats) -> Fit:
    """Fit the last variable on the others, with errors clustered by customer.

    Parameters
    ----------
    products : ndarray of shape (customers, q, q)
        Each customer's cross-products of constant, regressors, outcome, in this order.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the regressors determine one another.

    References
    ----------
    Liang & Zeger (1986), Biometrika 73:13–22, doi:10.1093/biomet/73.1.13; with the factor
    m/(m − 1) · (n − 1)/(n − p) of statsmodels and Stata.

    Examples
    --------
    >>> x = np.array([[1.0, 0, 1], [1, 1, 3], [1, 2, 5], [1, 3, 7]])
    >>> clustered(x[:, :, None] * x[:, None, :]).beta.round(6)
    array([1., 2.])
    """
    total = products.sum(axis=0)
    xx, xy, yy = total[:-1, :-1], total[:-1, -1], total[-1, -1]
    n, p, m = float(total[0, 0]), len(xx), len(products)
    size = np.sqrt(np.diagonal(xx))
    scaled = xx / np.outer(size, size) if (size > 0).all() else np.zeros_like(xx)
    if not np.isfinite(scaled).all() or np.linalg.eigvalsh(scaled)[0] < 1e-10:
        raise np.linalg.LinAlgError("regressors determine one another")
    inverse = np.linalg.inv(scaled) / np.outer(size, size)
    beta = inverse @ xy
    scores = products[:, :-1, -1] - products[:, :-1, :-1] @ beta
    factor = m / (m - 1) * (n - 1) / max(n - p, 1)
    about = yy - xy[0] ** 2 / n
    unexplained = max(yy - beta @ xy, 0.0)
    return Fit(
        beta=beta,
        covariance=factor * inverse @ (scores.T @ scores) @ inverse,
        n=round(n),
        n_customers=m,
        r2=1 - unexplained / about if about > 0 else 0.0,
        outcome_sd=float(np.sqrt(about / max(n - 1, 1))),
    )
