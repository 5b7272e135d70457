"""How many answers are needed? Sample sizes for a width, and for a difference."""

from typing import Final

import numpy as np
import pandas as pd
from scipy import special

from cxmeasure import _arguments
from cxmeasure._stats import intervals
from cxmeasure.errors import ArgumentError
from cxmeasure.results import Estimates

_UNITS: Final = {"nps": "points", "share": "share", "mean": "scale points"}


def sample_size(
    *,
    metric: str = "nps",
    half_width: float | None = None,
    difference: float | None = None,
    promoter_share: float = 0.4,
    detractor_share: float = 0.25,
    share: float = 0.5,
    standard_deviation: float | None = None,
    power: float = 0.8,
    design_effect: float = 1.0,
    population_size: float | None = None,
    response_rate: float | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Say how many answers an interval of a wanted width, or a wanted detectable difference, takes.

    Parameters
    ----------
    metric : {"nps", "share", "mean"}
        ``nps`` uses `promoter_share` and `detractor_share`, ``share`` (CSAT, top box) uses `share`, ``mean``
        needs `standard_deviation`.
    half_width : float, optional
        Wanted half width of the interval, in the metric's unit: 5 for ±5 NPS points, 0.03 for ±3 in 100.
    difference : float, optional
        Instead: the smallest difference between two equal groups (or periods) to be found with `power`.
    promoter_share, detractor_share, share : float
        What is expected, in 0–1.
    standard_deviation : float, optional
        Of a single score, for ``mean``.
    power : float
        Chance of finding a true `difference`, in 0–1.
    design_effect : float
        By how much weights or clusters raise the variance (Kish); at least 1.
    population_size : float, optional
        How many customers there are, for the finite-population correction of a half width.
    response_rate : float, optional
        Share who answer, in 0–1: adds the number to invite.
    conf_level : float
        Level of the interval or test, in 0–1.

    Returns
    -------
    Estimates
        The terms ``answers`` (in each group, for a difference) and ``invitations``: whole numbers, without
        an interval of their own.

    Raises
    ------
    ArgumentError
        If neither or both wishes are given, or a number is out of range.

    Notes
    -----
    From the Wald interval: (z s / half width)², which is right for the numbers it gives (hundreds).

    References
    ----------
    Rocks (2016), The American Statistician 70:365–372, arXiv:1601.07235;
    Kish (1965), Survey Sampling (book, no DOI).

    Examples
    --------
    By hand: s² = .4 + .25 − .15² = .6275, and (1.96 / .05)² × .6275 = 964.2.

    >>> sample_size(half_width=5, promoter_share=0.4, detractor_share=0.25).table[["term", "estimate"]]
          term  estimate
    0  answers     965.0
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    metric = _arguments.choice(metric, _UNITS, name="metric")
    if (half_width is None) == (difference is None):
        raise ArgumentError("Give half_width= or difference=, one of the two.")
    wish = half_width if half_width is not None else difference
    _positive(wish, name="half_width" if half_width is not None else "difference")
    variance = _variance(metric, promoter_share, detractor_share, share, standard_deviation)
    if not design_effect >= 1:
        raise ArgumentError(f"design_effect={design_effect!r} is out of range; give 1 or more.")
    z, factor = intervals.z_value(conf_level), 100.0 if metric == "nps" else 1.0
    asked = float(wish or 0) / factor
    if half_width is not None:
        n = z**2 * variance / asked**2 * design_effect
    else:
        n = (z + float(special.ndtri(_arguments.share(power, name="power")))) ** 2 * 2 * variance / asked**2
        n *= design_effect
    if population_size is not None:
        if difference is not None or not population_size >= 1:
            raise ArgumentError(
                f"population_size={population_size!r} belongs to half_width= and is at least 1; "
                "a difference is between customers to come."
            )
        n = n / (1 + (n - 1) / population_size)
    terms, numbers = ["answers"], [np.ceil(n - 1e-9)]
    if response_rate is not None:
        terms.append("invitations")
        numbers.append(np.ceil(numbers[0] / _arguments.share(response_rate, name="response_rate") - 1e-9))
    goal = f"±{half_width:g}" if half_width is not None else f"a difference of {difference:g}"
    where = "" if half_width is not None else " in each group"
    return Estimates(
        table=pd.DataFrame({"term": terms, "estimate": numbers, "unit": "customers", "note": goal}),
        estimand=f"Answers needed{where} for {goal} {_UNITS[metric]} at {conf_level:.0%}",
        method="Wald sample size; design effect after Kish (1965)",
        assumptions=(
            "The shares or the standard deviation turn out as expected.",
            "More answers make the interval narrower, not the respondents more like the others.",
        ),
        conf_level=conf_level,
    )


def _positive(value: float | None, *, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ArgumentError(
            f"{name}={value!r} is out of range; give a number above zero, in the metric's unit."
        )


def _variance(
    metric: str, promoters: float, detractors: float, share: float, deviation: float | None
) -> float:
    if metric == "nps":
        if not (promoters >= 0 and detractors >= 0 and 0 < promoters + detractors <= 1):
            raise ArgumentError(
                f"promoter_share={promoters!r} and detractor_share={detractors!r} must be shares that leave "
                "at most everybody and at least somebody."
            )
        return promoters + detractors - (promoters - detractors) ** 2
    if metric == "share":
        share = _arguments.share(share, name="share")
        return share * (1 - share)
    _positive(deviation, name="standard_deviation")
    return float(deviation or 0) ** 2
