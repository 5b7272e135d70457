"""Which answers look careless, repeated or made by a machine? Flags, and the score without them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure.errors import ArgumentError
from cxmeasure.results import Scores
from cxmeasure.survey.moments import defined
from cxmeasure.survey.reduce import (
    PREFIX,
    Checks,
    check_answers,
    flag_rows,
    item_patterns,
    median_duration,
    tally_answers,
)
from cxmeasure.survey.suspecting import with_and_without

_LEAST_ITEMS = 3
_DAY = 86_400


def screen(
    answers: Any,
    *,
    key_columns: Sequence[str] = (),
    sent_column: str | None = None,
    answered_column: str | None = None,
    soonest_seconds: float = 30.0,
    duration_column: str | None = None,
    least_duration: float | None = None,
    item_columns: Sequence[str] = (),
    longest_run: int | None = None,
    least_variability: float | None = None,
    score_column: str = "ltr",
    metric: str = "nps",
    weight_column: str | None = None,
    scale: tuple[float, float] | None = None,
    threshold: float | None = None,
    conf_level: float = 0.95,
) -> Scores:
    """Flag answers that look repeated, made by a machine, or careless; drop none; score with and without.

    Parameters
    ----------
    answers : frame or str
        One row an answer.
    key_columns : sequence of str
        Columns that together may stand once only, such as the invitation, or customer and survey. Of rows
        with the same key all but the latest (by `answered_column`, else any) are duplicates.
    sent_column, answered_column : str, optional
        Timestamps. An answer less than `soonest_seconds` after sending (or before it) came too soon: mail
        scanners follow every link as the mail arrives.
    soonest_seconds : float
        See above. No published limit exists; look at how your own delays are spread.
    duration_column : str, optional
        How long filling in took, in any unit.
    least_duration : float, optional
        Below it an answer is a speeder; by default a third of the median.
    item_columns : sequence of str
        At least three items, in the order of the questionnaire. Where all answered ones, at least three, have
        the same answer it is a straight line.
    longest_run : int, optional
        Flags as a long run so many equal answers in a row, or more (longstring). This and
        `least_variability` need the package insufficient-effort: ``pip install "cxmeasure[screen]"``.
    least_variability : float, optional
        Flags as low variability items whose standard deviation within the answer (IRV, divisor n) is at most
        this.
    score_column, metric, weight_column, scale, threshold, conf_level
        As in `metric`.

    Returns
    -------
    Scores
        ``rows``: all rows in the caller's engine with a column of true and false for each flag that was
        asked for (``is_duplicate``, ``is_too_soon``, ``is_speeder``, ``is_straight_line``, ``is_long_run``,
        ``is_low_variability``), and ``is_flagged``. ``summary``: the metric of ``all`` answers, of those
        ``kept``, ``kept less all``, and the share of rows with each flag. ``summary.details["flags"]`` says
        how many rows only this flag has, and how they score; ``details["patterns"]``, with the two
        indices, has each pattern of items once.

    Raises
    ------
    ArgumentError, TableError, DataError
        If nothing is asked for, a package or column is missing, or every answer is flagged.

    Notes
    -----
    A flag is a suspicion. Honest answers are flagged too: of durations that spread log-normally with
    a standard deviation of 0.5 on the log 1.4 % lie below a third of the median, and who is content with
    everything draws a straight line unless some items are worded the other way. Where kept and all differ,
    look at who was flagged before choosing; leaving out who answers fast leaves out kinds of people.

    The difference has its own error: the two scores share most of their answers.

    References
    ----------
    Curran (2016), Journal of Experimental Social Psychology 66:4–19, doi:10.1016/j.jesp.2015.07.006 (the
    indices); Leiner (2019), Survey Research Methods 13:229–248, doi:10.18148/srm/2019.v13i3.7403 (speed
    against the median); Dunn et al. (2018), Journal of Business and Psychology 33:105–121,
    doi:10.1007/s10869-016-9479-0 (IRV).

    Examples
    --------
    The third answer repeats the second invitation's; it, later, is kept.

    >>> import pandas as pd
    >>> answers = pd.DataFrame({
    ...     "invitation_id": [1, 2, 2, 3, 4],
    ...     "answered_at": pd.to_datetime(["2025-01-01", "2025-01-01", "2025-01-02"] + ["2025-01-01"] * 2),
    ...     "ltr": [10, 3, 9, 8, 10],
    ... })
    >>> scores = screen(answers, key_columns=["invitation_id"], answered_column="answered_at")
    >>> scores.rows["is_duplicate"].tolist()
    [False, True, False, False, False]
    >>> scores.summary.table[["term", "n", "estimate"]].round(2).to_numpy().tolist()
    [['all', 5, 40.0], ['kept', 4, 75.0], ['kept less all', 5, 35.0],
     ['duplicate', 5, 0.2], ['flagged', 5, 0.2]]
    """
    definition = defined(metric, scale, threshold)
    conf_level = _arguments.share(conf_level, name="conf_level")
    checks = _checked(
        Checks(
            tuple(_arguments.names(key_columns, name="key_columns")),
            sent_column,
            answered_column,
            soonest_seconds,
            duration_column,
            least_duration,
            tuple(_arguments.names(item_columns, name="item_columns")),
            longest_run,
            least_variability,
        )
    )
    check_answers(answers, checks)
    if duration_column is not None and least_duration is None:
        checks = replace(checks, least_duration=median_duration(answers, duration_column) / 3)
    patterns = _patterns(answers, checks)
    suspect = {
        name: patterns.loc[patterns[PREFIX + name], "pattern"].tolist()
        for name in ("long_run", "low_variability")
        if PREFIX + name in patterns
    }
    rows = flag_rows(answers, checks, suspect)
    flags = [PREFIX + name for name in checks.names]
    tally = tally_answers(
        rows, definition.coding, score_column=score_column, by=flags, weight_column=weight_column
    )
    cells = tally.rename(columns={f"by_{i}": name for i, name in enumerate(flags)})
    return Scores(rows, with_and_without(cells, checks.names, definition, patterns, conf_level))


def _checked(checks: Checks) -> Checks:
    if not checks.names:
        raise ArgumentError(
            "Nothing to screen for: give key_columns=, sent_column= with answered_column=, duration_column= "
            "or item_columns=."
        )
    if checks.sent is not None and checks.answered is None:
        raise ArgumentError("sent_column= needs answered_column=: too soon is counted between the two.")
    soonest, least, run = checks.soonest_seconds, checks.least_variability, checks.longest_run
    if not (isinstance(soonest, int | float) and 0 <= soonest <= _DAY):
        raise ArgumentError(f"soonest_seconds={soonest!r} is out of range; give seconds from 0 to {_DAY}.")
    if checks.items and len(checks.items) < _LEAST_ITEMS:
        raise ArgumentError(
            f"item_columns={list(checks.items)!r} are too few for a straight line to mean anything; "
            f"give at least {_LEAST_ITEMS}."
        )
    if (run is not None or least is not None) and not checks.items:
        raise ArgumentError("longest_run= and least_variability= judge items; give item_columns=.")
    if run is not None:
        _arguments.whole(run, name="longest_run", at_least=2)
    if least is not None and not (isinstance(least, int | float) and least >= 0):
        raise ArgumentError(
            f"least_variability={least!r} is out of range; give a standard deviation of zero or more."
        )
    return checks


def _patterns(answers: Any, checks: Checks) -> pd.DataFrame:
    """Return each pattern of items with its indices and whether they are suspect; empty if not asked for."""
    if checks.longest_run is None and checks.least_variability is None:
        return pd.DataFrame()
    try:
        from ier import irv, longstring_scores
    except ImportError:
        raise ArgumentError(
            "longest_run= and least_variability= need the package insufficient-effort, which is not "
            'installed: pip install "cxmeasure[screen]". Duplicates, speed and straight lines do without.'
        ) from None
    table = item_patterns(answers, checks.items)
    matrix = table[list(checks.items)].to_numpy(float)
    seen = ~np.isnan(matrix)
    rows = seen.any(axis=1)
    run, variability = np.full(len(table), np.nan), np.full(len(table), np.nan)
    run[rows], variability[rows] = longstring_scores(matrix[rows]), irv(matrix[rows])
    table = table.assign(longest_run=run, variability=variability)
    if checks.longest_run is not None:
        table[PREFIX + "long_run"] = run >= checks.longest_run
    if checks.least_variability is not None:
        several = seen.sum(axis=1) > 1
        table[PREFIX + "low_variability"] = several & (variability <= checks.least_variability)
    return table
