"""How good is each touchpoint? Scores with partial pooling, and who is surely among the worst."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats import pooling, resample
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError
from cxmeasure.results import Estimates, tidy
from cxmeasure.touchpoints.cells import Cells, cells_of
from cxmeasure.touchpoints.grouping import generator, grouping
from cxmeasure.touchpoints.reduce.answers import Coding, tally

_FEW = 10
_SURE = 1e12
_UNITS = {"mean": ("scale points", 1.0), "nps": ("points", 100.0), "share": ("share", 1.0)}
_EXTRAS = (
    "raw", "n_missing", "n_effective", "weight_own", "probability_worst", "probability_best",
    "mean", "squares", "n_customers", "n_squared", "between",
)  # fmt: skip


def tally_scores(
    events: Any,
    *,
    score_column: str = "csat",
    by: Sequence[str] = ("touchpoint",),
    metric: str = "mean",
    threshold: float | None = None,
    scale: tuple[float, float] | None = None,
    customer_column: str | None = None,
) -> pd.DataFrame:
    """Count and add up the scores of each touchpoint, in the engine that holds the rows.

    Parameters
    ----------
    events, score_column, by, metric, threshold, scale, customer_column
        As in `scores`.

    Returns
    -------
    pandas.DataFrame
        One row a group: the columns of `by`, ``n``, ``n_missing``, ``mean`` of the coded scores (for
        ``nps`` −1, 0 and 1) and ``squares``, the sum of squares about it. With `customer_column` also
        ``n_customers``, ``n_squared`` (sum over customers of their answers squared), and ``between``
        (squares of the customers' means about the group's, an answer each).

    Raises
    ------
    ArgumentError, TableError, DataError
        As `scores` does.

    Examples
    --------
    >>> import pandas as pd
    >>> answers = pd.DataFrame({"touchpoint": ["app", "app", "shop"], "csat": [4, 2, 5]})
    >>> tally_scores(answers)
      touchpoint  n  n_missing  mean  squares
    0        app  2          0   3.0      2.0
    1       shop  1          0   5.0      0.0
    """
    groups = grouping(by, _EXTRAS)
    coding = _coding(metric, threshold, scale)
    return tally(events, coding, score_column=score_column, by=groups, customer_column=customer_column)


def scores(
    events: Any,
    *,
    score_column: str = "csat",
    by: Sequence[str] = ("touchpoint",),
    metric: str = "mean",
    threshold: float | None = None,
    scale: tuple[float, float] | None = None,
    customer_column: str | None = None,
    spread: float | str = "integrated",
    k: int = 5,
    n_draws: int = 2000,
    rng: np.random.Generator | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Score each touchpoint (× channel × episode …), drawing those with few answers to the rest.

    Parameters
    ----------
    events : frame or str
        One row a scored contact.
    score_column : str
        The score. Missing scores are left out and counted in ``n_missing``.
    by : sequence of str
        Columns that make the groups to compare.
    metric : {"mean", "nps", "share"}
        The mean score; NPS of whole scores 0–10, in points; or the share of scores at or above
        `threshold`, in 0–1.
    threshold : float, optional
        Lowest score that counts, for ``share``.
    scale : (float, float), optional
        Lowest and highest possible score; a score outside is refused.
    customer_column : str, optional
        Whose contact it is, where one customer may score several: counts what they share once.
    spread : "integrated", "reml", or number
        How far the groups truly differ (a standard deviation, in the unit of the metric).
        ``integrated`` averages over all values that the data allow, so that its uncertainty is in the
        interval; ``reml`` takes the single best value, as lme4 does, and the interval is too narrow;
        a number is taken as known.
    k : int
        ``probability_worst`` is the probability of being among the `k` lowest groups.
    n_draws : int
        Joint draws behind these probabilities.
    rng : numpy.random.Generator, optional
        Give one to get the same probabilities again. Estimates and intervals do not depend on it.
    conf_level : float
        Level of the interval, in 0–1.

    Returns
    -------
    Estimates
        One row a group: `estimate` is the pooled score. Besides the usual columns: ``raw``, the score of
        the group's own answers; ``n_missing``; ``n_effective``, independent answers worth as much (less
        than `n` where customers answer several times); ``weight_own``, the part of the estimate that
        comes from the group's own answers, in 0–1; ``probability_worst`` and ``probability_best``.
        ``details["spread"]`` has the REML estimate of the spread between groups, the interval of the
        spread (``integrated``), the spread within groups, and the common centre. ``draws`` has shape
        (n_draws, groups).

    Raises
    ------
    ArgumentError, TableError, DataError
        If a choice is unknown, a column is missing or of the wrong type, or a score cannot be used.
    EstimationError
        If no group has two answers, or the answers within every group are equal.

    Notes
    -----
    The groups' true scores are taken as normal about a common centre. For means, variances within groups
    are pooled as far as the groups allow; for shares and NPS they follow from the pooled shares of the
    group, so that two answers that agree do not pass for certainty. With fewer than three groups there
    is nothing to learn a spread from, and nothing is pooled.

    Intervals hold at their level on average over the groups, not for each: of 34 groups with 4 to 340
    answers .94 to .95 of the intervals held levels that were drawn anew, normal or with long tails, and .93
    where levels went with the number of answers (a correlation of .6). Levels that stay as they are have
    their own rate: the sample company's best touchpoint is among those with the fewest answers, is drawn to
    the rest, and .93 of the intervals of all touchpoints hold (.89 with 500 answers in place of 2,000).
    For an NPS with 12 answers, most of them promoters, .89 held (231 simulated samples).

    References
    ----------
    Harville (1977), doi:10.1080/01621459.1977.10480998 (REML); Gelman (2006), doi:10.1214/06-BA117A (flat
    prior on the spread); Morris (1983), Journal of the American Statistical Association 78:47–55,
    doi:10.1080/01621459.1983.10477920 (intervals that carry its uncertainty); Goldstein & Spiegelhalter
    (1996), doi:10.2307/2983325 (ranks need joint draws).

    Examples
    --------
    The shop has two answers, both the best possible. They do not put it far above the rest.

    >>> import pandas as pd
    >>> answers = pd.DataFrame(
    ...     {
    ...         "touchpoint": ["app"] * 60 + ["web"] * 60 + ["phone"] * 60 + ["mail"] * 60 + ["shop"] * 2,
    ...         "csat": [4, 5, 3] * 20 + [4, 4, 3] * 20 + [3, 4, 2] * 20 + [5, 4, 3] * 20 + [5, 5],
    ...     }
    ... )
    >>> found = scores(answers, scale=(1, 5))
    >>> found.table[["touchpoint", "n", "raw", "estimate", "weight_own"]].round(2)
      touchpoint   n   raw  estimate  weight_own
    0        app  60  4.00      4.00        0.97
    1       mail  60  4.00      4.00        0.97
    2      phone  60  3.00      3.02        0.97
    3       shop   2  5.00      4.61        0.67
    4        web  60  3.67      3.67        0.99
    """
    groups = grouping(by, _EXTRAS)
    coding = _coding(metric, threshold, scale)
    conf_level = _arguments.share(conf_level, name="conf_level")
    k = _arguments.whole(k, name="k", at_least=1)
    n_draws = _arguments.whole(n_draws, name="n_draws", at_least=0)
    rng = generator(rng)
    factor = _UNITS[metric][1]
    chosen = _spread(spread, factor)
    counts = tally(events, coding, score_column=score_column, by=groups, customer_column=customer_column)
    cells = cells_of(counts, metric, chosen)
    known = _fitted(cells, chosen)
    draws = known.draws(n_draws, rng) * factor
    return Estimates(
        table=_table(counts, cells, known, groups, metric, coding, draws, k, conf_level),
        estimand=_ESTIMANDS[metric].format(", ".join(groups) or "all together"),
        method=_method(cells, chosen),
        assumptions=_assumptions(cells, metric, has_customers=customer_column is not None),
        conf_level=conf_level,
        details={"spread": _spread_table(cells, known, metric, conf_level)},
        draws=draws if n_draws else None,
    )


