"""Beliefs moved by surprises, from ratings that carry error: three rules for how far.

Arrays in, arrays out. A belief m meets an experience y and becomes m + K · g(y − m); what is seen of m
before, y and m after are ratings with error. Given the ratings before and of the experience the latent
pair is taken as normal, so that the expected rating after has a closed form.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import special

from cxmeasure._stats import pooling
from cxmeasure._stats.intervals import Floats

Codes = npt.NDArray[np.intp]

RULES = ("running mean", "constant gain", "declining gain")
"""From the simplest to the richest; each has one parameter more than the one before."""

_START = {"running mean": (), "constant gain": (-1.5,), "declining gain": (-0.5, -3.5)}
_LOWEST, _HIGHEST = (-8.0, -12.0), (8.0, 3.0)
_MOST_CONTACTS = 500
_BORROWED = 30.0
_RIDGE = 1.0
_GROUPS = 25


@dataclass(frozen=True, slots=True)
class Ratings:
    """Entries with three ratings each.

    Attributes
    ----------
    seen : ndarray of shape (n, 2)
        The rating before and that of the experience.
    after : ndarray of shape (n,)
    number : ndarray of shape (n,)
        Of the contact, from 1.
    cell : ndarray of shape (n,)
        Entries whose beliefs and experiences have one mean and covariance.
    customer : ndarray of shape (n,)
    """

    seen: Floats
    after: Floats
    number: Codes
    cell: Codes
    customer: Codes

    def part(self, kept: npt.NDArray[np.bool_]) -> "Ratings":
        """Return the entries that are `kept`."""
        return Ratings(
            self.seen[kept], self.after[kept], self.number[kept], self.cell[kept], self.customer[kept]
        )


@dataclass(frozen=True, slots=True)
class Scale:
    """Means and inverse covariances of the two ratings by cell, and the most error that fits them."""

    mean: Floats
    inverse: Floats
    most_error: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """A rule with its parameters: log error variance, log loss ratio, then those of the gain."""

    rule: str
    theta: Floats
    shift: float
    variance: float
    scale: Scale


def scale_of(ratings: Ratings, n_cells: int) -> Scale:
    """Return each cell's mean and inverse covariance; small cells borrow from all entries."""
    centre = ratings.seen.mean(axis=0)
    away = ratings.seen - centre
    pooled = away.T @ away / len(away)
    n = np.bincount(ratings.cell, minlength=n_cells).astype(float)
    sums = np.stack([np.bincount(ratings.cell, away[:, i], n_cells) for i in (0, 1)], axis=1)
    mean = sums / (n + _BORROWED)[:, None]
    off = away - mean[ratings.cell]
    squares = np.empty((n_cells, 2, 2))
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        squares[:, i, j] = np.bincount(ratings.cell, off[:, i] * off[:, j], n_cells)
    covariance = (squares + _BORROWED * pooled) / (n + _BORROWED)[:, None, None]
    lowest = float(np.linalg.eigvalsh(covariance)[:, 0].min())
    # Without variation the inverse has no meaning; the caller refuses by `most_error`.
    return Scale(centre + mean, np.linalg.inv(covariance + 1e-12 * np.eye(2)), lowest)


def gains(rule: str, parameters: Floats, number: Codes, log_weight: Floats | float = 0.0) -> Floats:
    """Return the gain at each contact.

    Parameters
    ----------
    parameters : ndarray
        Of constant gain: its log odds. Of declining gain: log of the first uncertainty and of what each
        contact adds to it, in units of a typical contact's noise.
    number : ndarray of int
        Of the contact, from 1.
    log_weight : ndarray or float
        Log informativeness of the contact.

    Examples
    --------
    First uncertainty .61, .01 more a contact, noise 1.

    >>> gains("declining gain", np.log([0.61, 0.01]), np.array([1, 2, 3, 8])).round(3)
    array([0.379, 0.28 , 0.225, 0.129])
    """
    if rule == "running mean":
        return np.asarray(1 / (number + 1), dtype=np.float64)
    if rule == "constant gain":
        return np.full(number.shape, special.expit(parameters[0]))
    uncertainty, added = np.exp(parameters)
    course = np.empty(min(int(number.max()), _MOST_CONTACTS))
    for k in range(len(course)):
        course[k] = uncertainty
        uncertainty = uncertainty / (1 + uncertainty) + added
    unsure = course[np.minimum(number, len(course)) - 1] * np.exp(log_weight)
    gain: Floats = unsure / (unsure + 1)
    return gain


