"""Who is likely to answer? Response propensities on cells of covariates."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cxmeasure import _arguments
from cxmeasure._frames import listed
from cxmeasure._stats import intervals
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError, DataError, EstimationError
from cxmeasure.results import Estimates
from cxmeasure.survey.grouping import grouping, regrouped
from cxmeasure.survey.reduce import group_keys, tally_cells

_MOST_CATEGORIES = 60
_TINY = 1e-7
INTERCEPT = "(intercept)"


@dataclass(frozen=True, slots=True)
class Design:
    """Cells of covariates and the columns of a model on them.

    `covariates` has them under their own names, `cells` has ``n s w ws w2 w2s`` (and ``stratum``) beside
    them; `matrix` is cells × columns, of which `names` gives (variable, category) each.
    """

    covariates: pd.DataFrame
    cells: pd.DataFrame
    matrix: Floats
    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted response model: a propensity a cell, and what its uncertainty is made of.

    `slope` is the derivative of each propensity by each estimated coefficient (cells × kept), `sigma` their
    model-based covariance, `robust` the one that allows for weights. `coefficient` has all columns of the
    design: NaN where aliased, ±inf where separated.
    """

    propensity: Floats
    slope: Floats
    sigma: Floats
    robust: Floats
    coefficient: Floats
    kept: npt.NDArray[np.intp]


