"""Are those who answered like those who were asked? The R-indicator."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats import intervals
from cxmeasure._stats.intervals import Floats
from cxmeasure.results import Estimates
from cxmeasure.survey.answering import Design, Fit, designed, fit_linear, fit_logit, fitted_cells, labelled

MODELS = {"logit": fit_logit, "linear": fit_linear}
REFERENCE = "de Heij, Schouten & Shlomo (2015), RISQ manual 2.1"
BLIND = (
    "It sees only the covariates given: a value near 1 is no proof that respondents are like the others.",
    "The bound CV × standard deviation on a bias holds for the true propensities, not for these estimates.",
)


def r_indicator(
    invitations: Any,
    *,
    covariate_columns: Sequence[str],
    responded_column: str = "has_answered",
    interactions: Sequence[tuple[str, str]] = (),
    weight_column: str | None = None,
    stratum_column: str | None = None,
    invited_column: str | None = None,
    model: str = "logit",
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate how representative the response is: R = 1 − 2 S(propensity), and its relative CV.

    Parameters
    ----------
    invitations : frame or str
        One row an invitation; with `invited_column` one row a cell, such as `tally_responses` makes.
    covariate_columns : sequence of str
        Categories known of everybody invited.
    responded_column : str
        Whether the invitation was answered; with `invited_column` how many were.
    interactions : sequence of pairs of str
        Pairs of covariates whose effects on answering depend on one another.
    weight_column : str, optional
        Design weights: 1, or none, where everybody was invited; else how many customers one stands for.
        Here their size matters, since it says how large the population is.
    stratum_column : str, optional
        Strata of the sampling design, within which the weights are constant.
    invited_column : str, optional
        How many invitations a row stands for.
    model : {"logit", "linear"}
        The response model.
    conf_level : float
        Level of the interval, in 0–1.

    Returns
    -------
    Estimates
        The terms ``R`` (bias-adjusted), ``CV`` (bias-adjusted standard deviation of the propensities over
        their mean), ``response rate``; besides the usual columns ``unadjusted``.
        ``details["cells"]`` has the propensity of each cell.

    Raises
    ------
    ArgumentError, TableError, DataError, EstimationError
        If a column cannot be used, or nobody (or everybody) answered.

    Notes
    -----
    R is 1 where everybody is equally likely to answer, and at least 0. It depends on the covariates: more
    of them can only find more difference. It is blind to what they do not record.

    Over 1,000 simulated samples with six cells, of which a quarter answered, the interval held R in .94 of
    those with 2,000 invitations and in .88 of those with 300, where R came out .02 too high on average.

    References
    ----------
    Schouten, Cobben & Bethlehem (2009), Survey Methodology 35:101–113 (no DOI); Shlomo, Skinner & Schouten
    (2012), Journal of Statistical Planning and Inference 142:201–211, doi:10.1016/j.jspi.2011.07.008.

    Examples
    --------
    RISQ's R code, version 2.1, gives R = .870576 (SE .014447) and CV = .447317 for these.

    >>> import pandas as pd
    >>> cells = pd.DataFrame({
    ...     "seg": ["basic", "plus", "pro"] * 2, "ch": ["email"] * 3 + ["app"] * 3,
    ...     "n": [900, 600, 300, 500, 400, 300], "s": [72, 66, 51, 75, 80, 90],
    ... })
    >>> result = r_indicator(
    ...     cells, covariate_columns=["seg", "ch"], invited_column="n", responded_column="s"
    ... )
    >>> result.table[["term", "estimate", "std_error", "unadjusted"]].round(4).head(2)
      term  estimate  std_error  unadjusted
    0    R    0.8706     0.0144      0.8678
    1   CV    0.4473     0.0501      0.4569
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    model = _arguments.choice(model, MODELS, name="model")
    design = designed(
        invitations,
        covariate_columns=covariate_columns,
        responded_column=responded_column,
        interactions=interactions,
        weight_column=weight_column,
        invited_column=invited_column,
        stratum_column=stratum_column,
    )
    fit = MODELS[model](design)
    spread = spread_of(design, fit)
    return Estimates(
        table=_indicator_table(design, fit, spread, conf_level),
        estimand="How little the propensity to answer varies among those invited, given the covariates",
        method=f"R-indicator with bias adjustment, {model} model ({REFERENCE})",
        assumptions=(*BLIND, "Invitations are answered independently of one another, given the covariates."),
        conf_level=conf_level,
        details={"cells": fitted_cells(design, fit, fit.sigma, conf_level)},
    )


@dataclass(frozen=True, slots=True)
class _Spread:
    """Variance of the propensities: as estimated, the share of it that is no noise, and R's variance."""

    mean: float
    variance: float
    factor: float
    r_variance: float


