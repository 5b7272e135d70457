"""Which months are out of the ordinary? Control charts of a score."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError, DataError
from cxmeasure.results import Estimates
from cxmeasure.survey.grouping import grouping, regrouped
from cxmeasure.survey.moments import defined, limits, moments
from cxmeasure.survey.reduce import tally_answers

_MEAN_RANGE = 1.128379167095513
"""Mean of the range of two standard normal numbers, 2/√π."""
_LEAST = 6
_CHARTS = 4_000


def control_chart(
    answers: Any,
    *,
    period_column: str,
    score_column: str = "ltr",
    metric: str = "nps",
    method: str = "laney",
    run: int = 8,
    baseline: int | None = None,
    scale: tuple[float, float] | None = None,
    threshold: float | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Say which periods' scores differ from the rest by more than periods usually do.

    Parameters
    ----------
    answers : frame or str
        One row an answer.
    period_column : str
        Its period; sorted, each is a point of the chart.
    score_column, metric, scale, threshold, conf_level
        As in `metric`.
    method : {"laney", "xmr"}
        ``laney`` (p′) widens the limits of periods with few answers; ``xmr`` has the same limits everywhere.
    run : int
        So many points in a row on one side of the centre are a signal.
    baseline : int, optional
        So many first periods give centre and limits; by default all of them.

    Returns
    -------
    Estimates
        One row a period with the score and its interval; besides the usual columns ``centre``,
        ``limit_low``, ``limit_high`` and ``signal``: ``beyond limits``, ``run of 8`` or nothing.
        ``details["false_signals"]`` has the chance of at least one signal when nothing happens.

    Raises
    ------
    ArgumentError, TableError, DataError
        If there are fewer than six periods, a period without name or without answer, or as in `metric`.

    Notes
    -----
    Limits are three times the spread from one period to the next (mean moving range over 1.128), so that a
    lasting shift does not widen them. The false signals are those of 4,000 charts of normal noise with
    as many periods, limits estimated from the same periods; the random numbers are fixed.

    References
    ----------
    Laney (2002), Quality Engineering 14:531–537, doi:10.1081/QEN-120003555; Wheeler & Chambers (1992),
    Understanding Statistical Process Control (book, no DOI).

    Examples
    --------
    By hand: means 5 6 5 6 5 6 and 15; moving ranges 1 1 1 1 1 9, their mean 7/3, over 1.128 is 2.068.

    >>> import pandas as pd
    >>> answers = pd.DataFrame({"month": range(1, 8), "score": [5, 6, 5, 6, 5, 6, 15]})
    >>> chart = control_chart(
    ...     answers, period_column="month", score_column="score", metric="mean", method="xmr"
    ... )
    >>> chart.table[["month", "estimate", "centre", "limit_high", "signal"]].tail(2).round(2)
       month  estimate  centre  limit_high         signal
    5      6       6.0    6.86       13.06
    6      7      15.0    6.86       13.06  beyond limits
    """
    definition = defined(metric, scale, threshold)
    conf_level = _arguments.share(conf_level, name="conf_level")
    method = _arguments.choice(method, ("laney", "xmr"), name="method")
    run = _arguments.whole(run, name="run", at_least=2)
    periods = grouping([period_column], "centre", "limit_low", "limit_high", "signal", name="period_column")
    tally = tally_answers(
        answers, definition.coding, score_column=score_column, by=periods, weight_column=None
    )
    keys = regrouped(tally, periods)
    _refuse_bad(tally, keys, period_column, baseline)
    found = moments(tally, definition.family)
    score = found.estimate * definition.factor
    noise = np.ones(len(score))
    if method == "laney":
        # Variance of one answer pooled over the periods: a period's own could be zero.
        pooled = float(np.average(found.spread, weights=found.n))
        noise = np.sqrt(max(pooled, np.finfo(float).tiny) / found.n)
    n_base = len(score) if baseline is None else baseline
    centre, reach = _limits(score[None, :], noise, n_base, found.n if method == "laney" else None)
    low, high = (
        limits(found, definition, "wald", conf_level)
        if definition.family == "mean"
        else limits(found, definition, "score", conf_level)
    )
    beyond, runs = _signals(score[None, :], centre, reach, run)
    table = keys.assign(
        term=metric,
        n=tally["n"],
        estimate=score,
        std_error=np.sqrt(found.variance) * definition.factor,
        conf_low=low,
        conf_high=high,
        unit=definition.unit,
        note="",
        centre=centre[0, 0],
        limit_low=centre[0, 0] - reach[0],
        limit_high=centre[0, 0] + reach[0],
        signal=np.select([beyond[0], runs[0]], ["beyond limits", f"run of {run}"], ""),
    )
    chance = _false_signals(noise, n_base, run, found.n if method == "laney" else None)
    false = pd.DataFrame(
        {"rule": ["beyond limits", f"run of {run}", "either"], "periods": len(score), "chance": chance}
    )
    return Estimates(
        table=table,
        estimand=f"{definition.label} of those who answered, period by period, against its usual spread",
        method="Laney's p′ chart" if method == "laney" else "XmR chart",
        assumptions=(
            "Without a cause, periods differ by chance around one level.",
            f"When nothing happens, {chance[2]:.0%} of charts of {len(score)} periods signal at least once.",
        ),
        conf_level=conf_level,
        details={"false_signals": false},
    )


