"""The shifted beta-geometric likelihood: its maximum, the region it supports, and draws from it.

Customers differ in their chance to leave, by Beta(α, β) over customers. The odds of staying in period
s + 1, given s periods stayed, are then (β + s)/α, so with u = log(β/α) and x = log β

    log odds(s) = u + f_s(x),   f_s(x) = log(1 + s·e^(−x)).

For a given x this is a logistic regression on an intercept, which has one maximum; what is left is a
search over one number. Large x is the limit of equal customers (geometric), small x that of customers
who leave at once or never. Leading axes are data sets, so that a simulation needs no loop.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from cxmeasure._stats.intervals import Floats

LOWEST, HIGHEST = -20.0, 20.0
INFINITE = 60.0
_STEPS = 42
_GRID = 192


@dataclass(frozen=True, slots=True)
class Periods:
    """How many stayed, and of how many, in each period; shape (…, periods)."""

    stayed: Floats
    exposed: Floats

    def beside(self) -> "Periods":
        """Return the counts with an axis for a grid before that of the periods."""
        return Periods(self.stayed[..., None, :], self.exposed[..., None, :])


@dataclass(frozen=True, slots=True)
class Region:
    """All parameters that the likelihood supports: a grid of x, and the lowest and highest u at each."""

    log_beta: Floats
    low: Floats
    high: Floats


def log_odds(u: Floats, x: Floats, n_periods: int) -> Floats:
    """Return the log odds of staying in each period, shape (…, n_periods)."""
    return np.asarray(u)[..., None] + np.log1p(np.exp(-np.asarray(x))[..., None] * np.arange(n_periods))


def log_survival(u: Floats, x: Floats, n_periods: int) -> Floats:
    """Return log S(1) … log S(n_periods) on the last axis."""
    stay: Floats = special.log_expit(log_odds(u, x, n_periods))
    return np.cumsum(stay, axis=-1)


def log_likelihood(u: Floats, x: Floats, periods: Periods) -> Floats:
    """Return the log-likelihood of the whole curve, without the constant of arrangements."""
    odds = log_odds(u, x, periods.stayed.shape[-1])
    left = periods.exposed - periods.stayed
    terms = periods.stayed * special.log_expit(odds) + left * special.log_expit(-odds)
    return np.asarray(terms.sum(axis=-1))


def best_u(x: Floats, periods: Periods) -> Floats:
    """Return the u of highest likelihood at each x; ±60 stands for infinity."""
    total = periods.stayed.sum(axis=-1)

    def is_below(u: Floats) -> Floats:
        odds = log_odds(u, x, periods.stayed.shape[-1])
        return np.asarray(np.sum(periods.exposed * special.expit(odds), axis=-1) < total)

    shape = np.broadcast_shapes(np.shape(x), total.shape)
    found = _bisect(is_below, np.full(shape, -INFINITE), np.full(shape, INFINITE))
    found = np.where(total == periods.exposed.sum(axis=-1), INFINITE, found)
    return np.where(total == 0, -INFINITE, found)


def fit(periods: Periods) -> tuple[Floats, Floats]:
    """Return (u, x) of highest likelihood; x is `HIGHEST` for equal customers.

    A grid finds the right hill, the sign of the exact gradient its top.
    """
    grid = np.linspace(LOWEST, HIGHEST, 81)
    beside = periods.beside()
    profile = log_likelihood(best_u(grid, beside), grid, beside)
    top = np.argmax(profile, axis=-1)

    def is_below(x: Floats) -> Floats:
        odds = log_odds(best_u(x, periods), x, periods.stayed.shape[-1])
        missing = periods.stayed - periods.exposed * special.expit(odds)
        return np.asarray(np.sum(missing * _weight(x, periods.stayed.shape[-1]), axis=-1) < 0)

    x = _bisect(is_below, grid[np.maximum(top - 1, 0)], grid[np.minimum(top + 1, 80)])
    reached = log_likelihood(best_u(x, periods), x, periods)
    is_flat = reached - profile[..., -1] <= 1e-10 * np.abs(reached)
    x = np.where(is_flat, HIGHEST, x)
    return best_u(x, periods), x


def information(u: Floats, x: Floats, periods: Periods) -> Floats:
    """Return the observed information about (u, x), shape (…, 2, 2)."""
    odds, weight = log_odds(u, x, periods.stayed.shape[-1]), _weight(x, periods.stayed.shape[-1])
    stay = special.expit(odds)
    spread = periods.exposed * stay * (1 - stay)
    bend = (periods.stayed - periods.exposed * stay) * weight * (1 - weight)
    uu, ux = spread.sum(axis=-1), -(spread * weight).sum(axis=-1)
    xx = (spread * weight**2 - bend).sum(axis=-1)
    return np.stack([np.stack([uu, ux], axis=-1), np.stack([ux, xx], axis=-1)], axis=-2)


def slopes(u: Floats, x: Floats, n_periods: int) -> tuple[Floats, Floats]:
    """Return d log odds(s)/d(u, x) and d log S(s + 1)/d(u, x), each of shape (n_periods, 2)."""
    weight = _weight(x, n_periods)
    of_odds = np.stack([np.ones_like(weight), -weight], axis=-1)
    leave = special.expit(-log_odds(u, x, n_periods))[..., None]
    return of_odds, np.cumsum(leave * of_odds, axis=-2)


def region(periods: Periods, u: Floats, x: Floats, drop: float) -> Region:
    """Return all (u, x) whose log-likelihood lies within `drop` of the highest.

    The lowest and highest value of any function over it is that function's profile-likelihood interval
    when `drop` is half a χ² quantile with one degree of freedom.
    """
    cut = log_likelihood(u, x, periods) - drop

    def is_inside(candidate: Floats) -> Floats:
        return np.asarray(log_likelihood(best_u(candidate, periods), candidate, periods) >= cut)

    edges = np.stack([np.full_like(x, LOWEST), np.full_like(x, HIGHEST)])
    first, last = np.where(is_inside(edges), edges, _bisect(is_inside, np.stack([x, x]), edges, steps=30))
    # Denser at the ends, where the region closes like an ellipse.
    place = (1 - np.cos(np.linspace(0, np.pi, _GRID))) / 2
    grid = first[..., None] + (last - first)[..., None] * place
    beside, at_least = periods.beside(), cut[..., None]
    best = best_u(grid, beside)

    def is_supported(candidate: Floats) -> Floats:
        return np.asarray(log_likelihood(candidate, grid, beside) >= at_least)

    low = _bisect(is_supported, best, np.full_like(best, -INFINITE))
    high = _bisect(is_supported, best, np.full_like(best, INFINITE))
    return Region(grid, low, high)


def draw(
    periods: Periods, u: Floats, x: Floats, n_draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return draws of (u, x) in proportion to the likelihood, of one data set.

    The weight before the data is even over the first retention rate β/(α + β) and over 1/(1 + β), which
    keeps the draws proper where the likelihood stays level, towards equal customers.
    """
    support = region(periods, u, x, drop=12.0)
    share = (np.arange(_GRID) + 0.5) / _GRID
    us = support.low[:, None] + (support.high - support.low)[:, None] * share
    xs = np.broadcast_to(support.log_beta[:, None], us.shape)
    width = np.gradient(support.log_beta)[:, None] * (support.high - support.low)[:, None]
    level = log_likelihood(us, xs, periods) - log_likelihood(u, x, periods)
    before = special.expit(us) * special.expit(-us) * special.expit(xs) * special.expit(-xs)
    weight = (np.exp(level) * before * width).ravel()
    cell = rng.choice(weight.size, size=n_draws, p=weight / weight.sum())
    row = cell // _GRID
    jitter = rng.uniform(-0.5, 0.5, size=(2, n_draws))
    step = (support.high - support.low)[row] / _GRID
    return (
        us.ravel()[cell] + jitter[0] * step,
        xs.ravel()[cell] + jitter[1] * np.gradient(support.log_beta)[row],
    )


def _weight(x: Floats, n_periods: int) -> Floats:
    """Return −f′_s(x) = s/(e^x + s)."""
    periods = np.arange(n_periods)
    return periods / (np.exp(np.asarray(x))[..., None] + periods)


def _bisect(holds: Callable[[Floats], Floats], good: Floats, bad: Floats, *, steps: int = _STEPS) -> Floats:
    """Return the last point, element by element, from `good` towards `bad` at which `holds` is true."""
    good, bad = np.array(good, dtype=float), np.array(bad, dtype=float)
    for _ in range(steps):
        middle = (good + bad) / 2
        is_good = holds(middle)
        good, bad = np.where(is_good, middle, good), np.where(is_good, bad, middle)
    return good
