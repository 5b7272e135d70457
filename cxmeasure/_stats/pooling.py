"""Partial pooling of many groups' means: how far groups really differ, and what that says of each.

Arrays in, arrays out. Group j has a value y_j with sampling variance v_j about its true θ_j, and θ_j
varies about a common centre with a standard deviation called the spread. Precisions 1/v_j are given,
so that a group without an answer has precision 0.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from cxmeasure._stats.intervals import Floats

_GRID = 240
_HALVINGS = 40


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is known of the groups: a mixture over values of the spread.

    Attributes
    ----------
    values, precisions : ndarray of shape (groups,)
    degrees : ndarray of shape (groups,)
        Degrees of freedom behind the precisions.
    spreads, weights : ndarray of shape (grid,)
        Values of the spread and their probabilities, which sum to 1.
    centres, centre_variances : ndarray of shape (grid,)
        The common centre and its variance, given the spread.
    """

    values: Floats
    precisions: Floats
    degrees: Floats
    spreads: Floats
    weights: Floats
    centres: Floats
    centre_variances: Floats

    def shrinkage(self) -> Floats:
        """Return the part of each estimate that is the common centre, shape (grid, groups)."""
        part: Floats = 1 / (1 + self.spreads[:, None] ** 2 * self.precisions)
        return part

    def conditional(self) -> tuple[Floats, Floats]:
        """Return means and standard deviations given each spread, shape (grid, groups)."""
        part = self.shrinkage()
        means = part * self.centres[:, None] + (1 - part) * self.values
        variances = self.spreads[:, None] ** 2 * part + part**2 * self.centre_variances[:, None]
        return means, np.sqrt(variances)

    def summary(self, conf_level: float) -> tuple[Floats, Floats, Floats, Floats]:
        """Return mean, standard deviation, and the ends of the central interval of each group."""
        means, deviations = self.conditional()
        mean = self.weights @ means
        deviation = np.sqrt(self.weights @ (deviations**2 + (means - mean) ** 2))
        tail = (1 - conf_level) / 2
        low = self._quantile(means, deviations, mean, deviation, tail)
        high = self._quantile(means, deviations, mean, deviation, 1 - tail)
        return mean, deviation, low, high

    def _quantile(
        self, means: Floats, deviations: Floats, mean: Floats, deviation: Floats, at: float
    ) -> Floats:
        """Solve the mixture's distribution function for every group at once, by halving.

        Few degrees of freedom widen the normal by Student's quantile over the normal one.
        """
        wider = special.stdtrit(self.degrees, at) / special.ndtri(at)
        kept = self.weights > 1e-9
        means, weights = means[kept], self.weights[kept] / self.weights[kept].sum()
        scale = np.maximum(deviations[kept] * wider, 1e-300)
        reach = 12 * scale.max(axis=0) + np.abs(means - mean).max(axis=0) + deviation
        low, high = mean - reach, mean + reach
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            is_below = weights @ special.ndtr((middle - means) / scale) < at
            low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
        solved: Floats = (low + high) / 2
        return solved

    def draws(self, n_draws: int, rng: np.random.Generator) -> Floats:
        """Return joint draws of all groups' true values, shape (n_draws, groups)."""
        at = rng.choice(len(self.weights), size=n_draws, p=self.weights)
        spread = self.spreads[at][:, None]
        part = 1 / (1 + spread**2 * self.precisions)
        noise = np.sqrt(self.centre_variances[at]) * rng.standard_normal(n_draws)
        own = spread * np.sqrt(part) * rng.standard_normal((n_draws, len(self.values)))
        scale = np.sqrt(self.degrees / rng.chisquare(self.degrees, size=(n_draws, len(self.degrees))))
        drawn: Floats = (
            part * self.centres[at][:, None]
            + (1 - part) * self.values
            + scale * (part * noise[:, None] + own)
        )
        return drawn


def restricted_likelihood(values: Floats, precisions: Floats, spreads: Floats) -> tuple[Floats, ...]:
    """Return the restricted log-likelihood, the centre and its variance at each of `spreads`.

    Groups of precision 0 say nothing and are passed over.

    Examples
    --------
    Eight schools at spread 0: pooled 7.7 with standard error 4.1 (Gelman et al., BDA3 section 5.5).

    >>> effects = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
    >>> errors = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    >>> _, centre, variance = restricted_likelihood(effects, errors**-2, np.array([0.0]))
    >>> centre.round(1), np.sqrt(variance).round(1)
    (array([7.7]), array([4.1]))
    """
    known = precisions > 0
    y, p = values[known], precisions[known]
    w = p / (1 + spreads[:, None] ** 2 * p)
    total = w.sum(axis=1)
    centre = (w @ y) / total
    squares = (w * (y - centre[:, None]) ** 2).sum(axis=1)
    likelihood = 0.5 * (np.log(w).sum(axis=1) - np.log(total) - squares)
    return likelihood, centre, 1 / total