@dataclass(frozen=True, slots=True)
class Placed:
    """Ratings with what their cell's scale makes of them, computed once."""

    ratings: Ratings
    pull: Floats
    stiff: Floats


def place(ratings: Ratings, scale: Scale) -> Placed:
    """Return how far each pair of ratings lies off its cell's mean, in inverse covariances."""
    inverse = scale.inverse[ratings.cell]
    pull = np.einsum("ni,nij->nj", ratings.seen - scale.mean[ratings.cell], inverse)
    return Placed(ratings, pull, inverse[:, 0, 0] + inverse[:, 1, 1] - 2 * inverse[:, 0, 1])


def felt(theta: Floats, placed: Placed) -> tuple[Floats, Floats]:
    """Return the expected belief before, and the expected surprise as it is valued."""
    error, loss = np.exp(theta[:2])
    latent = placed.ratings.seen - error * placed.pull
    spread = np.sqrt(np.maximum(2 * error - error**2 * placed.stiff, 1e-12))
    gap = latent[:, 1] - latent[:, 0]
    z = gap / spread
    above = gap * special.ndtr(z) + spread * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    valued: Floats = 2 * (above + loss * (gap - above)) / (1 + loss)
    return latent[:, 0], valued


def left(rule: str, theta: Floats, placed: Placed, log_weight: Floats | float = 0.0) -> Floats:
    """Return the ratings after less what is expected, but for the shift."""
    before, valued = felt(theta, placed)
    gain = gains(rule, theta[2:], placed.ratings.number, log_weight)
    rest: Floats = placed.ratings.after - before - gain * valued
    return rest


def fit(
    rule: str,
    ratings: Ratings,
    n_cells: int,
    log_weight: Floats | float = 0.0,
    start: Floats | None = None,
) -> Fitted:
    """Return the rule fitted by least squares on the ratings after."""
    from scipy.optimize import least_squares

    scale = scale_of(ratings, n_cells)
    placed = place(ratings, scale)
    most = np.log(0.95 * scale.most_error)

    def residuals(theta: Floats) -> Floats:
        rest = left(rule, theta, placed, log_weight)
        centred: Floats = rest - rest.mean()
        return centred

    n = RULES.index(rule)
    low = np.array([most - 12, -4.0, *_LOWEST[:n]])
    high = np.array([most, 4.0, *_HIGHEST[:n]])
    first = np.array([most - 1, 0.0, *_START[rule]]) if start is None else start
    theta = least_squares(residuals, np.clip(first, low + 1e-6, high - 1e-6), bounds=(low, high)).x
    rest = left(rule, theta, placed, log_weight)
    return Fitted(rule, theta, float(rest.mean()), float(rest.var()), scale)


def log_likelihood(fitted: Fitted, ratings: Ratings) -> Floats:
    """Return the log-likelihood of each rating after."""
    rest = left(fitted.rule, fitted.theta, place(ratings, fitted.scale)) - fitted.shift
    found: Floats = -0.5 * (np.log(2 * np.pi * fitted.variance) + rest**2 / fitted.variance)
    return found


def held_out(ratings: Ratings, n_cells: int, n_folds: int) -> Floats:
    """Return the log-likelihood of each entry under rules fitted to other customers, shape (n, rules)."""
    fold = ratings.customer % n_folds
    found = np.empty((len(ratings.after), len(RULES)))
    for i in range(n_folds):
        kept, out = ratings.part(fold != i), ratings.part(fold == i)
        kept = replace(kept, customer=np.unique(kept.customer, return_inverse=True)[1])
        for j, rule in enumerate(RULES):
            found[fold == i, j] = log_likelihood(fit(rule, kept, n_cells), out)
    return found


def free_gains(fitted: Fitted, ratings: Ratings, band: Codes) -> tuple[Floats, Floats]:
    """Return a gain for each band of contacts, tied to no rule, and its error."""
    before, valued = felt(fitted.theta, place(ratings, fitted.scale))
    moved = ratings.after - fitted.shift - before
    n_bands, n_customers = int(band.max()) + 1, int(ratings.customer.max()) + 1
    squares = np.bincount(band, valued**2, n_bands)
    gain = np.bincount(band, valued * moved, n_bands) / squares
    spot = ratings.customer * n_bands + band
    scores = np.bincount(spot, valued * (moved - gain[band] * valued), n_customers * n_bands)
    error = np.sqrt((scores.reshape(n_customers, n_bands) ** 2).sum(axis=0)) / squares
    return gain, error


