"""What a trial is made of: a world in which the truth is known, a sample of it, and what was promised."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

CONDITIONS = ("easy", "small n", "lopsided", "clustered", "assumption broken")


@dataclass(frozen=True)
class Sample:
    """A sample: a result's table, the truth by term (or by position of the row), and whether it raised alarm.

    `alarm` is what a test or a chart said, where the function has one: True for "there is something".
    """

    table: pd.DataFrame
    truth: Mapping[str | int, float]
    alarm: bool | None = None


@dataclass(frozen=True)
class Scenario:
    """A function under stated conditions. `level` is promised; `holds` says whether the assumptions do."""

    function: str
    name: str
    conditions: str
    holds: bool
    draw: Callable[[np.random.Generator], Sample]
    level: float = 0.95


@dataclass
class Scenarios:
    """The scenarios of a wing, in the order in which they are written."""

    all: list[Scenario] = field(default_factory=list)

    def add(self, function: str, name: str, conditions: str, *, holds: bool = True) -> Callable[..., Any]:
        """Register the decorated function, `rng -> Sample`."""
        assert conditions in CONDITIONS, conditions

        def registered(draw: Callable[[np.random.Generator], Sample]) -> Callable[..., Sample]:
            self.all.append(Scenario(function, name, conditions, holds, draw))
            return draw

        return registered


def picked(table: pd.DataFrame, wanted: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return the row of each name, as the term of that name: `{"after a year": {"period": 12}}`."""
    rows = []
    for name, cell in wanted.items():
        is_it = np.logical_and.reduce([table[column] == value for column, value in cell.items()])
        if not is_it.any():
            raise ArithmeticError(f"No row for {name}.")
        rows.append(table[is_it].iloc[[0]].assign(term=name))
    return pd.concat(rows, ignore_index=True)


def scored(scenario: Scenario, samples: list[Sample]) -> list[dict[str, Any]]:
    """Return a row a term: how often its interval held the truth, its mean width, bias, and the alarms.

    A sample whose row has an estimate and no interval is counted in ``n_without``, not as a miss; the mean
    width is of the intervals with two ends.
    """
    alarms = [sample.alarm for sample in samples if sample.alarm is not None]
    shared = {
        "function": scenario.function,
        "scenario": scenario.name,
        "conditions": scenario.conditions,
        "holds": scenario.holds,
        "promised": scenario.level,
    }
    rows = []
    for term in samples[0].truth if samples else ():
        found = [_row(sample, term) for sample in samples]
        truth = np.array([sample.truth[term] for sample in samples], dtype=float)
        low, high, estimate = (
            np.array([row[name] for row in found], dtype=float)
            for name in ("conf_low", "conf_high", "estimate")
        )
        has_one = ~(np.isnan(low) | np.isnan(high))
        held = ((low <= truth + 1e-9) & (truth - 1e-9 <= high))[has_one]
        coverage = held.mean() if np.isfinite(truth).all() and has_one.any() else np.nan
        width = (high - low)[np.isfinite(high - low)]
        rows.append(
            {
                **shared,
                "term": str(term),
                "n_samples": len(samples),
                "n_without": int((~has_one).sum()),
                "coverage": coverage,
                "monte_carlo_error": np.sqrt(max(coverage * (1 - coverage), 1e-12) / max(has_one.sum(), 1)),
                "mean_width": float(np.mean(width)) if len(width) else np.nan,
                "bias": float(pd.Series(estimate - truth).mean()),
                "alarms": np.mean(alarms) if alarms else np.nan,
            }
        )
    return rows


def _row(sample: Sample, term: str | int) -> pd.Series:
    if isinstance(term, int):
        return sample.table.iloc[term]
    return sample.table[sample.table["term"] == term].iloc[0]
