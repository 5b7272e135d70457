"""What weights cost, and the score they give, with a variance that knows they were fitted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxmeasure._stats.intervals import Floats
from cxmeasure.results import Estimates
from cxmeasure.survey.answering import Fit
from cxmeasure.survey.calibrating import Margin, projected
from cxmeasure.survey.clustering import ASSUMED, over_customers
from cxmeasure.survey.grouping import regrouped
from cxmeasure.survey.moments import Definition, Moments, effective_number, limits, moments
from cxmeasure.survey.reduce import Term

_REFERENCES = {
    "rake": "Raking (Deming & Stephan 1940, doi:10.1214/aoms/1177731829)",
    "post-stratify": "Post-stratification (Holt & Smith 1979, doi:10.2307/2344652)",
    "inverse-propensity": "Inverse propensity (Little 1986, doi:10.2307/1403140)",
}


@dataclass(frozen=True, slots=True)
class Found:
    """Adjustments by cell, how they are made of terms, and what the linearised variance needs.

    `covariates` and `cells` as in `Design`; `design` the columns that were fitted; `fit` the propensity
    model, if there is one.
    """

    covariates: pd.DataFrame
    cells: pd.DataFrame
    adjustment: Floats
    terms: tuple[Term, ...]
    design: Floats
    margins: tuple[Margin, ...]
    fit: Fit | None = None
    cap: float = np.inf
    scale: float = 1.0

    def trimmed(self, trim: float | None) -> "Found":
        """Return the same with adjustments of at most `trim` times the average, the total kept."""
        if trim is None:
            return self
        base = self.cells["ws"].to_numpy(float)
        cap = float(trim * (base @ self.adjustment) / base.sum())
        cut = np.minimum(self.adjustment, cap)
        scale = float((base @ self.adjustment) / (base @ cut))
        return Found(
            self.covariates,
            self.cells,
            cut * scale,
            self.terms,
            self.design,
            self.margins,
            self.fit,
            cap,
            scale,
        )


@dataclass(frozen=True, slots=True)
class Customers:
    """Sums by customer, where one may have several answers.

    `rows` has one row a customer and cell (``place``, the row of `Found.covariates`): Σw and Σwf of the
    answers, or, with a propensity model, Σw of those ``invited`` and ``responded``; `codes` the customer
    of each; `whole` what `tally_answers` counts of everybody with clusters.
    """

    rows: pd.DataFrame
    codes: npt.NDArray[np.intp]
    whole: pd.DataFrame


def summed_up(found: Found) -> pd.DataFrame:
    """Return Kish's design effect, the effective number, and the largest weight over the mean."""
    base, squares, count = (found.cells[name].to_numpy(float) for name in ("ws", "w2s", "s"))
    total, square = float(base @ found.adjustment), float(squares @ found.adjustment**2)
    n = int(count.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        # Within a cell, base weights may differ: their mean stands for them.
        largest = float(np.nanmax(found.adjustment * base / count) * n / total)
    return pd.DataFrame(
        {
            "term": ["design effect", "n effective", "largest weight"],
            "n": n,
            "estimate": [n * square / total**2, total**2 / square, largest],
            "unit": ["ratio", "answers", "ratio"],
            "note": "",
        }
    )


def scored(
    found: Found,
    tally: pd.DataFrame,
    covariates: list[str],
    definition: Definition,
    conf_level: float,
    grouped: Customers | None,
) -> pd.DataFrame:
    """Return the score without and with the weights, with a variance that knows they were fitted."""
    keys = regrouped(tally, covariates).assign(_row=np.arange(len(tally)))
    place = found.covariates.merge(keys, on=covariates, how="left")["_row"]
    sums = {name: _placed(tally, name, place) for name in ("n", "w", "w2", "wf", "wff", "w2f", "w2ff")}
    centre, g = float(tally["centre"].iloc[0]), found.adjustment
    total = float(g @ sums["w"])
    mean, square = float(g @ sums["wf"]) / total, float(g @ sums["wff"]) / total
    n, unit = float(sums["n"].sum()), max(square - mean**2, 0.0)
    variance, degrees = _linearised(found, sums, mean, total, grouped), n - 1
    effective = min(n, unit / variance) if variance > 0 else min(n, total**2 / float(sums["w2"] @ g**2))
    everyone = tally[["n", "w", "w2", "wf", "wff", "w2f", "w2ff"]].sum().to_frame().T
    plain = moments(everyone.assign(centre=centre), definition.family)
    # One answer more or less: the unbiased n − 1, as survey software has it.
    plain = replace(plain, variance=plain.variance * (_unbiased(n) if definition.family != "mean" else 1.0))
    if grouped is not None:
        alone, plain = plain, moments(grouped.whole, definition.family)
        plain = replace(
            plain,
            variance=np.maximum(plain.variance, alone.variance),
            effective=np.minimum(plain.effective, alone.effective),
        )
        degrees = float(plain.degrees[0])
        most_alike = float(grouped.whole["w"].iloc[0] ** 2 / grouped.whole["cww"].iloc[0])
        effective = effective_number(unit, variance, degrees, n, min(effective, most_alike))
    weighted = Moments(
        *(np.array([value]) for value in (n, mean, square, variance, effective, degrees, centre))
    )
    rows = []
    for term, each in (("unweighted", plain), ("weighted", weighted)):
        low, high = limits(each, definition, "adjusted-wald", conf_level)
        error = np.sqrt(each.variance) * definition.factor
        rows.append((term, int(n), each.estimate[0] * definition.factor, error[0], low[0], high[0]))
    columns = ["term", "n", "estimate", "std_error", "conf_low", "conf_high"]
    note = "" if n > 1 else "one respondent: it says nothing of its own error"
    return pd.DataFrame(rows, columns=columns).assign(unit=definition.unit, note=note)


def _unbiased(n: float) -> float:
    """Return n / (n − 1), of a single respondent nothing."""
    return n / (n - 1) if n > 1 else np.nan


def _placed(tally: pd.DataFrame, name: str, place: pd.Series) -> Floats:
    values: Floats = np.append(tally[name].to_numpy(float), 0.0)
    found: Floats = values[place.fillna(len(tally)).to_numpy(int)]
    return found


def _linearised(
    found: Found, sums: Mapping[str, Floats], mean: float, total: float, grouped: Customers | None
) -> float:
    """Return the variance of the weighted mean, the weights being fitted on the same respondents."""
    g, w, w2 = found.adjustment, sums["w"], sums["w2"]
    first = (sums["wf"] - mean * w) / total
    cross = (sums["w2f"] - mean * w2) / total
    second = (sums["w2ff"] - 2 * mean * sums["w2f"] + mean**2 * w2) / total**2
    if found.fit is None:
        fitted, n = projected(found.design, w, first), float(sums["n"].sum())
        parts = g**2 * (second - 2 * fitted * cross + fitted**2 * w2)
        # Residuals of a regression on base weights need not sum to zero with the final ones: centre them.
        centre = float(g @ (first - fitted * w)) ** 2 / n
        alone = max(float(parts.sum()) - centre, 0.0) * _unbiased(n)
        return alone if grouped is None else max(alone, _between(found, fitted, mean, total, grouped))
    p, n = found.fit.propensity, float(found.cells["n"].sum())
    weight, all2, own2 = (found.cells[name].to_numpy(float) for name in ("w", "w2", "w2s"))
    with np.errstate(divide="ignore", invalid="ignore"):
        lean = found.design.T @ np.where(p > 0, g * (1 - p) * first, 0.0)
    bread = (found.design * (weight * p * (1 - p))[:, None]).T @ found.design
    fitted = found.design @ np.linalg.solve(bread, lean)
    answered = g**2 * second - 2 * g * (1 - p) * fitted * cross + (1 - p) ** 2 * fitted**2 * own2
    silent = p**2 * fitted**2 * (all2 - own2)
    alone = max(float((answered + silent).sum()), 0.0) * _unbiased(n)
    return alone if grouped is None else max(alone, _between(found, fitted, mean, total, grouped))


def _between(found: Found, fitted: Floats, mean: float, total: float, grouped: Customers) -> float:
    """Return the variance over customers: what `_linearised` squares by answer is added up by customer."""
    rows = grouped.rows
    at = rows["place"].to_numpy(int)
    w, wf = rows["w"].to_numpy(float), rows["wf"].to_numpy(float)
    part = found.adjustment[at] * (wf - mean * w) / total
    if found.fit is None:
        part -= found.adjustment[at] * fitted[at] * w
    else:
        invited, responded = rows["invited"].to_numpy(float), rows["responded"].to_numpy(float)
        part += fitted[at] * (found.fit.propensity[at] * invited - responded)
    return float(over_customers(part[:, None], grouped.codes)[0])


def described(
    table: pd.DataFrame,
    found: Found,
    method: str,
    conf_level: float,
    trim: float | None,
    *,
    is_clustered: bool,
) -> Estimates:
    """Return the summary with the margins before and after, and the cells."""
    cells = found.covariates.assign(n_responded=found.cells["s"], adjustment=found.adjustment)
    base = found.cells["ws"].to_numpy(float)
    margins = []
    for margin in found.margins:
        before, after = (
            np.bincount(margin.codes, weights=values, minlength=len(margin.labels))
            for values in (base, base * found.adjustment)
        )
        shares = {"target": margin.targets, "before": before, "after": after}
        part = {"variable": margin.name, "category": list(margin.labels)}
        margins.append(pd.DataFrame(part | {name: each / each.sum() for name, each in shares.items()}))
    trimmed = (f"Adjustments above {trim:g} times the average were cut.",) if trim is not None else ()
    return Estimates(
        table=table,
        estimand="What the weights cost, and the score they give to everybody, not to respondents only",
        method=f"{_REFERENCES[method]}; linearised variance (Deville & Särndal 1992)",
        assumptions=(
            "Within what the covariates tell apart, those who answered are like those who did not.",
            "The totals of the population are right, and known without error.",
            *trimmed,
            *((ASSUMED,) if is_clustered else ()),
        ),
        conf_level=conf_level,
        details={"margins": pd.concat(margins, ignore_index=True), "cells": cells},
    )
