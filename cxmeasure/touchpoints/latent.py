"""The proportional-odds model of counted answers, by statsmodels, with its derivatives row by row."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import EstimationError

Codes = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model at its maximum.

    Attributes
    ----------
    theta : ndarray of shape (k,)
        Slopes, then thresholds.
    logs, residuals, curvatures : ndarray of shape (rows,)
        Each row's log-likelihood, and its first and (negative) second derivative by the latent value.
    scores : ndarray of shape (rows, k)
    information : ndarray of shape (k, k)
        Minus the second derivative of the whole log-likelihood.
    """

    theta: Floats
    logs: Floats
    residuals: Floats
    curvatures: Floats
    scores: Floats
    information: Floats


def fitted(codes: Codes, design: Floats, counts: Floats) -> Fit:
    """Fit the odds of a better answer on `design`, each row as often as `counts` says.

    Parameters
    ----------
    codes : ndarray of shape (rows,)
        The answer, from 0, every level with some count.
    design : ndarray of shape (rows, p)
        Without a constant; `p` may be zero.
    counts : ndarray of shape (rows,)

    Raises
    ------
    EstimationError
        If there is no maximum.
    """
    shares = np.bincount(codes, counts).cumsum() / counts.sum()
    start = np.concatenate([np.zeros(design.shape[1]), special.logit(shares[:-1])])
    if not design.shape[1]:
        return _derivatives(start, codes, design, counts)
    with np.errstate(all="ignore"):
        try:
            found = _model()(codes, design, counts=counts).fit(
                start, method="newton", maxiter=50, disp=False, warn_convergence=False, skip_hessian=True
            )
            fit = _derivatives(np.asarray(found.params), codes, design, counts)
            is_bad = not found.mle_retvals["converged"] or np.linalg.eigvalsh(fit.information)[0] <= 0
        except np.linalg.LinAlgError:
            is_bad = True
    if is_bad or counts @ fit.logs > -0.05 * counts.sum():
        raise EstimationError(
            "The ordered model found no end: a driver tells the outcome apart without error. "
            "Leave out what is the outcome by another name, and join categories that few customers chose."
        )
    return fit


def _derivatives(theta: Floats, codes: Codes, design: Floats, counts: Floats) -> Fit:
    """Return the log-likelihood of each row and its derivatives at `theta`."""
    p = design.shape[1]
    cuts = np.concatenate([[-np.inf], theta[p:], [np.inf]])
    latent = design @ theta[:p]
    upper, lower = special.expit(cuts[codes + 1] - latent), special.expit(cuts[codes] - latent)
    chance = np.maximum(upper - lower, 1e-300)
    slope_up, slope_low = upper * (1 - upper) / chance, lower * (1 - lower) / chance
    bend_up, bend_low = slope_up * (1 - 2 * upper), slope_low * (1 - 2 * lower)
    above = np.eye(len(cuts))[:, 1:-1]
    up, low = (np.column_stack([-design, above[at]]) for at in (codes + 1, codes))
    scores = slope_up[:, None] * up - slope_low[:, None] * low
    information = (
        (scores.T * counts) @ scores - (up.T * (counts * bend_up)) @ up + (low.T * (counts * bend_low)) @ low
    )
    residuals = slope_low - slope_up
    return Fit(theta, np.log(chance), residuals, residuals**2 - bend_up + bend_low, scores, information)


@cache
def _model() -> Any:
    """Return statsmodels' model with counts, thresholds as they are, and derivatives without differences."""
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    class CountedModel(OrderedModel):  # type: ignore[misc]
        def __init__(self, endog: Codes, exog: Floats, counts: Floats) -> None:
            self.counts = counts
            super().__init__(endog, exog, distr="logit")

        def transform_threshold_params(self, params: Floats) -> Floats:
            return np.concatenate([[-np.inf], params[self.k_vars :], [np.inf]])

        def loglike(self, params: Floats) -> float:
            return float(self.counts @ self.loglikeobs(params))

        def score(self, params: Floats) -> Floats:
            return self.counts @ _derivatives(params, self.endog, self.exog, self.counts).scores

        def hessian(self, params: Floats) -> Floats:
            return -_derivatives(params, self.endog, self.exog, self.counts).information

    return CountedModel
