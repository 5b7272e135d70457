"""R² of every subset of drivers, and its division among them: LMG shares and Johnson's weights.

Arrays in, arrays out. Correlation matrices come stacked, shape (matrices, p + 1, p + 1), the outcome
last, so that all draws of a bootstrap are one computation.
"""

from collections.abc import Sequence
from math import comb

import numpy as np
import numpy.typing as npt

from cxmeasure._stats.intervals import Floats

Flags = npt.NDArray[np.bool_]

REDUNDANT = 1e-10
"""Part of a driver's variance that others leave unexplained, below which it adds nothing to them."""

ROUNDING = 1e-12
"""Difference of two R² that is no difference."""

_INNER = 12  # Drivers that are split last, block by block: 2^12 subsets at a time …
_BLOCK = 2**15  # … of so many matrices that a block of subsets stays in the processor's cache.
_MOST = 2**22  # Subsets × matrices held at once by `lmg`.


def subset_r2(correlations: Floats, sizes: Sequence[int] | None = None) -> Floats:
    """Return R² of the outcome on every subset of drivers, or of groups of drivers.

    Each driver in turn doubles the matrices: one child leaves it out (its row and column dropped), one
    takes it in (its Schur complement). After the last driver one number a subset remains, 1 − R². That
    is some 6·2^p multiplications, not 2^p regressions. A driver that those taken in already determine
    adds nothing.

    Parameters
    ----------
    correlations : ndarray of shape (matrices, p + 1, p + 1)
        Drivers first, outcome last. A constant driver may have a diagonal of zero.
    sizes : sequence of int, optional
        How many neighbouring drivers make each group; by default every driver is a group of its own.

    Returns
    -------
    ndarray of shape (2^groups, matrices)
        R² in 0–1; bit j of the row's number says whether group j is in.

    Examples
    --------
    >>> subset_r2(np.array([[[1, 0.5, 0.6], [0.5, 1, 0.4], [0.6, 0.4, 1]]])).ravel().round(4)
    array([0.    , 0.36  , 0.16  , 0.3733])
    """
    sizes = [1] * (correlations.shape[-1] - 1) if sizes is None else list(sizes)
    matrices = np.ascontiguousarray(np.moveaxis(correlations, 0, -1), dtype=float)
    n_matrices, inner = matrices.shape[-1], min(len(sizes), _INNER)
    outer = len(sizes) - inner
    for size in sizes[:outer]:
        matrices = _doubled(matrices, size)
    width = matrices.shape[-1]
    r2 = np.empty((2**inner, width))
    step = max(1, _BLOCK // 2**inner)
    for start in range(0, width, step):
        block = matrices[..., start : start + step]
        for size in sizes[outer:]:
            block = _doubled(block, size)
        r2[:, start : start + step] = block.reshape(2**inner, -1)
    np.subtract(1.0, r2, out=r2)
    return np.clip(r2, 0.0, 1.0, out=r2).reshape(-1, n_matrices)


def _doubled(matrices: Floats, size: int) -> Floats:
    """Return every matrix twice: without its first `size` rows and columns, then with them swept out."""
    n = matrices.shape[-1]
    rest = matrices.shape[0] - size
    children = np.empty((rest, rest, 2 * n))
    swept = matrices
    for _ in range(size - 1):
        swept = _swept(swept, np.empty((len(swept) - 1, len(swept) - 1, n)))
    _swept(swept, children[..., n:])
    for row in range(rest):
        children[row, row:, :n] = matrices[size + row, size + row :]
    return children


def _swept(matrices: Floats, out: Floats) -> Floats:
    """Fill `out` with the Schur complements of the first element: upper triangles only, the rest is noise."""
    pivot, first = matrices[0, 0], matrices[0, 1:]
    inverse = np.divide(1.0, pivot, out=np.zeros_like(pivot), where=pivot > REDUNDANT)
    factors = first * inverse
    for row in range(len(first)):
        np.multiply(first[row:], factors[row], out=out[row, row:])
        np.subtract(matrices[1 + row, 1 + row :], out[row, row:], out=out[row, row:])
    return out


def lmg(correlations: Floats, sizes: Sequence[int] | None = None) -> tuple[Floats, Floats]:
    """Return each driver's share of R², averaged over all orders of entering, and R² itself.

    It is the Shapley value of R², and equal to general dominance: the average over subset sizes of the
    average gain in R² is the average over orders.

    Parameters
    ----------
    correlations, sizes
        As in `subset_r2`.

    Returns
    -------
    shares : ndarray of shape (matrices, groups)
        Each row sums to R².
    r2 : ndarray of shape (matrices,)

    References
    ----------
    Grömping (2007), The American Statistician 61:139–147, doi:10.1198/000313007X188252.

    Examples
    --------
    >>> shares, r2 = lmg(np.array([[[1, 0.5, 0.6], [0.5, 1, 0.4], [0.6, 0.4, 1]]]))
    >>> shares.round(4), r2.round(4)  # by hand: (.36 + .2133)/2 and (.16 + .0133)/2
    (array([[0.2867, 0.0867]]), array([0.3733]))
    """
    n_groups = correlations.shape[-1] - 1 if sizes is None else len(sizes)
    step = max(1, _MOST // 2**n_groups)
    parts = [
        averaged(subset_r2(correlations[start : start + step], sizes))
        for start in range(0, len(correlations), step)
    ]
    shares, r2 = (np.concatenate(part) for part in zip(*parts, strict=True))
    return shares, r2


def averaged(r2: Floats) -> tuple[Floats, Floats]:
    """Return what `lmg` returns from R² of all subsets, in the order of `subset_r2`; `r2` is used up."""
    n_groups = len(r2).bit_length() - 1
    full = r2[-1].copy()
    in_subset = np.bitwise_count(np.arange(len(r2), dtype=np.uint32))
    # A subset of s others stands before the driver in 1/(p · C(p − 1, s)) of all orders.
    before = np.array([1 / (n_groups * comb(n_groups - 1, s)) for s in range(n_groups)] + [0.0])
    base = np.einsum("s,sm->m", before[in_subset], r2)
    gain = before.copy()
    gain[1:] += before[:-1]
    r2 *= gain[in_subset][:, None]
    shares = np.empty((r2.shape[1], n_groups))
    for group in reversed(range(n_groups)):
        r2 = r2.reshape(2, 2**group, -1)
        shares[:, group] = r2[1].sum(axis=0) - base
        r2 = np.add(r2[0], r2[1], out=r2[0])
    return np.maximum(shares, 0.0), full


def dominance(correlation: Floats, sizes: Sequence[int] | None = None) -> tuple[Floats, Flags, Flags]:
    """Return what each driver adds to others by their number, and which driver dominates which.

    Parameters
    ----------
    correlation : ndarray of shape (p + 1, p + 1)
    sizes
        As in `subset_r2`.

    Returns
    -------
    gains : ndarray of shape (groups, groups)
        Average gain in R² when the row's driver joins as many others as the column says. Rows average
        to LMG.
    conditional : boolean ndarray of shape (groups, groups)
        Whether the row's driver adds at least as much as the column's at every number of others, and
        more at some.
    complete : boolean ndarray of shape (groups, groups)
        Whether it does so beside every single set of others.

    References
    ----------
    Azen & Budescu (2003), Psychological Methods 8:129–148, doi:10.1037/1082-989X.8.2.129.

    Examples
    --------
    >>> gains, conditional, complete = dominance(np.array([[1, 0.5, 0.6], [0.5, 1, 0.4], [0.6, 0.4, 1]]))
    >>> gains.round(4)
    array([[0.36  , 0.2133],
           [0.16  , 0.0133]])
    >>> bool(complete[0, 1]), bool(complete[1, 0])
    (True, False)
    """
    return dominance_of(subset_r2(correlation[None], sizes)[:, 0])


def dominance_of(r2: Floats) -> tuple[Floats, Flags, Flags]:
    """Return what `dominance` returns from R² of all subsets, in the order of `subset_r2`."""
    n_groups = len(r2).bit_length() - 1
    others = np.bitwise_count(np.arange(len(r2) // 2, dtype=np.uint32))
    n_sets = np.array([comb(n_groups - 1, size) for size in range(n_groups)])
    gains = np.empty((n_groups, n_groups))
    for group in range(n_groups):
        pair = r2.reshape(-1, 2, 2**group)
        gains[group] = np.bincount(others, (pair[:, 1] - pair[:, 0]).ravel()) / n_sets
    ahead = gains[:, None, :] - gains[None, :, :]
    conditional = _nowhere_behind(ahead.min(axis=2), ahead.max(axis=2))
    least, most = np.zeros((2, n_groups, n_groups))
    for low, high in zip(*np.triu_indices(n_groups, 1), strict=True):
        beside = r2.reshape(-1, 2, 2 ** (high - low - 1), 2, 2**low)
        lead = beside[:, 0, :, 1] - beside[:, 1, :, 0]
        least[low, high], most[low, high] = lead.min(), lead.max()
        least[high, low], most[high, low] = -most[low, high], -least[low, high]
    return gains, conditional, _nowhere_behind(least, most)


def _nowhere_behind(least: Floats, most: Floats) -> Flags:
    verdict: Flags = (least >= -ROUNDING) & (most > ROUNDING)
    return verdict


def johnson(correlations: Floats, sizes: Sequence[int] | None = None) -> tuple[Floats, Floats]:
    """Return Johnson's relative weights, which sum to R², and R² itself.

    The drivers are replaced by the uncorrelated variables nearest to them; their squared effects are
    handed back through the squared correlations. No subset is looked at, so a hundred drivers are
    no trouble.

    Parameters
    ----------
    correlations, sizes
        As in `subset_r2`; the weights of a group are added up.

    Returns
    -------
    shares : ndarray of shape (matrices, groups)
    r2 : ndarray of shape (matrices,)

    References
    ----------
    Johnson (2000), Multivariate Behavioral Research 35:1–19, doi:10.1207/S15327906MBR3501_1.

    Examples
    --------
    >>> shares, r2 = johnson(np.array([[[1, 0.5, 0.6], [0.5, 1, 0.4], [0.6, 0.4, 1]]]))
    >>> shares.round(4)  # with two drivers the same as LMG
    array([[0.2867, 0.0867]])
    """
    among, with_outcome = correlations[:, :-1, :-1], correlations[:, :-1, -1]
    values, vectors = np.linalg.eigh(among)
    root = np.sqrt(np.where(values > REDUNDANT, values, 0.0))
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
    turned = np.einsum("mji,mj->mi", vectors, with_outcome) * inverse
    effects = np.einsum("mij,mj->mi", vectors, turned)
    loadings = np.einsum("mik,mk,mjk->mij", vectors, root, vectors, optimize=True)
    shares = np.einsum("mij,mj->mi", loadings**2, effects**2)
    if sizes is not None:
        shares = np.add.reduceat(shares, np.cumsum([0, *sizes[:-1]]), axis=1)
    return shares, np.minimum((turned**2).sum(axis=1), 1.0)


def entangled(among: Floats) -> list[list[int]]:
    """Return the sets of drivers that determine one another exactly, by position.

    Parameters
    ----------
    among : ndarray of shape (p, p)
        Correlations of the drivers.

    Examples
    --------
    >>> entangled(np.array([[1.0, 1.0, 0.2], [1.0, 1.0, 0.2], [0.2, 0.2, 1.0]]))
    [[0, 1]]
    """
    values, vectors = np.linalg.eigh(among)
    null = vectors[:, values <= REDUNDANT]
    linked = np.abs(null @ null.T) > 1e-6
    sets: list[set[int]] = []
    for row in np.flatnonzero(linked.diagonal()):
        found = set(np.flatnonzero(linked[row]).tolist())
        for other in [known for known in sets if known & found]:
            sets.remove(other)
            found |= other
        sets.append(found)
    return [sorted(found) for found in sets]