@dataclass(frozen=True, slots=True)
class Learned:
    """The constant and the declining gain, fitted; touchpoints' log informativeness where it was asked."""

    constant: Fitted
    declining: Fitted
    raw: Floats
    precision: Floats
    level: Floats

    def numbers(self, contacts: Codes) -> Floats:
        """Return log odds of gains at `contacts` and of the constant one, log of loss and error, shift."""
        gain = gains(RULES[2], self.declining.theta[2:], contacts)
        error, loss = self.declining.theta[:2]
        found: Floats = np.r_[
            special.logit(gain), self.constant.theta[2], loss, 0.5 * error, self.declining.shift
        ]
        return found


def learned(ratings: Ratings, n_cells: int, touchpoint: Codes | None, warm: Learned | None = None) -> Learned:
    """Return both rules, the declining one given how informative each touchpoint is, if there are any.

    `warm` is a fit to nearly the same entries to start from.
    """
    constant = fit(RULES[1], ratings, n_cells, start=None if warm is None else warm.constant.theta)
    start = None if warm is None else warm.declining.theta
    if touchpoint is None:
        return Learned(constant, fit(RULES[2], ratings, n_cells, start=start), *np.empty((3, 0)))
    level = np.zeros(int(touchpoint.max()) + 1) if warm is None else warm.level
    raw, precision = _informativeness(ratings, n_cells, touchpoint, level, 6 if warm is None else 2)
    n = np.bincount(touchpoint, minlength=len(raw)).astype(float)
    pooled = pooling.integrated(raw, precision, np.maximum(n, 1.0)).summary(0.95)[0]
    level = pooled - np.average(pooled, weights=n)
    return Learned(constant, fit(RULES[2], ratings, n_cells, level[touchpoint], start), raw, precision, level)


def _informativeness(
    ratings: Ratings, n_cells: int, touchpoint: Codes, level: Floats, n_rounds: int
) -> tuple[Floats, Floats]:
    """Return each touchpoint's log informativeness under the declining gain, and its precision.

    The rule and the touchpoints are fitted in turn; a weak ridge keeps touchpoints of few entries
    finite, and is taken off at the end.
    """
    n, start, precision = len(level), None, np.zeros(len(level))
    for _ in range(n_rounds):
        fitted = fit(RULES[2], ratings, n_cells, level[touchpoint], start)
        start = fitted.theta
        before, valued = felt(fitted.theta, place(ratings, fitted.scale))
        gain = gains(RULES[2], fitted.theta[2:], ratings.number, level[touchpoint])
        rest = ratings.after - fitted.shift - before - gain * valued
        slope = gain * (1 - gain) * valued
        score = np.bincount(touchpoint, slope * rest, n) / fitted.variance
        precision = np.bincount(touchpoint, slope**2, n) / fitted.variance
        level = level + np.clip((score - _RIDGE * level) / (precision + _RIDGE), -0.7, 0.7)
        level = np.clip(level - np.average(level, weights=precision), -3, 3)
    known = precision > 0
    raw = np.divide(level * (precision + _RIDGE), precision, out=np.zeros(n), where=known)
    return raw, precision


def jackknife(
    ratings: Ratings, n_cells: int, touchpoint: Codes | None, contacts: Codes, found: Learned
) -> tuple[Floats, int]:
    """Return the errors of `Learned.numbers` from refits without groups of customers; and how many."""
    n_groups = min(_GROUPS, int(ratings.customer.max()) + 1)
    values = np.empty((n_groups, len(contacts) + 4))
    for i in range(n_groups):
        kept = ratings.customer % n_groups != i
        others = None if touchpoint is None else touchpoint[kept]
        values[i] = _refit(ratings.part(kept), n_cells, others, found).numbers(contacts)
    spread = ((values - values.mean(axis=0)) ** 2).sum(axis=0)
    error: Floats = np.sqrt(spread * (n_groups - 1) / n_groups)
    return error, n_groups


def _refit(ratings: Ratings, n_cells: int, touchpoint: Codes | None, found: Learned) -> Learned:
    if touchpoint is None or int(touchpoint.max()) + 1 == len(found.raw):
        return learned(ratings, n_cells, touchpoint, found)
    # The last touchpoints have no entry in this part.
    most = int(touchpoint.max()) + 1
    return learned(
        ratings,
        n_cells,
        touchpoint,
        replace(found, raw=found.raw[:most], precision=found.precision[:most], level=found.level[:most]),
    )
