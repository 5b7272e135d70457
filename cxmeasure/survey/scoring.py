"""How high is the score, and how sure is that? NPS, CSAT, CES, top box and mean."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._frames import framed
from cxmeasure._stats import intervals
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError
from cxmeasure.results import Estimates
from cxmeasure.survey.grouping import grouping, regrouped
from cxmeasure.survey.reduce import Coding, tally_answers

_TOO_FEW = 10


@dataclass(frozen=True, slots=True)
class _Definition:
    coding: Coding
    family: str
    unit: str
    reads: str


_METRICS = {
    "nps": _Definition(
        Coding(low=0, high=10, plus_from=9, minus_to=6, is_whole=True),
        "net share",
        "points",
        "share of scores 9–10 less share of scores 0–6, in points from −100 to 100",
    ),
    "csat": _Definition(
        Coding(low=1, high=5, plus_from=4, is_whole=True),
        "share",
        "share",
        "share of scores 4–5 on a 1–5 scale",
    ),
    "ces": _Definition(Coding(low=1, high=7), "mean", "scale points", "mean score on a 1–7 scale"),
    "top_box": _Definition(Coding(), "share", "share", "share of scores at or above the threshold"),
    "mean": _Definition(Coding(), "mean", "scale points", "mean score"),
}
_METHODS: dict[str, dict[str, Callable[..., tuple[Floats, Floats]]]] = {
    "net share": {"score": intervals.net_score, "adjusted-wald": intervals.net_adjusted_wald},
    "share": {"score": intervals.wilson, "adjusted-wald": intervals.share_adjusted_wald},
    "mean": {},
}
_REFERENCES = {
    (
        "net share",
        "score",
    ): "Tango (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B",
    ("net share", "adjusted-wald"): "Rocks (2016), doi:10.1080/00031305.2016.1200487",
    ("share", "score"): "Wilson (1927), doi:10.1080/01621459.1927.10502953",
    ("share", "adjusted-wald"): "Agresti & Coull (1998), doi:10.1080/00031305.1998.10480550",
}


def metric(
    answers: Any,
    *,
    score_column: str = "ltr",
    metric: str = "nps",
    by: Sequence[str] = (),
    weight_column: str | None = None,
    method: str | None = None,
    scale: tuple[float, float] | None = None,
    threshold: float | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate a score of the people who answered, with an interval, for each group.

    Parameters
    ----------
    answers : frame, str, Series or one-dimensional array
        One row an answer. A bare Series or array is taken as the scores.
    score_column : str
        The score. Missing scores are left out and counted in ``n_missing``.
    metric : {"nps", "csat", "ces", "top_box", "mean"}
        ``nps`` needs whole scores 0–10, ``csat`` 1–5 (top two count), ``ces`` 1–7 (mean),
        ``top_box`` a `threshold`, ``mean`` nothing.
    by : sequence of str
        Columns that make the groups.
    weight_column : str, optional
        Weights of zero or more. Only their ratios matter.
    method : {"score", "adjusted-wald", "wald"}, optional
        The interval; ``score`` unless the metric is a mean, which has only ``wald`` (Student's t).
    scale : (float, float), optional
        Lowest and highest possible score, for ``csat``, ``ces``, ``top_box`` and ``mean``; with ``csat``
        give the `threshold` too.
    threshold : float, optional
        Lowest score that counts, for ``csat`` and ``top_box``.
    conf_level : float
        Level of the interval, in 0–1.

    Returns
    -------
    Estimates
        One row a group. Besides the usual columns: ``n_missing``, and ``n_effective``, the number of
        equally weighted answers worth as much (Kish: (Σw)²/Σw², at most n).

    Raises
    ------
    ArgumentError, TableError, DataError
        If a choice is unknown, a column is missing or of the wrong type, or a score or weight cannot be
        used.

    Notes
    -----
    `std_error` is the multinomial one for shares and net shares (divisor n) and the sample one for means
    (divisor n − 1). With weights it is linearised, and the score and adjusted-Wald intervals use the
    weighted shares of `n_effective` answers, which is an approximation.

    The interval is about the people who answered, and others like them. What those think who did not
    answer is another question.

    References
    ----------
    Rocks (2016), The American Statistician 70:365–372, doi:10.1080/00031305.2016.1200487 (NPS);
    Tango (1998), Statistics in Medicine 17:891–908 (the score interval of a net share);
    Kish (1965), Survey Sampling (effective number; book, no DOI).

    Examples
    --------
    50 promoters, 30 passives, 20 detractors. R's package NPS gives 0.30 with a Wald interval of
    0.1469 to 0.4531.

    >>> import pandas as pd
    >>> scores = pd.Series([10] * 50 + [8] * 30 + [3] * 20)
    >>> metric(scores, method="wald").table[["n", "estimate", "conf_low", "conf_high"]].round(2)
         n  estimate  conf_low  conf_high
    0  100      30.0     14.69      45.31

    The default is the score interval, which also holds when n is small.

    >>> metric(scores).table[["estimate", "conf_low", "conf_high"]].round(2)
       estimate  conf_low  conf_high
    0      30.0     13.96      44.34
    """
    definition, coding = _definition(metric, scale, threshold)
    methods = ["wald"] if definition.family == "mean" else ["score", "adjusted-wald", "wald"]
    method = _arguments.choice(method or methods[0], methods, name="method")
    conf_level = _arguments.share(conf_level, name="conf_level")
    groups = grouping(by, "n_missing", "n_effective")
    tally = tally_answers(
        framed(answers, score_column),
        coding,
        score_column=score_column,
        by=groups,
        weight_column=weight_column,
    )
    return Estimates(
        table=_table(tally, groups, definition, metric, method, conf_level),
        estimand=f"{_LABELS[metric]} of the customers who answered: {definition.reads}",
        method=_method_line(definition.family, method),
        assumptions=_assumptions(is_weighted=weight_column is not None),
        conf_level=conf_level,
    )


