"""From sums to a score, its variance and its interval: what every function about scores shares."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats import intervals
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError
from cxmeasure.survey.reduce import Coding


@dataclass(frozen=True, slots=True)
class Definition:
    """A metric: how answers are coded, what kind of number it is, its unit, and how it reads."""

    coding: Coding
    family: str
    unit: str
    reads: str
    label: str

    @property
    def factor(self) -> float:
        """Return what turns a mean of coded values into the unit: 100 for points."""
        return 100.0 if self.unit == "points" else 1.0


_METRICS = {
    "nps": Definition(
        Coding(low=0, high=10, plus_from=9, minus_to=6, is_whole=True),
        "net share",
        "points",
        "share of scores 9–10 less share of scores 0–6, in points from −100 to 100",
        "NPS",
    ),
    "csat": Definition(
        Coding(low=1, high=5, plus_from=4, is_whole=True),
        "share",
        "share",
        "share of scores 4–5 on a 1–5 scale",
        "CSAT",
    ),
    "ces": Definition(Coding(low=1, high=7), "mean", "scale points", "mean score on a 1–7 scale", "CES"),
    "top_box": Definition(Coding(), "share", "share", "share of scores at or above the threshold", "Top box"),
    "mean": Definition(Coding(), "mean", "scale points", "mean score", "Mean score"),
}
_INTERVALS: dict[str, dict[str, Callable[..., tuple[Floats, Floats]]]] = {
    "net share": {"score": intervals.net_score, "adjusted-wald": intervals.net_adjusted_wald},
    "share": {"score": intervals.wilson, "adjusted-wald": intervals.share_adjusted_wald},
    "mean": {},
}
_EDGES = {"net share": (-1.0, 1.0), "share": (0.0, 1.0), "mean": (-np.inf, np.inf)}


def defined(metric: str, scale: tuple[float, float] | None, threshold: float | None) -> Definition:
    """Return the definition of a metric on the scale and threshold of the question.

    Raises
    ------
    ArgumentError
        If the metric is unknown, or scale and threshold do not fit it or one another.
    """
    definition = _METRICS[_arguments.choice(metric, _METRICS, name="metric")]
    coding = definition.coding
    if metric == "nps" and (scale is not None or threshold is not None):
        raise ArgumentError(
            "metric='nps' is defined on whole scores 0–10; use 'top_box' or 'mean' for others."
        )
    if metric in ("ces", "mean") and threshold is not None:
        raise ArgumentError(f"metric={metric!r} is a mean and has no threshold; use 'top_box' for a share.")
    if metric == "top_box" and threshold is None:
        raise ArgumentError("metric='top_box' needs threshold=, the lowest score that counts.")
    if metric == "csat" and scale is not None and threshold is None:
        raise ArgumentError(
            "metric='csat' with a scale of its own needs threshold=, the lowest score that counts."
        )
    try:
        low, high = (coding.low, coding.high) if scale is None else (float(end) for end in scale)
        plus_from = coding.plus_from if threshold is None else float(threshold)
        fits = low < high and (plus_from is None or low < plus_from <= high)
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise ArgumentError(
            f"scale={scale!r} and threshold={threshold!r} do not fit together; "
            "give scale=(lowest, highest) and a threshold above the lowest."
        )
    return replace(definition, coding=Coding(low, high, plus_from, coding.minus_to, coding.is_whole))


@dataclass(frozen=True, slots=True)
class Moments:
    """A score in each group, in coded values (NPS in −1…1): one element a group.

    `mean` is less `centre`; `spread` is the variance of one answer, `variance` that of the mean; `square` is
    the mean of the squared values; `effective` is the number of equal answers worth as much, `degrees`
    the degrees of freedom of the variance.
    """

    n: Floats
    mean: Floats
    square: Floats
    variance: Floats
    effective: Floats
    degrees: Floats
    centre: Floats

    @property
    def estimate(self) -> Floats:
        """Return the mean of the coded values themselves."""
        return self.mean + self.centre

    @property
    def spread(self) -> Floats:
        """Return the variance of one answer."""
        return np.maximum(self.square - self.mean**2, 0)


def moments(tally: pd.DataFrame, family: str) -> Moments:
    """Return the moments of the groups that `tally_answers` counted, clusters allowed for."""
    n, w, w2, wf, wff, w2f, w2ff, centre = (
        tally[name].to_numpy(float) for name in ("n", "w", "w2", "wf", "wff", "w2f", "w2ff", "centre")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        mean, square = np.where(n > 0, wf / w, np.nan), wff / w
        variance = np.maximum(w2ff - 2 * mean * w2f + mean**2 * w2, 0) / w**2
        degrees = n - 1
        if "clusters" in tally:
            m, cww, cwf, cff = (tally[name].to_numpy(float) for name in ("clusters", "cww", "cwf", "cff"))
            degrees = m - 1
            between = np.maximum(cff - 2 * mean * cwf + mean**2 * cww, 0) / w**2
            variance = np.where(m > 1, between * m / (m - 1), np.nan)
            effective = _effective(np.maximum(square - mean**2, 0), variance, degrees, n, w**2 / cww)
        else:
            effective = np.minimum(n, w**2 / w2)
            if family == "mean":
                variance = np.where(n > 1, variance * n / (n - 1), np.nan)
    return Moments(n, mean, square, variance, effective, degrees, centre)


def _effective(spread: Floats, variance: Floats, degrees: Floats, n: Floats, most_alike: Floats) -> Floats:
    """Return the number of independent answers worth as much, never above n (Korn & Graubard 1998).

    Where all answers are equal the data do not say how alike a cluster's answers are: then one a cluster.
    """
    # A variance on few clusters is itself uncertain: shrink by (z/t)², with the level of 95 % throughout.
    doubt = (intervals.z_value(0.95) / intervals.t_value(0.95, degrees)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(variance > 0, doubt * spread / variance, most_alike)
    return np.minimum(n, np.where(np.isnan(variance), np.minimum(1.0, most_alike), found))


def effective_number(spread: float, variance: float, degrees: float, n: float, most_alike: float) -> float:
    """Return the same of one group."""
    given = (np.array([value]) for value in (spread, variance, degrees, n, most_alike))
    return float(_effective(*given)[0])


def corrected(found: Moments, population_size: Floats) -> Moments:
    """Return the moments with the finite-population correction 1 − n/N of the variance."""
    rest = 1 - found.n / population_size
    with np.errstate(divide="ignore"):
        return replace(found, variance=found.variance * rest, effective=found.effective / rest)


def limits(found: Moments, definition: Definition, method: str, conf_level: float) -> tuple[Floats, Floats]:
    """Return the interval of each group, in the metric's unit."""
    family = definition.family
    with np.errstate(divide="ignore", invalid="ignore"):
        if method == "wald" or family == "mean":
            degrees = np.where(np.isfinite(found.degrees), found.degrees, 1e9)
            quantile = intervals.t_value(conf_level, degrees)
            quantile = quantile if family == "mean" else np.full_like(quantile, intervals.z_value(conf_level))
            half = quantile * np.sqrt(found.variance)
            low, high = (
                np.clip(found.mean - half, *_EDGES[family]),
                np.clip(found.mean + half, *_EDGES[family]),
            )
        else:
            low, high = _unless_counted(found, family, method, conf_level)
    return (low + found.centre) * definition.factor, (high + found.centre) * definition.factor


def _unless_counted(found: Moments, family: str, method: str, conf_level: float) -> tuple[Floats, Floats]:
    """Return the interval on effective counts; where all of a population answered it has no width."""
    everyone = np.isinf(found.effective)
    size = np.where(everyone, 1.0, found.effective)
    function = _INTERVALS[family][method]
    if family == "net share":
        plus, minus = (found.square + found.mean) / 2, (found.square - found.mean) / 2
        low, high = function(plus * size, minus * size, size, conf_level)
    else:
        low, high = function(found.mean * size, size, conf_level)
    return np.where(everyone, found.mean, low), np.where(everyone, found.mean, high)