_ESTIMANDS = {
    "mean": "Mean score of the contacts that were scored, by {}",
    "nps": "Net promoter score of the contacts that were scored, by {}",
    "share": "Share of the scored contacts at or above the threshold, by {}",
}


def _coding(metric: str, threshold: float | None, scale: tuple[float, float] | None) -> Coding:
    _arguments.choice(metric, _UNITS, name="metric")
    if (metric == "share") != (threshold is not None):
        raise ArgumentError(
            f"metric={metric!r} with threshold={threshold!r}: a share needs a threshold, the lowest score "
            "that counts, and nothing else has one."
        )
    if metric == "nps":
        return Coding(0, 10, plus_from=9, minus_to=6, is_whole=True)
    if scale is None:
        return Coding(plus_from=threshold)
    low, high = scale
    if not low < high or (threshold is not None and not low < threshold <= high):
        raise ArgumentError(
            f"scale={scale!r} and threshold={threshold!r} do not fit together; give scale=(lowest, highest) "
            "and a threshold above the lowest."
        )
    return Coding(low, high, plus_from=threshold)


def _spread(spread: float | str, factor: float) -> float | str:
    if isinstance(spread, str):
        return _arguments.choice(spread, ("integrated", "reml"), name="spread")
    if isinstance(spread, bool) or not 0 <= spread < np.inf:
        raise ArgumentError(f"spread={spread!r} is out of range; give 'integrated', 'reml', or a number ≥ 0.")
    return float(spread) / factor