_LABELS = {"nps": "NPS", "csat": "CSAT", "ces": "CES", "top_box": "Top box", "mean": "Mean score"}


def _definition(
    metric: str, scale: tuple[float, float] | None, threshold: float | None
) -> tuple[_Definition, Coding]:
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
    return definition, Coding(low, high, plus_from, coding.minus_to, coding.is_whole)


def _table(
    tally: pd.DataFrame,
    by: Sequence[str],
    definition: _Definition,
    metric: str,
    method: str,
    conf_level: float,
) -> pd.DataFrame:
    n, centre = tally["n"].to_numpy(float), tally["centre"].to_numpy(float)
    w, w2, wf, wff, w2f, w2ff = (
        tally[name].to_numpy(float) for name in ("w", "w2", "wf", "wff", "w2f", "w2ff")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(n > 0, wf / w, np.nan)
        effective = np.minimum(n, w**2 / w2)
        variance = np.maximum(w2ff - 2 * mean * w2f + mean**2 * w2, 0) / w**2
        if definition.family == "mean":
            variance = np.where(n > 1, variance * n / (n - 1), np.nan)
        error = np.sqrt(variance)
        if method == "wald":
            quantile = (
                intervals.t_value(conf_level, n - 1)
                if definition.family == "mean"
                else intervals.z_value(conf_level)
            )
            low, high = _clipped(mean, quantile * error, definition.family)
            low, high = low + centre, high + centre
        elif definition.family == "net share":
            plus, minus = (wff / w + mean) / 2, (wff / w - mean) / 2
            low, high = _METHODS["net share"][method](
                plus * effective, minus * effective, effective, conf_level
            )
        else:
            low, high = _METHODS["share"][method](mean * effective, effective, conf_level)
    factor = 100.0 if definition.unit == "points" else 1.0
    mean = mean + centre
    table = regrouped(tally, by)
    table["term"] = metric
    table["n"] = tally["n"]
    for name, values in {"estimate": mean, "std_error": error, "conf_low": low, "conf_high": high}.items():
        table[name] = values * factor
    table["unit"] = definition.unit
    table["note"] = np.select([n == 0, n < _TOO_FEW], ["no answers", f"fewer than {_TOO_FEW} answers"], "")
    table["n_missing"] = tally["n_missing"]
    table["n_effective"] = effective
    return table


def _clipped(mean: Floats, half: Floats, family: str) -> tuple[Floats, Floats]:
    edges = {"net share": (-1.0, 1.0), "share": (0.0, 1.0), "mean": (-np.inf, np.inf)}[family]
    return np.clip(mean - half, *edges), np.clip(mean + half, *edges)


def _method_line(family: str, method: str) -> str:
    if family == "mean":
        return "Mean with Student's t interval"
    name = {"score": "score interval", "adjusted-wald": "adjusted-Wald interval", "wald": "Wald interval"}[
        method
    ]
    reference = _REFERENCES.get((family, method))
    return f"{name} ({reference})" if reference else f"{name}; too narrow below some 100 answers"


def _assumptions(*, is_weighted: bool) -> tuple[str, ...]:
    said = [
        "The answers are independent of one another: one answer a customer.",
        "It speaks for customers like those who answered, not for those who did not.",
    ]
    if is_weighted:
        said.append("The weights are taken as known, and weighted answers as so many equal ones (Kish).")
    return tuple(said)
