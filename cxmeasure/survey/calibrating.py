"""Cells fitted to margins: post-stratification and raking, and the residuals that their variance needs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import DataError, EstimationError

_CLOSE = 1e-12
_MOST_ROUNDS = 10_000
_ENDLESS = 1e100
_SAME_TOTAL = 1e-6


@dataclass(frozen=True, slots=True)
class Margin:
    """What one covariate, or one combination of them, adds up to in the population.

    `codes` says to which category each cell belongs, `labels` what the categories are called, `targets` how
    many customers they have.
    """

    columns: tuple[str, ...]
    codes: npt.NDArray[np.intp]
    labels: tuple[str, ...]
    targets: Floats

    @property
    def name(self) -> str:
        """Return the covariates of the margin in one word."""
        return ":".join(self.columns)

    def of(self, cells: npt.NDArray[np.bool_]) -> "Margin":
        """Return the margin of some of the cells."""
        return replace(self, codes=self.codes[cells])

    def refuse_empty(self, base: Floats) -> None:
        """Raise a `DataError` if a category with customers has no respondent, or the other way round."""
        found = np.bincount(self.codes, weights=base, minlength=len(self.labels))
        for label, answered, target in zip(self.labels, found, self.targets, strict=True):
            if answered > 0 and not target > 0:
                raise DataError(
                    f"{self.name!r}: respondents are {label!r}, but the population has nobody there; "
                    "correct the population, or leave those respondents out."
                )
            if target > 0 and not answered > 0:
                raise DataError(
                    f"{self.name!r}: nobody who is {label!r} answered, and no weight can speak for them; "
                    "merge that category with a neighbour."
                )


def post_stratified(base: Floats, margin: Margin) -> list[Floats]:
    """Return the factor of each category that makes the weighted respondents add up to it."""
    margin.refuse_empty(base)
    return [_ratio(margin, base)]


def raked(base: Floats, margins: Sequence[Margin]) -> list[Floats]:
    """Return factors by margin such that base × factors adds up to every margin.

    Raises
    ------
    DataError
        If a category is empty, or the margins have different totals.
    EstimationError
        If no such factors exist: the message names the category that fits worst.
    """
    totals = np.array([margin.targets.sum() for margin in margins])
    if totals.max() > (1 + _SAME_TOTAL) * totals.min():
        said = ", ".join(f"{m.name!r} to {total:,.6g}" for m, total in zip(margins, totals, strict=True))
        raise DataError(f"The margins contradict one another: they add up {said}. Give all the same total.")
    for margin in margins:
        margin.refuse_empty(base)
    factors = [np.ones(len(margin.targets)) for margin in margins]
    weight = base.astype(float)
    for _ in range(_MOST_ROUNDS):
        moved = 0.0
        for position, margin in enumerate(margins):
            step = _ratio(margin, weight)
            factors[position] = factors[position] * step
            weight = weight * step[margin.codes]
            moved = max(moved, float(np.abs(step[margin.targets > 0] - 1).max()))
        if moved < _CLOSE:
            return factors
        if max(float(factor.max()) for factor in factors) > _ENDLESS:
            break
    gaps = [np.bincount(m.codes, weights=weight, minlength=len(m.targets)) - m.targets for m in margins]
    worst = int(np.argmax([np.abs(gap).max() for gap in gaps]))
    label = margins[worst].labels[int(np.argmax(np.abs(gaps[worst])))]
    raise EstimationError(
        f"Raking does not converge: {margins[worst].name!r} = {label!r} is off by "
        f"{np.abs(gaps[worst]).max():,.3g} still. Some combinations have no respondent; merge categories."
    )


def _ratio(margin: Margin, weight: Floats) -> Floats:
    found = np.bincount(margin.codes, weights=weight, minlength=len(margin.targets))
    return np.divide(margin.targets, found, out=np.ones_like(margin.targets), where=found > 0)


def projected(design: Floats, base: Floats, totals: Floats) -> Floats:
    """Return, for each cell, what a regression on `design` predicts of a value with these cell totals.

    `base` is the weight of each cell; `totals` the weighted sums of the value.
    """
    beta = np.linalg.lstsq((design * base[:, None]).T @ design, design.T @ totals, rcond=None)[0]
    return np.asarray(design @ beta, dtype=float)
