"""Exponential fading of an effect: half-life, initial effect and adaptation, for all draws at once.

Arrays in, arrays out. For given half-life and adaptation the model is linear; both are searched on a
grid, and the sums it needs are kept by bucket of customers, so that a draw reads no row again.
"""

from dataclasses import dataclass

import numpy as np

from cxmeasure._stats.intervals import Floats


@dataclass(frozen=True, slots=True)
class Sums:
    """What the fits need, a row a draw of customers.

    Attributes
    ----------
    control_n, control_total : ndarray of shape (draws,)
        Rows that were not touched.
    n, total : ndarray of shape (draws, kinds)
    first, second, cross : ndarray of shape (draws, kinds, numbers, half-lives)
        Sums of the fading weight, of its square, and of its product with the outcome.
    """

    control_n: Floats
    control_total: Floats
    n: Floats
    total: Floats
    first: Floats
    second: Floats
    cross: Floats


@dataclass(frozen=True, slots=True)
class Fading:
    """Estimates, shape (draws, kinds); `curve`, (draws, kinds, half-lives), has the effect at each."""

    half_life: Floats
    effect: Floats
    adaptation: Floats
    at_edge: Floats
    curve: Floats


def fading(sums: Sums, half_lives: Floats, adaptations: Floats) -> Fading:
    """Fit ``baseline + effect · exp(−adaptation · (number − 1)) · 2^(−days / half-life)`` to each kind.

    Parameters
    ----------
    sums : Sums
    half_lives : ndarray of shape (h,)
        In days, evenly spaced in their logarithm.
    adaptations : ndarray of shape (a,)

    References
    ----------
    Golub & Pereyra (1973), SIAM Journal on Numerical Analysis 10:413–432, doi:10.1137/0710036 (a model
    linear in some of its parameters is searched over the others only).
    """
    numbers = np.arange(sums.first.shape[2])
    damp = np.exp(-adaptations[:, None] * numbers)
    first = np.einsum("am,dkmh->adkh", damp, sums.first)
    second = np.einsum("am,dkmh->adkh", damp**2, sums.second)
    cross = np.einsum("am,dkmh->adkh", damp, sums.cross)
    n = (sums.n + sums.control_n[:, None])[None, :, :, None]
    total = (sums.total + sums.control_total[:, None])[None, :, :, None]
    spread = second - first**2 / n
    shared = cross - total * first / n
    fine = spread > 1e-9 * np.maximum(second, 1e-300)
    effect = np.divide(shared, spread, out=np.zeros_like(shared), where=fine)
    explained = effect * shared
    draws, kinds = np.indices(explained.shape[1:3])
    flat = explained.transpose(1, 2, 0, 3).reshape(*draws.shape, -1).argmax(axis=2)
    best_a, best_h = np.divmod(flat, len(half_lives))
    inside = np.clip(best_h, 1, len(half_lives) - 2)
    left, middle, right = (explained[best_a, draws, kinds, inside + step] for step in (-1, 0, 1))
    curvature = left - 2 * middle + right
    shift = np.divide(left - right, 2 * curvature, out=np.zeros_like(left), where=curvature < -1e-300)
    shift = np.where(inside == best_h, np.clip(shift, -1, 1), best_h - inside)
    step = np.log(half_lives[1] / half_lives[0])
    none = int(np.argmin(np.abs(adaptations)))
    return Fading(
        half_life=half_lives[inside] * np.exp(shift * step),
        effect=effect[best_a, draws, kinds, best_h],
        adaptation=adaptations[best_a],
        at_edge=((best_h == 0) | (best_h == len(half_lives) - 1)).astype(float),
        curve=effect[none],
    )
