"""Intervals for shares, for net shares such as NPS, and for means. Arrays in, arrays out.

Every function broadcasts: one element a group, no loop over groups.
"""

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
_STEP = 1e-9


def z_value(conf_level: float) -> float:
    """Return the two-sided standard normal quantile of `conf_level`: 1.96 for 0.95.

    Examples
    --------
    >>> round(z_value(0.95), 4)
    1.96
    """
    return float(special.ndtri(0.5 + conf_level / 2))


def t_value(conf_level: float, degrees: Floats) -> Floats:
    """Return the two-sided Student quantile for each number of `degrees`; NaN below one."""
    degrees = np.asarray(degrees, dtype=float)
    return np.where(degrees >= 1, special.stdtrit(np.maximum(degrees, 1), 0.5 + conf_level / 2), np.nan)


def wilson(successes: Floats, n: Floats, conf_level: float) -> tuple[Floats, Floats]:
    """Return Wilson's score interval of a share, in 0–1.

    Parameters
    ----------
    successes, n : ndarray
        Counts; `n` may be an effective, fractional number.
    conf_level : float
        Level in 0–1.

    References
    ----------
    Newcombe (1998), Statistics in Medicine 17:857–872, doi:10.1002/(SICI)1097-0258(19980430)17:8.

    Examples
    --------
    >>> low, high = wilson(np.array([81.0]), np.array([263.0]), 0.95)  # Newcombe: .2553 to .3662
    >>> low.round(4), high.round(4)
    (array([0.2553]), array([0.3662]))
    """
    z2 = z_value(conf_level) ** 2
    share = successes / n
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (share * (1 - share) + z2 / (4 * n)) / n) / (1 + z2 / n)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def net_score(plus: Floats, minus: Floats, n: Floats, conf_level: float) -> tuple[Floats, Floats]:
    """Return the score interval of a net share (plus − minus)/n, in −1…1.

    It is Tango's interval for a paired difference of shares: promoters and detractors play the two
    kinds of discordant pairs. It needs no correction at the edges: ten promoters of ten do not give an
    interval of width zero.

    Parameters
    ----------
    plus, minus, n : ndarray
        Counts; fractional counts (an effective sample size) are allowed.
    conf_level : float
        Level in 0–1.

    References
    ----------
    Tango (1998), Statistics in Medicine 17:891–908,
    doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B.

    Examples
    --------
    >>> low, high = net_score(np.array([1.0]), np.array([7.0]), np.array([21.0]), 0.95)
    >>> low.round(3), high.round(3)  # Fagerland, Lydersen & Laake (2014): -0.517 to -0.026
    (array([-0.517]), array([-0.026]))
    """
    from scipy.optimize.elementwise import find_root

    plus, minus, n = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (plus, minus, n)))
    z = z_value(conf_level)
    net = (plus - minus) / n

    def low_side(delta: Floats, b: Floats, c: Floats, size: Floats) -> Floats:
        return (b - c) - size * delta - z * _net_deviation(delta, b, c, size)

    def high_side(delta: Floats, b: Floats, c: Floats, size: Floats) -> Floats:
        return (b - c) - size * delta + z * _net_deviation(delta, b, c, size)

    counts = (plus, minus, n)
    # Where nobody differs (all promoters, or all passives) the deviation is zero at the observed share
    # itself, a root that is not the limit: step off it.
    low = find_root(low_side, (-np.ones_like(net), net - _STEP), args=counts).x
    high = find_root(high_side, (net + _STEP, np.ones_like(net)), args=counts).x
    # At a net share of exactly ±1 the bracket has no width and the limit is the share itself.
    return np.where(net <= -1, -1.0, np.clip(low, -1, 1)), np.where(net >= 1, 1.0, np.clip(high, -1, 1))


def _net_deviation(delta: Floats, plus: Floats, minus: Floats, n: Floats) -> Floats:
    """Return the standard deviation of plus − minus under a net share of `delta` (its constrained MLE)."""
    a, c = 2 * n, -minus * delta * (1 - delta)
    b = (2 * n - plus + minus) * delta - plus - minus
    minus_share = (np.sqrt(np.maximum(b**2 - 4 * a * c, 0)) - b) / (2 * a)
    return np.sqrt(np.maximum(n * (2 * minus_share + delta * (1 - delta)), 0))


def net_adjusted_wald(plus: Floats, minus: Floats, n: Floats, conf_level: float) -> tuple[Floats, Floats]:
    """Return the adjusted-Wald interval of a net share: add ¾, 1½, ¾ answers, clip to −1…1.

    References
    ----------
    Rocks (2016), The American Statistician 70:365–372, arXiv:1601.07235.

    Examples
    --------
    >>> low, high = net_adjusted_wald(np.array([50.0]), np.array([20.0]), np.array([100.0]), 0.95)
    >>> low.round(4), high.round(4)
    (array([0.1405]), array([0.442]))
    """
    size, up, down = n + 3, plus + 0.75, minus + 0.75
    net = (up - down) / size
    half = z_value(conf_level) * np.sqrt(np.maximum((up + down) / size - net**2, 0) / size)
    return np.clip(net - half, -1, 1), np.clip(net + half, -1, 1)


def share_adjusted_wald(successes: Floats, n: Floats, conf_level: float) -> tuple[Floats, Floats]:
    """Return the adjusted-Wald (Agresti–Coull) interval of a share: add z²/2 of each, clip to 0–1.

    References
    ----------
    Agresti & Coull (1998), The American Statistician 52:119–126, doi:10.1080/00031305.1998.10480550.
    """
    z = z_value(conf_level)
    size = n + z**2
    share = (successes + z**2 / 2) / size
    half = z * np.sqrt(share * (1 - share) / size)
    return np.clip(share - half, 0, 1), np.clip(share + half, 0, 1)