def reml_spread(values: Floats, precisions: Floats) -> float:
    """Return the restricted-maximum-likelihood estimate of the spread, which may be zero.

    References
    ----------
    Harville (1977), Journal of the American Statistical Association 72:320–338,
    doi:10.1080/01621459.1977.10480998.

    Examples
    --------
    >>> effects = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
    >>> errors = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    >>> reml_spread(effects, errors**-2)
    0.0
    """
    known = precisions > 0
    y = values[known]
    widest = 4 * float(np.ptp(y)) + 1e-300
    low, high = 0.0, 1.0
    # Zooming in on the best point of a grid, in the share of the widest spread thinkable.
    for _ in range(8):
        shares = np.linspace(low, high, 65)
        best = int(np.argmax(restricted_likelihood(values, precisions, shares * widest)[0]))
        low, high = shares[max(best - 1, 0)], shares[min(best + 1, 64)]
    at_zero, at_best = restricted_likelihood(values, precisions, np.array([0.0, (low + high) / 2 * widest]))[
        0
    ]
    return 0.0 if at_zero >= at_best - 1e-12 else float((low + high) / 2 * widest)


def integrated(values: Floats, precisions: Floats, degrees: Floats) -> Posterior:
    """Return the groups' posterior with the spread integrated over, under a flat prior on the spread.

    It takes three groups with answers: with two the posterior of the spread has no end.

    References
    ----------
    Gelman (2006), Bayesian Analysis 1:515–534, doi:10.1214/06-BA117A.
    """
    known = precisions > 0
    scale = max(float(np.std(values[known], ddof=1)), float(np.sqrt(np.median(1 / precisions[known]))))
    share = (np.arange(_GRID) + 0.5) / _GRID
    spreads = scale * share / (1 - share)
    likelihood, centre, variance = restricted_likelihood(values, precisions, spreads)
    log_weight = likelihood - 2 * np.log1p(-share)
    weight = np.exp(log_weight - log_weight.max())
    return _posterior(values, precisions, degrees, spreads, weight / weight.sum(), centre, variance)


def at_spread(values: Floats, precisions: Floats, degrees: Floats, spread: float) -> Posterior:
    """Return the groups' posterior for a known spread.

    Examples
    --------
    Efron & Morris (1977) shrink 18 batting averages by 1 − .212: .400 becomes .294.

    >>> hits = np.array([18, 17, 16, 15, 14, 14, 13, 12, 11, 11, 10, 10, 10, 10, 10, 9, 8, 7]) / 45
    >>> variance = hits.mean() * (1 - hits.mean()) / 45
    >>> spread = np.sqrt(variance * 0.212 / (1 - 0.212))
    >>> known = at_spread(hits, np.full(18, 1 / variance), np.full(18, 1e6), spread)
    >>> known.summary(0.95)[0].round(3)[[0, 8, 17]]
    array([0.294, 0.261, 0.242])
    """
    _, centre, variance = restricted_likelihood(values, precisions, np.array([spread]))
    return _posterior(values, precisions, degrees, np.array([spread]), np.ones(1), centre, variance)


def _posterior(values: Floats, precisions: Floats, degrees: Floats, *mixture: Floats) -> Posterior:
    # A group without an answer has no value of its own; its precision of 0 leaves whatever stands here out.
    return Posterior(np.where(precisions > 0, values, 0.0), precisions, degrees, *mixture)


def smoothed_variances(squares: Floats, degrees: Floats) -> tuple[Floats, Floats]:
    """Return each group's variance, drawn towards the pooled one as far as the groups allow.

    Where group variances differ no more than chance makes them differ, all are the pooled one.

    Parameters
    ----------
    squares, degrees : ndarray of shape (groups,)
        Sums of squares about the groups' means, and their degrees of freedom (n − 1).

    Returns
    -------
    variances, degrees : ndarray of shape (groups,)
        And the degrees of freedom behind them.

    References
    ----------
    Smyth (2004), Statistical Applications in Genetics and Molecular Biology 3(1):3,
    doi:10.2202/1544-6115.1027 (the model; its prior fitted here by moments).
    """
    total = degrees.sum()
    pooled = squares.sum() / total
    own = np.divide(squares, degrees, out=np.full_like(squares, pooled), where=degrees > 0)
    apart = (degrees * (own - pooled) ** 2).sum() - 2 * pooled**2 * ((degrees > 0).sum() - 1)
    ratio = max(apart / total, 0.0) / pooled**2
    if ratio < 1e-9:
        return np.full_like(squares, pooled), np.full_like(squares, total)
    prior = 4 + 2 / ratio
    return (squares + prior * pooled) / (degrees + prior), np.minimum(degrees + prior, total)