def _refuse_bad(tally: pd.DataFrame, keys: pd.DataFrame, period_column: str, baseline: int | None) -> None:
    if keys[period_column].isna().any():
        lost = int((tally["n"] + tally["n_missing"])[keys[period_column].isna()].sum())
        raise DataError(
            f"{period_column!r} is missing for {lost:,} of the answers; say of each when it came."
        )
    if len(tally) < _LEAST:
        raise DataError(f"{len(tally)} periods are too few for limits; give at least {_LEAST}.")
    if (tally["n"] == 0).any():
        empty = keys[period_column][(tally["n"] == 0)].iloc[0]
        raise DataError(f"The period {empty} has no score; leave it out, or join it to its neighbour.")
    if baseline is not None and not _LEAST <= _arguments.whole(baseline, name="baseline", at_least=1) <= len(
        tally
    ):
        raise ArgumentError(
            f"baseline={baseline} must be from {_LEAST} to the {len(tally)} periods there are."
        )


def _limits(score: Floats, noise: Floats, n_base: int, weights: Floats | None) -> tuple[Floats, Floats]:
    """Return centre (charts × 1) and reach (charts × periods) of one or many charts."""
    base = score[:, :n_base]
    centre = np.average(base, axis=1, weights=None if weights is None else weights[:n_base])[:, None]
    standard = (base - centre) / noise[:n_base]
    spread = np.abs(np.diff(standard, axis=1)).mean(axis=1)[:, None] / _MEAN_RANGE
    return centre, 3 * spread * noise


def _signals(
    score: Floats, centre: Floats, reach: Floats, run: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which points lie beyond the limits, and which end a run on one side of the centre."""
    side = np.sign(score - centre)
    length = np.zeros(score.shape)
    for at in range(score.shape[1]):
        same = (
            (side[:, at] == side[:, at - 1]) & (side[:, at] != 0) if at else np.zeros(len(score), dtype=bool)
        )
        length[:, at] = np.where(same, length[:, at - 1] + 1, side[:, at] != 0)
    return np.abs(score - centre) > reach, length >= run


def _false_signals(noise: Floats, n_base: int, run: int, weights: Floats | None) -> Floats:
    drawn = np.random.default_rng(20_250_101).normal(size=(_CHARTS, len(noise))) * noise
    beyond, runs = _signals(drawn, *_limits(drawn, noise, n_base, weights), run)
    any_beyond, any_run = beyond.any(axis=1), runs.any(axis=1)
    return np.array([any_beyond.mean(), any_run.mean(), (any_beyond | any_run).mean()])
