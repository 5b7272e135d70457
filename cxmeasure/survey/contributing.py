"""Which covariates make the response unrepresentative? Partial R-indicators."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats import intervals
from cxmeasure._stats.intervals import Floats
from cxmeasure.results import Estimates
from cxmeasure.survey.answering import INTERCEPT, Design, Fit, designed, labelled
from cxmeasure.survey.representing import BLIND, MODELS, REFERENCE, spread_of, variance_of_total


def partial_r_indicators(
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
    """Say which covariates, and which of their categories, make the response unrepresentative.

    Unconditional: how far apart the response rates of the categories lie. Conditional: how much of that is
    left among customers who are alike in the other covariates.

    Parameters
    ----------
    invitations, covariate_columns, responded_column, interactions
        As in `r_indicator`.
    weight_column, stratum_column, invited_column, model, conf_level
        As in `r_indicator`.

    Returns
    -------
    Estimates
        The columns ``variable`` and ``category`` (``(all)`` for the variable as a whole), then the terms
        ``unconditional`` and ``conditional``. Variables are bias-adjusted (``unadjusted`` beside them),
        at least 0. Categories are not adjusted; an unconditional one is negative where too few answer.

    Raises
    ------
    ArgumentError, TableError, DataError, EstimationError
        As `r_indicator`.

    Notes
    -----
    The standard error of a variable's conditional indicator is that of the unconditional one, as RISQ has
    it. RISQ's unconditional error of a category is that of sampling only (``sampling_error``, zero where
    everybody was invited); ``std_error`` adds that of the response model.
    With a single covariate there is nothing to hold constant and the conditional indicator is missing.

    References
    ----------
    Schouten, Shlomo & Skinner (2011), Journal of Official Statistics 27:231–253 (no DOI);
    de Heij, Schouten & Shlomo (2015), RISQ manual 2.1 (no DOI).

    Examples
    --------
    RISQ's R code gives seg .047633 and ch .047565, unconditional.

    >>> import pandas as pd
    >>> cells = pd.DataFrame({
    ...     "seg": ["basic", "plus", "pro"] * 2, "ch": ["email"] * 3 + ["app"] * 3,
    ...     "n": [900, 600, 300, 500, 400, 300], "s": [72, 66, 51, 75, 80, 90],
    ... })
    >>> table = partial_r_indicators(
    ...     cells, covariate_columns=["seg", "ch"], invited_column="n", responded_column="s"
    ... ).table
    >>> whole = table[(table["category"] == "(all)") & (table["term"] == "unconditional")]
    >>> whole[["variable", "estimate", "std_error"]].round(4).to_numpy().tolist()
    [['seg', 0.0476, 0.0072], ['ch', 0.0476, 0.0067]]
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    model = _arguments.choice(model, MODELS, name="model")
    roles: dict[str, Any] = {
        "responded_column": responded_column,
        "weight_column": weight_column,
        "invited_column": invited_column,
        "stratum_column": stratum_column,
    }
    covariates = _arguments.names(covariate_columns, name="covariate_columns")
    design = designed(invitations, covariate_columns=covariates, interactions=interactions, **roles)
    fit = MODELS[model](design)
    factor = spread_of(design, fit).factor
    parts = []
    for column in covariates:
        alone = _alone(design, column, model)
        others = [other for other in covariates if other != column]
        parts += [_unconditional(design, fit, column, factor, alone)]
        parts += [_conditional(design, fit, column, others, factor, alone)]
    table = pd.concat(parts, ignore_index=True)
    half = intervals.z_value(conf_level) * table["std_error"]
    table["conf_low"], table["conf_high"] = table["estimate"] - half, table["estimate"] + half
    is_size = (table["category"] == "(all)") | (table["term"] == "conditional")
    table.loc[is_size, "conf_low"] = table.loc[is_size, "conf_low"].clip(lower=0)
    return Estimates(
        table=table.assign(unit="S of propensities", n=int(design.cells["n"].sum())),
        estimand="Share of the spread of propensities that a covariate, or a category of it, accounts for",
        method=f"Partial R-indicators, {model} model ({REFERENCE})",
        assumptions=BLIND[:1],
        conf_level=conf_level,
    )