def spread_of(design: Design, fit: Fit) -> _Spread:
    """Return the spread of the fitted propensities, Shlomo, Skinner & Schouten's corrections included."""
    w, p = design.cells["w"].to_numpy(float), fit.propensity
    total = w.sum()
    mean = float(w @ p / total)
    centred = p - mean
    variance, population_variance = float(w @ centred**2 / (total - 1)), float(w @ centred**2 / total)
    noise = float(np.einsum("i,ij,jk,ik->", w, fit.slope, fit.sigma, fit.slope))
    bias = (noise - variance_of_total(design.cells, p) / total) / total
    factor = max(0.0, 1 - bias / variance) if variance > 0 else 0.0
    lean = (w * centred) @ fit.slope / total
    slope = fit.slope - w @ fit.slope / total
    spread = (slope * w[:, None]).T @ slope / total
    parts = (
        4 * lean @ fit.sigma @ lean
        + 2 * np.trace(spread @ fit.sigma @ spread @ fit.sigma)
        + variance_of_total(design.cells, centred**2) / total**2
    )
    r_variance = float(parts / population_variance) if population_variance > 0 else np.nan
    return _Spread(mean, variance, factor, r_variance)


def variance_of_total(cells: pd.DataFrame, values: Floats) -> float:
    """Return the sampling variance of the weighted total of a value that is constant in each cell.

    Constant weights within strata (one stratum without `stratum_column`): stratified simple sampling
    without replacement. Else: the variance of sampling with replacement and unequal probabilities.
    """
    n, w, w2 = (cells[name].to_numpy(float) for name in ("n", "w", "w2"))
    strata = labelled(cells["stratum"])[0] if "stratum" in cells else np.zeros(len(cells), dtype=np.intp)
    n_h, w_h, w2_h, y_h, yy_h = (
        np.bincount(strata, weights=column) for column in (n, w, w2, n * values, n * values**2)
    )
    if np.allclose(n_h * w2_h, w_h**2, rtol=1e-9):
        with np.errstate(divide="ignore", invalid="ignore"):
            within = np.where(n_h > 1, (yy_h - y_h**2 / n_h) / (n_h - 1), 0.0)
        return float((w_h**2 * (1 - n_h / w_h) * np.maximum(within, 0) / n_h).sum())
    total = float(w @ values)
    return float((n.sum() * (w2 @ values**2) - total**2) / (n.sum() - 1))


def _indicator_table(design: Design, fit: Fit, spread: _Spread, conf_level: float) -> pd.DataFrame:
    n = int(design.cells["n"].sum())
    r, plain = (1 - 2 * np.sqrt(spread.variance * f) for f in (spread.factor, 1.0))
    cv, plain_cv = ((1 - value) / 2 / spread.mean for value in (r, plain))
    errors = [
        np.sqrt(spread.r_variance),
        np.sqrt(spread.r_variance / 4 / spread.mean**2 + cv**4 / n),
        _mean_error(design, fit),
    ]
    estimates = np.array([r, cv, spread.mean])
    half = intervals.z_value(conf_level) * np.array(errors)
    return pd.DataFrame(
        {
            "term": ["R", "CV", "response rate"],
            "n": n,
            "estimate": estimates,
            "std_error": errors,
            "conf_low": np.maximum(estimates - half, 0),
            "conf_high": np.minimum(estimates + half, [1, np.inf, 1]),
            "unit": ["R, 0 to 1", "ratio", "share"],
            "note": ["no spread beyond noise" if spread.factor == 0 else ""] * 2 + [""],
            "unadjusted": [plain, plain_cv, spread.mean],
        }
    )


def _mean_error(design: Design, fit: Fit) -> float:
    w, p = design.cells["w"].to_numpy(float), fit.propensity
    gradient = w @ fit.slope / w.sum()
    return float(np.sqrt(gradient @ fit.sigma @ gradient + variance_of_total(design.cells, p) / w.sum() ** 2))
