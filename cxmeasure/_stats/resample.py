"""Draws of a statistic and what they say: bootstrap over buckets, Wishart draws, percentiles, ranks.

Arrays in, arrays out. A draw is a row; no function loops over draws.
"""

from dataclasses import dataclass

import numpy as np

from cxmeasure._stats.intervals import Floats


def bucket_counts(n_buckets: int, n_draws: int, rng: np.random.Generator) -> Floats:
    """Return how often each bucket is drawn when as many are drawn with replacement as there are.

    Returns
    -------
    ndarray of shape (n_draws, n_buckets)
        Each row sums to `n_buckets`. Times a bucket's sums it gives the sums of the draw: no row is
        read again.
    """
    return rng.multinomial(n_buckets, np.full(n_buckets, 1 / n_buckets), size=n_draws).astype(float)


def correlations_from_sums(n: Floats, sums: Floats, products: Floats) -> Floats:
    """Return correlation matrices from counts, sums and cross-products of centred variables.

    Parameters
    ----------
    n : ndarray of shape (draws,)
    sums : ndarray of shape (draws, q)
    products : ndarray of shape (draws, q, q)

    Returns
    -------
    ndarray of shape (draws, q, q)
        A variable that is constant in a draw has zeros in its row and column, the diagonal included.

    Examples
    --------
    >>> x = np.array([[-1.0, -2.0], [0.0, 1.0], [1.0, 1.0]])
    >>> correlations_from_sums(np.array([3.0]), x.sum(axis=0)[None], (x.T @ x)[None])[0].round(4)
    array([[1.   , 0.866],
           [0.866, 1.   ]])
    """
    means = sums / n[:, None]
    raw = products / n[:, None, None]
    covariances = raw - means[:, :, None] * means[:, None, :]
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    # What is left of a constant by rounding is some 1e-16 of its square.
    varies = variances > 1e-10 * np.diagonal(raw, axis1=1, axis2=2)
    scale = np.divide(1.0, np.sqrt(np.maximum(variances, 0)), out=np.zeros_like(variances), where=varies)
    correlations: Floats = np.clip(covariances * scale[:, :, None] * scale[:, None, :], -1.0, 1.0)
    diagonal = np.arange(correlations.shape[-1])
    correlations[:, diagonal, diagonal] = varies
    return correlations


def wishart_correlations(correlation: Floats, n: int, n_draws: int, rng: np.random.Generator) -> Floats:
    """Return correlation matrices of samples of `n` rows from a normal population with `correlation`.

    Bartlett's decomposition: the cost does not depend on `n`.

    Parameters
    ----------
    correlation : ndarray of shape (q, q)
        Positive semidefinite.
    n : int
        Rows of each sample, more than q.

    Returns
    -------
    ndarray of shape (n_draws, q, q)

    References
    ----------
    Odell & Feiveson (1966), Journal of the American Statistical Association 61:199–203,
    doi:10.1080/01621459.1966.10502018.
    """
    q = len(correlation)
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    triangle = np.tril(rng.standard_normal((n_draws, q, q)), -1)
    diagonal = np.arange(q)
    triangle[:, diagonal, diagonal] = np.sqrt(rng.chisquare(n - 1 - diagonal, size=(n_draws, q)))
    factor = root @ triangle
    factor /= np.linalg.norm(factor, axis=2, keepdims=True)
    drawn: Floats = factor @ factor.transpose(0, 2, 1)
    return drawn


def percentile(draws: Floats, conf_level: float) -> tuple[Floats, Floats]:
    """Return the percentile interval of each column of `draws`; NaN where there is no draw."""
    if len(draws) == 0:
        empty = np.full(draws.shape[1:], np.nan)
        return empty, empty
    low, high = np.quantile(draws, [(1 - conf_level) / 2, (1 + conf_level) / 2], axis=0)
    return low, high


def ranks(values: Floats) -> Floats:
    """Return the rank of each value in its row, 1 for the largest; equal values share the better rank.

    Examples
    --------
    >>> ranks(np.array([[0.2, 0.5, 0.2]]))
    array([[2., 1., 2.]])
    """
    larger: Floats = (values[:, None, :] > values[:, :, None]).sum(axis=2).astype(float)
    return larger + 1


def among_first(draws: Floats, k: int) -> Floats:
    """Return how often each column is among the `k` smallest of its row, in 0–1; NaN without draws.

    Examples
    --------
    >>> among_first(np.array([[1.0, 2, 3], [3, 1, 2]]), 1)
    array([0.5, 0.5, 0. ])
    """
    n_draws, n = draws.shape
    if n_draws == 0:
        return np.full(n, np.nan)
    if k >= n:
        return np.ones(n)
    first = np.argpartition(draws, k - 1, axis=1)[:, :k]
    often: Floats = np.bincount(first.ravel(), minlength=n) / n_draws
    return often


@dataclass(frozen=True, slots=True)
class Studentised:
    """Errors of the points of a curve, and how far its worst point strays in errors.

    Attributes
    ----------
    error : ndarray of shape (curves, points)
    largest : ndarray of shape (draws, curves)
    critical : ndarray of shape (curves,)
        The quantile of `largest`: a band of so many errors holds the whole curve.
    """

    error: Floats
    largest: Floats
    critical: Floats


def studentised(deviations: Floats, conf_level: float) -> Studentised:
    """Return errors and critical values of curves from draws of their deviations.

    Points that a draw lacks (NaN) are passed over; a point without spread strays nowhere.

    Parameters
    ----------
    deviations : ndarray of shape (draws, curves, points)
    """
    seen = ~np.isnan(deviations)
    filled = np.where(seen, deviations, 0.0)
    count = np.maximum(seen.sum(axis=0), 2)
    mean = filled.sum(axis=0) / count
    error = np.sqrt(np.where(seen, (deviations - mean) ** 2, 0.0).sum(axis=0) / (count - 1))
    scaled = np.divide(np.abs(filled), error, out=np.zeros_like(filled), where=error > 1e-300)
    largest = scaled.max(axis=2)
    return Studentised(error, largest, np.quantile(largest, conf_level, axis=0))