def _alone(design: Design, column: str, model: str) -> float:
    """Return half the standard error of R in the model with this covariate only."""
    is_own = np.array([variable in (INTERCEPT, column) for variable, _ in design.names])
    names = tuple(name for name, own in zip(design.names, is_own, strict=True) if own)
    single = Design(design.covariates, design.cells, design.matrix[:, is_own], names)
    return float(np.sqrt(spread_of(single, MODELS[model](single)).r_variance) / 2)


def _rows(
    column: str,
    labels: list[str],
    term: str,
    whole: tuple[float, float, float],
    values: Floats,
    errors: Floats,
) -> pd.DataFrame:
    adjusted, plain, error = whole
    return pd.DataFrame(
        {
            "variable": column,
            "category": ["(all)", *labels],
            "term": term,
            "estimate": [adjusted, *values],
            "std_error": [error, *errors],
            "note": "",
            "unadjusted": [plain, *values],
        }
    )


def _unconditional(design: Design, fit: Fit, column: str, factor: float, error: float) -> pd.DataFrame:
    w, p = design.cells["w"].to_numpy(float), fit.propensity
    codes, labels = labelled(design.covariates[column])
    total = w.sum()
    size = np.bincount(codes, weights=w)
    away = np.bincount(codes, weights=w * p) / size - w @ p / total
    values = np.sqrt(size / total) * away
    whole = float(np.sqrt((values**2).sum()))
    inside = [variance_of_total(design.cells, np.where(codes == k, p, 0.0)) for k in range(len(labels))]
    outside = [variance_of_total(design.cells, np.where(codes == k, 0.0, p)) for k in range(len(labels))]
    spread = np.array(inside) * (1 / size - 1 / total) ** 2 + np.array(outside) / total**2
    sampling = np.sqrt(size / total * spread)
    slopes = np.column_stack([np.bincount(codes, weights=w * z) / size - w @ z / total for z in fit.slope.T])
    model = size / total * np.einsum("ij,jk,ik->i", slopes, fit.sigma, slopes)
    rows = _rows(
        column,
        labels,
        "unconditional",
        (whole * np.sqrt(factor), whole, error),
        values,
        np.sqrt(model + sampling**2),
    )
    return rows.assign(sampling_error=[np.nan, *sampling])


def _conditional(
    design: Design, fit: Fit, column: str, others: Sequence[str], factor: float, error: float
) -> pd.DataFrame:
    codes, labels = labelled(design.covariates[column])
    if not others:
        missing = np.full(len(labels), np.nan)
        rows = _rows(column, labels, "conditional", (np.nan, np.nan, np.nan), missing, missing)
        return rows.assign(note="undefined: there is no other covariate to hold constant")
    w, total = design.cells["w"].to_numpy(float), design.cells["w"].sum()
    group = _group(design.covariates, others)
    p, slope = (_within(values, w, group) for values in (fit.propensity[:, None], fit.slope))
    away = p[:, 0]
    variances, errors = [], []
    for k in range(len(labels)):
        here = np.where(codes == k, w, 0.0)
        variances.append(float(here @ away**2))
        lean, spread = (here * away) @ slope, (slope * here[:, None]).T @ slope
        parts = (
            4 * lean @ fit.sigma @ lean
            + 2 * np.trace(spread @ fit.sigma @ spread @ fit.sigma)
            + variance_of_total(design.cells, np.where(codes == k, away**2, 0.0))
        )
        errors.append(np.sqrt(parts / 4 / (total * variances[-1])) if variances[-1] > 0 else np.nan)
    values = np.sqrt(np.array(variances) / total)
    whole = float(np.sqrt(sum(variances) / total))
    return _rows(
        column, labels, "conditional", (whole * np.sqrt(factor), whole, error), values, np.array(errors)
    )


def _group(covariates: pd.DataFrame, columns: Sequence[str]) -> npt.NDArray[np.intp]:
    return np.asarray(covariates.groupby(list(columns), dropna=False, sort=False).ngroup(), dtype=np.intp)


def _within(values: Floats, w: Floats, group: npt.NDArray[np.intp]) -> Floats:
    """Return each value less the weighted mean of its group."""
    size = np.bincount(group, weights=w)
    means = np.column_stack([np.bincount(group, weights=w * column) / size for column in values.T])
    return values - means[group]