def _fitted(cells: Cells, spread: float | str) -> pooling.Posterior:
    given = (cells.values, cells.precisions, cells.degrees)
    if not cells.is_pooled:
        return pooling.at_spread(*given, spread=_SURE * cells.within)
    if spread == "integrated":
        return pooling.integrated(*given)
    return pooling.at_spread(*given, spread=cells.reml if spread == "reml" else float(spread))


def _table(
    counts: pd.DataFrame,
    cells: Cells,
    known: pooling.Posterior,
    groups: Sequence[str],
    metric: str,
    coding: Coding,
    draws: Floats,
    k: int,
    conf_level: float,
) -> pd.DataFrame:
    unit, factor = _UNITS[metric]
    mean, deviation, low, high = known.summary(conf_level)
    has_ends = coding.plus_from is not None or coding.high < 1e100
    ends = (
        (-1.0 if metric == "nps" else 0.0, 1.0) if coding.plus_from is not None else (coding.low, coding.high)
    )
    if has_ends:
        mean, low, high = (np.clip(part, *ends) for part in (mean, low, high))
    table = counts[list(groups)].assign(term=metric, n=counts["n"], estimate=mean * factor)
    table["std_error"] = deviation * factor
    table["conf_low"], table["conf_high"], table["unit"] = low * factor, high * factor, unit
    table["note"] = _notes(counts, cells)
    table["raw"] = counts["mean"] * factor
    table["n_missing"], table["n_effective"] = counts["n_missing"], cells.n_effective
    table["weight_own"] = 1 - known.weights @ known.shrinkage()
    for name, sign in (("worst", 1.0), ("best", -1.0)):
        table[f"probability_{name}"] = resample.among_first(sign * draws, k)
    if not cells.is_pooled:
        empty = (counts["n"] == 0).to_numpy()
        table.loc[empty, ["estimate", "std_error", "conf_low", "conf_high"]] = np.nan
    return table


def _notes(counts: pd.DataFrame, cells: Cells) -> Floats:
    n = counts["n"].to_numpy()
    notes = np.select(
        [n == 0, n < _FEW], ["no answers: what the others say", f"fewer than {_FEW} answers"], ""
    )
    if not cells.is_pooled:
        return np.where(
            n == 0, "no answers", np.where(notes == "", "not pooled: fewer than three groups", notes)
        )
    if cells.reml == 0:
        said = "the groups differ no more than chance makes them differ"
        return np.where(notes == "", said, np.char.add(np.char.add(notes.astype(str), "; "), said))
    return notes


def _spread_table(cells: Cells, known: pooling.Posterior, metric: str, conf_level: float) -> pd.DataFrame:
    unit, factor = _UNITS[metric]
    tail = (1 - conf_level) / 2
    cumulated = np.cumsum(known.weights)
    is_mixture = len(known.spreads) > 1
    low, high = (
        known.spreads[np.searchsorted(cumulated, at)] if is_mixture else np.nan for at in (tail, 1 - tail)
    )
    centre = known.weights @ known.centres
    error = np.sqrt(known.weights @ (known.centre_variances + (known.centres - centre) ** 2))
    rows = pd.DataFrame(
        {
            "term": ["between groups", "within groups", "centre"],
            "estimate": [cells.reml, cells.within, centre if cells.is_pooled else np.nan],
            "std_error": [np.nan, np.nan, error if cells.is_pooled else np.nan],
            "conf_low": [low, np.nan, np.nan],
            "conf_high": [high, np.nan, np.nan],
        }
    )
    rows.iloc[:, 1:] *= factor
    said = "estimated as zero (REML)" if cells.reml == 0 else ""
    return tidy(rows.assign(unit=unit, note=[said, "", ""]))


def _method(cells: Cells, spread: float | str) -> str:
    if not cells.is_pooled:
        return "Each group by itself, Student's t interval with pooled variance"
    if spread == "integrated":
        return (
            "Partial pooling, the spread between groups integrated over a flat prior "
            "(Gelman 2006, doi:10.1214/06-BA117A)"
        )
    known = "its REML estimate (intervals too narrow)" if spread == "reml" else "the value given"
    return f"Partial pooling (Harville 1977, doi:10.1080/01621459.1977.10480998), the spread fixed at {known}"


def _assumptions(cells: Cells, metric: str, *, has_customers: bool) -> tuple[str, ...]:
    said = ["It speaks for contacts like those that were scored, not for those that were not."]
    if not has_customers:
        said.append(
            "The answers are independent of one another: name customer_column if customers score several."
        )
    if cells.is_pooled:
        said.append(
            "Before their answers are seen, no group is thought better than another, nor does the number of "
            "answers say how good one is: intervals hold on average over the groups, less often for an "
            "extreme group with few answers."
        )
    if metric == "mean":
        said.append("Scores vary within groups as much as the groups' own and the pooled variance say.")
    return tuple(said)