def response_propensity(
    invitations: Any,
    *,
    covariate_columns: Sequence[str],
    responded_column: str = "has_answered",
    interactions: Sequence[tuple[str, str]] = (),
    weight_column: str | None = None,
    invited_column: str | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Model the chance of an answer by what is known of everybody invited.

    A logistic regression on the cells of covariates: a million invitations are counted in their engine,
    the model sees the cells only, and the result is the same.

    Parameters
    ----------
    invitations : frame or str
        One row an invitation; with `invited_column` one row a cell, such as `tally_responses` makes.
    covariate_columns : sequence of str
        Categories known of everybody invited. Cut a continuous one into bands. Missing is a category.
    responded_column : str
        Whether the invitation was answered; with `invited_column` how many were.
    interactions : sequence of pairs of str
        Pairs of covariates whose effects depend on one another.
    weight_column : str, optional
        Design weights of zero or more. Only their ratios matter.
    invited_column : str, optional
        How many invitations a row stands for.
    conf_level : float
        Level of the interval, in 0–1.

    Returns
    -------
    Estimates
        One row a coefficient, in log odds against the first category of each covariate; besides the usual
        columns ``odds_ratio``. ``details["cells"]`` has every cell with ``n_invited``, ``n_responded``,
        ``propensity`` and its interval.

    Raises
    ------
    ArgumentError, TableError, DataError, EstimationError
        If a column cannot be used, a covariate has too many categories, or nobody (or everybody) answered.

    Notes
    -----
    Where everybody or nobody answers in some part of the design (separation), those coefficients have no
    finite estimate: they come back infinite, with a note, and the propensities there are 0 or 1.
    A propensity model sees what it is given. It is blind to satisfaction that no covariate records.

    References
    ----------
    Little (1986), International Statistical Review 54:139–157, doi:10.2307/1403140;
    Albert & Anderson (1984), Biometrika 71:1–10, doi:10.1093/biomet/71.1.1 (separation).

    Examples
    --------
    R: ``glm(cbind(s, n - s) ~ plan, binomial)`` gives −1.3863 and 0.9808 (log(.25), log(.6667/.25)).

    >>> import pandas as pd
    >>> cells = pd.DataFrame({"plan": ["basic", "pro"], "invited": [100, 50], "answered": [20, 20]})
    >>> result = response_propensity(
    ...     cells, covariate_columns=["plan"], invited_column="invited", responded_column="answered"
    ... )
    >>> result.table[["term", "estimate", "std_error"]].round(4)
              term  estimate  std_error
    0  (intercept)   -1.3863     0.2500
    1     plan=pro    0.9808     0.3819
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    design = designed(
        invitations,
        covariate_columns=covariate_columns,
        responded_column=responded_column,
        interactions=interactions,
        weight_column=weight_column,
        invited_column=invited_column,
    )
    fit = fit_logit(design)
    covariance = fit.sigma if weight_column is None else fit.robust
    return Estimates(
        table=_coefficients(design, fit, covariance, conf_level),
        estimand="Log odds that somebody invited answers, against the first category of each covariate",
        method="Binomial GLM with logit link on cells of covariates"
        + ("" if weight_column is None else "; weighted, with a robust (sandwich) covariance"),
        assumptions=(
            "Invitations are answered independently of one another, given the covariates.",
            "Effects add up on the scale of log odds, apart from the interactions named.",
            "What the covariates do not record, satisfaction above all, is not in the propensities.",
        ),
        conf_level=conf_level,
        details={"cells": fitted_cells(design, fit, covariance, conf_level)},
    )


def designed(
    invitations: Any,
    *,
    covariate_columns: Sequence[str],
    responded_column: str,
    interactions: Sequence[tuple[str, str]] = (),
    weight_column: str | None = None,
    invited_column: str | None = None,
    stratum_column: str | None = None,
) -> Design:
    """Tally invitations to cells and lay out the model's columns, first categories as the reference."""
    covariates = grouping(
        covariate_columns,
        "n_invited",
        "n_responded",
        "propensity",
        "variable",
        "category",
        name="covariate_columns",
    )
    if not covariates:
        raise ArgumentError(
            "covariate_columns=[] names none; give at least one that is known of all invited."
        )
    pairs = [_pair(pair, covariates) for pair in interactions]
    cells = tally_cells(
        invitations,
        by=covariates,
        responded_column=responded_column,
        weight_column=weight_column,
        invited_column=invited_column,
        stratum_column=stratum_column,
    )
    cells = cells[cells["w"] > 0].reset_index(drop=True)
    if cells["s"].sum() in (0, cells["n"].sum()):
        who = "Nobody" if cells["s"].sum() == 0 else "Everybody"
        raise EstimationError(
            f"{who} of the {cells['n'].sum():,} invited answered; there is no difference to model."
        )
    known = regrouped(cells, covariates)
    matrix, names = _columns(known, pairs)
    return Design(known, cells.drop(columns=group_keys(covariates)), matrix, names)


def _pair(pair: Any, covariates: Sequence[str]) -> tuple[str, str]:
    given = list(pair) if isinstance(pair, list | tuple) else []
    if len(given) != 2 or given[0] == given[1] or not set(given) <= set(covariates):
        raise ArgumentError(
            f"interactions has {pair!r}; give pairs of two different columns of covariate_columns."
        )
    return given[0], given[1]


def labelled(values: pd.Series) -> tuple[npt.NDArray[np.intp], list[str]]:
    """Return the position of each value among the sorted categories, and their labels; missing is last."""
    codes, found = pd.factorize(values, sort=True, use_na_sentinel=True)
    labels = [str(value) for value in found]
    if (codes < 0).any():
        codes, labels = np.where(codes < 0, len(labels), codes), [*labels, "(missing)"]
    return codes, labels


def _columns(
    covariates: pd.DataFrame, pairs: Sequence[tuple[str, str]]
) -> tuple[Floats, tuple[tuple[str, str], ...]]:
    dummies: dict[str, tuple[Floats, list[str]]] = {}
    for column in covariates.columns:
        codes, labels = labelled(covariates[column])
        if len(labels) > _MOST_CATEGORIES:
            raise DataError(
                f"{column!r} has {len(labels):,} different values, such as {listed(labels, most=3)}; "
                f"cut it into at most {_MOST_CATEGORIES} bands."
            )
        dummies[column] = np.eye(len(labels))[codes][:, 1:], labels[1:]
    blocks, names = [np.ones((len(covariates), 1))], [(INTERCEPT, "")]
    for column, (block, labels) in dummies.items():
        blocks.append(block)
        names += [(column, label) for label in labels]
    for first, second in pairs:
        (left, lefts), (right, rights) = dummies[first], dummies[second]
        blocks.append((left[:, :, None] * right[:, None, :]).reshape(len(covariates), -1))
        names += [(f"{first}:{second}", f"{a}:{b}") for a in lefts for b in rights]
    return np.hstack(blocks), tuple(names)


def fit_logit(design: Design) -> Fit:
    """Fit the propensities; cells that separation decides are 0 or 1 and leave the fit."""
    n, s, w, ws, w2, w2s = (design.cells[name].to_numpy(float) for name in ("n", "s", "w", "ws", "w2", "w2s"))
    share, weight = ws / w, w * n.sum() / w.sum()
    open_cells, endless = _separation(design.matrix, s, n)
    kept = _independent(design.matrix[open_cells], weight[open_cells])
    x = design.matrix[:, kept]
    beta = _maximised(share[open_cells], x[open_cells], weight[open_cells])
    propensity = np.where(open_cells, special.expit(x @ beta), (s > 0).astype(float))
    slope = x * np.where(open_cells, propensity * (1 - propensity), 0.0)[:, None]
    sigma = np.linalg.inv((slope * weight[:, None]).T @ x)
    scale = (n.sum() / w.sum()) ** 2
    # Σ w²(y − p)² in a cell, y being 0 or 1.
    squares = scale * (w2s * (1 - propensity) ** 2 + (w2 - w2s) * propensity**2)
    robust = sigma @ ((x * np.where(open_cells, squares, 0.0)[:, None]).T @ x) @ sigma
    coefficient = np.where(endless != 0, np.copysign(np.inf, endless), np.nan)
    coefficient[kept] = np.where(endless[kept] != 0, coefficient[kept], beta)
    return Fit(propensity, slope, sigma, robust, coefficient, kept)


def _maximised(share: Floats, x: Floats, weight: Floats) -> Floats:
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    with warnings.catch_warnings():
        # A model with a coefficient a cell fits it exactly: no residual degree of freedom, and statsmodels
        # takes the perfect fit for separation, which `_separation` has dealt with.
        warnings.simplefilter("ignore")
        model = GLM(share, x, family=Binomial(), freq_weights=weight)
        # By the coefficients: the deviance of a million answers never stands still in its last digits.
        fitted = model.fit(maxiter=200, tol_criterion="params", atol=1e-12, rtol=1e-12)
    return np.asarray(fitted.params, dtype=float)


def fit_linear(design: Design) -> Fit:
    """Fit the linear probability model by weighted least squares, as RISQ's gaussian family does."""
    n, w, ws = (design.cells[name].to_numpy(float) for name in ("n", "w", "ws"))
    weight, answered = w * n.sum() / w.sum(), ws * n.sum() / w.sum()
    kept = _independent(design.matrix, weight)
    x = design.matrix[:, kept]
    bread = np.linalg.inv((x * weight[:, None]).T @ x)
    beta = bread @ (x.T @ answered)
    propensity = x @ beta
    rest = (answered * (1 - 2 * propensity) + weight * propensity**2).sum()
    sigma = bread * rest / (n.sum() - len(kept))
    coefficient = np.full(design.matrix.shape[1], np.nan)
    coefficient[kept] = beta
    return Fit(propensity, x, sigma, sigma, coefficient, kept)


def _separation(matrix: Floats, s: Floats, n: Floats) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Return which cells keep a finite linear predictor, and the direction in which the others run off.

    Where everybody or nobody answered, the likelihood may rise without end along some direction of the
    coefficients (Albert & Anderson 1984): a linear programme finds it.
    """
    from scipy.optimize import linprog

    is_open, endless = np.ones(len(s), dtype=bool), np.zeros(matrix.shape[1])
    while True:
        sign = np.select([s == n, s == 0], [1.0, -1.0], 0.0)
        pure = is_open & (sign != 0)
        if not pure.any():
            return is_open, endless
        signed, mixed = matrix[pure] * sign[pure][:, None], matrix[is_open & (sign == 0)]
        found = linprog(
            -signed.sum(axis=0),
            A_ub=-signed,
            b_ub=np.zeros(len(signed)),
            A_eq=mixed if len(mixed) else None,
            b_eq=np.zeros(len(mixed)) if len(mixed) else None,
            bounds=(-1, 1),
        )
        direction = np.zeros_like(endless) if found.x is None else np.asarray(found.x, dtype=float)
        runs = is_open & (np.abs(matrix @ direction) > _TINY)
        if not runs.any():
            return is_open, endless
        endless = np.where(np.abs(direction) > _TINY, direction, endless)
        is_open &= ~runs
        if not is_open.any():
            raise EstimationError(
                "The covariates decide fully who answered: in every cell it is everybody or nobody, "
                "and there is no propensity to estimate. Use fewer or coarser covariates."
            )


def _independent(matrix: Floats, weight: Floats) -> npt.NDArray[np.intp]:
    """Return the columns that add something to those before them, as R leaves out the others."""
    rows = matrix * np.sqrt(weight)[:, None]
    basis: list[Floats] = []
    kept = []
    for position, column in enumerate(rows.T):
        rest = column - sum((direction * (direction @ column) for direction in basis), np.zeros_like(column))
        length = float(np.linalg.norm(rest))
        if length > _TINY * max(float(np.linalg.norm(column)), _TINY):
            basis.append(rest / length)
            kept.append(position)
    return np.array(kept, dtype=np.intp)


def _coefficients(design: Design, fit: Fit, covariance: Floats, conf_level: float) -> pd.DataFrame:
    estimate, error = fit.coefficient, np.full(len(fit.coefficient), np.nan)
    error[fit.kept] = np.sqrt(np.diag(covariance))
    error = np.where(np.isfinite(estimate), error, np.nan)
    statistic = estimate / error
    half = intervals.z_value(conf_level) * error
    notes = np.select(
        [np.isinf(estimate), np.isnan(estimate)],
        ["separated: everybody or nobody answered there, so no finite estimate", "follows from the others"],
        "",
    )
    return pd.DataFrame(
        {
            "term": [f"{variable}={label}" if label else variable for variable, label in design.names],
            "n": int(design.cells["n"].sum()),
            "estimate": estimate,
            "std_error": error,
            "statistic": statistic,
            "p_value": 2 * special.ndtr(-np.abs(statistic)),
            "conf_low": np.where(np.isfinite(estimate), estimate - half, np.nan),
            "conf_high": np.where(np.isfinite(estimate), estimate + half, np.nan),
            "unit": "log odds",
            "note": notes,
            "odds_ratio": np.exp(estimate),
        }
    )


def fitted_cells(design: Design, fit: Fit, covariance: Floats, conf_level: float) -> pd.DataFrame:
    """Return the covariates of each cell with its counts, its propensity and the interval of that."""
    variance = np.einsum("ij,jk,ik->i", fit.slope, covariance, fit.slope)
    p = fit.propensity
    with np.errstate(divide="ignore", invalid="ignore"):
        half = intervals.z_value(conf_level) * np.sqrt(variance) / (p * (1 - p))
        low, high = special.expit(special.logit(p) - half), special.expit(special.logit(p) + half)
    cells = design.covariates.assign(n_invited=design.cells["n"], n_responded=design.cells["s"])
    return cells.assign(propensity=p, std_error=np.sqrt(variance), conf_low=low, conf_high=high)
