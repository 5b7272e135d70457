"""How long do customers stay in an episode, and where are they after k periods."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import EstimationError
from cxmeasure.lifecycle import counting
from cxmeasure.lifecycle.counting import Counts
from cxmeasure.lifecycle.course import ALIKE, LATE, Course, filled, opened
from cxmeasure.results import Estimates


def state_probabilities(
    episodes: Any,
    *,
    customer_column: str = "customer_id",
    episode_column: str = "episode",
    start_column: str = "start",
    end_column: str = "end",
    by: Sequence[str] = (),
    every: str = "month",
    begins_in: str | None = None,
    observed_from: date | str | None = None,
    observed_until: date | str | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate where customers are k periods after they first appeared, with an interval.

    Parameters
    ----------
    episodes : frame or str
        One row an episode, as `assign_episodes` returns them. A missing end means still in it.
    customer_column, episode_column, start_column, end_column : str
        The customer; the episode, as text; the first day in it, and the first day no longer in it.
    by : sequence of str
        Columns that split the customers further.
    every : {"day", "week", "month"}
        The period: calendar months, weeks or days from the customer's first start.
    begins_in : str, optional
        An episode in which all are taken to begin, for the row of the transition probabilities that
        starts there; by default the mix in which they did begin.
    observed_from : date or str, optional
        First day on which moves were recorded. Who had started before enters late, with the tenure reached.
    observed_until : date or str, optional
        Last day observed; by default the table's column ``observed_until``, or its latest date.
    conf_level : float
        Level of the interval, in 0–1.

    Returns
    -------
    Estimates
        One row a group × ``period`` × ``episode``; ``n`` customers begin, ``n_at_risk`` were observed in
        the episode through the period. The rows of a period sum to one. ``details["scope"]``: rows used,
        and those left out because nobody knows when they began.

    Raises
    ------
    ArgumentError, TableError, DataError
        If a choice is unknown, a column is missing or of the wrong type, or episodes overlap.
    EstimationError
        If nobody was observed from the start.

    Notes
    -----
    With two states this is Kaplan–Meier, with several ends the cumulative incidence. The variance is
    Greenwood's, on multinomial increments, so ties are exact. Without `begins_in` it holds the scatter of
    the mix in which customers began. The interval is Wilson's on the effective number p(1 − p)/Var.

    References
    ----------
    Aalen & Johansen (1978), Scandinavian Journal of Statistics 5:141–150 (no DOI);
    Andersen, Borgan, Gill & Keiding (1993), doi:10.1007/978-1-4612-4348-9.

    Examples
    --------
    By hand: of four who begin in ``am`` one leaves in month 1; of three left, one is no longer observed
    and one of the other two leaves in month 2: ¾ · ½ = .375 are still there.

    >>> import pandas as pd
    >>> episodes = pd.DataFrame({
    ...     "customer_id": [1, 2, 3, 4, 1, 2],
    ...     "episode": ["am"] * 4 + ["leave"] * 2,
    ...     "start": pd.to_datetime(
    ...         ["2024-01-31"] * 2 + ["2024-02-29", "2024-01-31", "2024-02-29", "2024-03-31"]
    ...     ),
    ...     "end": pd.to_datetime(["2024-02-29", "2024-03-31"] + [None] * 4),
    ... })
    >>> result = state_probabilities(episodes, observed_until="2024-03-31")
    >>> result.table[["period", "episode", "n", "estimate"]]
       period episode  n  estimate
    0       0      am  4     1.000
    1       0   leave  4     0.000
    2       1      am  4     0.750
    3       1   leave  4     0.250
    4       2      am  4     0.375
    5       2   leave  4     0.625
    """
    course = opened(
        episodes,
        (customer_column, episode_column, start_column, end_column),
        by,
        every,
        observed_from,
        observed_until,
        is_tenure=True,
        conf_level=conf_level,
    )
    begin = course.begins / np.maximum(course.begins.sum(axis=1, keepdims=True), 1)
    n_begin = course.begins.sum(axis=1)
    if begins_in is not None:
        place = course.states.index(_arguments.choice(begins_in, course.states, name="begins_in"))
        begin = np.tile(np.eye(len(course.states))[place], (len(begin), 1))
        n_begin = np.zeros_like(n_begin)
    p, covariance = counting.aalen_johansen(course.at_risk, course.moves, begin, n_begin)
    variance = np.diagonal(covariance, axis1=2, axis2=3)
    table = _long(course, p, variance, conf_level, term="state_probability")
    group, period, state = np.nonzero(~np.isnan(p))
    table["period"], table["episode"] = period, np.asarray(course.states, dtype=object)[state]
    first = course.begins[:, None, :]
    table["n_at_risk"] = np.concatenate([first, course.at_risk], axis=1)[group, period, state]
    start = "who begin in " + begins_in if begins_in else "in the mix of episodes they began in"
    return Estimates(
        table=table,
        estimand=f"Share of customers, {start}, who are in each episode k {every}s after they first appeared",
        method="Aalen–Johansen (1978) with Greenwood's variance (Andersen et al. 1993, "
        "doi:10.1007/978-1-4612-4348-9)",
        assumptions=(
            "Customers move independently of one another.",
            ALIKE,
            *([LATE] if course.is_late else []),
        ),
        conf_level=conf_level,
        details={"scope": pd.DataFrame([course.dropped])},
    )


def time_in_episode(
    episodes: Any,
    *,
    customer_column: str = "customer_id",
    episode_column: str = "episode",
    start_column: str = "start",
    end_column: str = "end",
    by: Sequence[str] = (),
    every: str = "month",
    observed_from: date | str | None = None,
    observed_until: date | str | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate the share of customers still in an episode k periods after it began, with an interval.

    Parameters
    ----------
    episodes, customer_column, episode_column, start_column, end_column, by, every
        As in `state_probabilities`.
    observed_from : date or str, optional
        First day on which ends were recorded. Episodes begun before enter late, with the time reached.
    observed_until, conf_level
        As in `state_probabilities`.

    Returns
    -------
    Estimates
        One row a group × ``episode`` × ``period``: the share still in it, with ``n`` the episodes,
        ``n_at_risk`` those observed through the period, and ``n_left`` those that ended in it. A curve ends
        where none is at risk. ``details["scope"]``: rows used and left out; ``details["median"]``: the
        period by which half have left.

    Raises
    ------
    ArgumentError, TableError, DataError, EstimationError
        As `state_probabilities`.

    References
    ----------
    Kaplan & Meier (1958), JASA 53:457–481, doi:10.1080/01621459.1958.10501452;
    Rothman (1978), Journal of Chronic Diseases 31:557–560 (the interval).

    Examples
    --------
    >>> import pandas as pd
    >>> episodes = pd.DataFrame({
    ...     "customer_id": [1, 2, 3, 4], "episode": ["am"] * 4,
    ...     "start": pd.to_datetime(["2024-01-31"] * 4),
    ...     "end": pd.to_datetime(["2024-02-29", "2024-03-31", None, None]),
    ... })
    >>> result = time_in_episode(episodes, observed_until="2024-04-30")
    >>> result.table[["episode", "period", "estimate", "n_at_risk", "n_left"]]
      episode  period  estimate  n_at_risk  n_left
    0      am       0      1.00          4       0
    1      am       1      0.75          4       1
    2      am       2      0.50          3       1
    3      am       3      0.50          2       0
    """
    course = opened(
        episodes,
        (customer_column, episode_column, start_column, end_column),
        by,
        every,
        observed_from,
        observed_until,
        is_tenure=False,
        conf_level=conf_level,
    )
    # Each episode is a group of its own, with two states: in it, and no longer.
    n_states = len(course.states)
    at_risk = course.at_risk.transpose(0, 2, 1).reshape(-1, course.at_risk.shape[1])
    left = course.moves.sum(axis=3).transpose(0, 2, 1).reshape(at_risk.shape)
    survival, variance = _survival(at_risk, left)
    is_known = np.column_stack([at_risk[:, :1] > 0, np.logical_and.accumulate(at_risk > 0, axis=1)])
    if not is_known.any():
        raise EstimationError("No episode was observed from its start; give an earlier observed_from=.")
    row, period = np.nonzero(is_known)
    named = course.groups.iloc[np.repeat(np.arange(len(course.groups)), n_states)].reset_index(drop=True)
    states = np.tile(np.asarray(course.states, dtype=object), len(course.groups))
    risk = np.column_stack([at_risk[:, 0], at_risk])[row, period]
    table = named.iloc[row].reset_index(drop=True).assign(term="still_in_episode")
    table["n"] = course.begins.reshape(-1)[row]
    table = filled(table, survival[row, period], variance[row, period], risk, conf_level)
    table["episode"], table["period"] = states[row], period
    table["n_at_risk"], table["n_left"] = risk, np.column_stack([left[:, 0] * 0, left])[row, period]
    keys = [*course.groups.columns, "episode"]
    half = table[table["estimate"] <= 0.5].groupby(keys, dropna=False, sort=False)["period"].first()
    return Estimates(
        table=table,
        estimand=f"Share of the episodes that still last k {every}s after they began",
        method="Kaplan–Meier (1958), doi:10.1080/01621459.1958.10501452, Wilson interval on the effective "
        "number (Rothman 1978)",
        assumptions=(
            "Episodes end independently of one another; several of one customer need not.",
            ALIKE,
            *([LATE] if course.is_late else []),
        ),
        conf_level=conf_level,
        details={
            "scope": pd.DataFrame([course.dropped]),
            "median": half.reset_index().rename(columns={"period": "median"}),
        },
    )


def _survival(at_risk: Counts, left: Counts) -> tuple[Floats, Floats]:
    """Return Kaplan–Meier and its variance from period 0 on, one row an episode."""
    two = np.stack([at_risk, np.zeros_like(at_risk)], axis=2)
    moves = np.zeros((*at_risk.shape, 2, 2), dtype=np.int64)
    moves[:, :, 0, 1] = left
    begin = np.tile([1.0, 0.0], (len(at_risk), 1))
    p, covariance = counting.aalen_johansen(two, moves, begin, np.zeros(len(at_risk), dtype=np.int64))
    return p[:, :, 0], covariance[:, :, 0, 0]


def _long(course: Course, p: Floats, variance: Floats, conf_level: float, *, term: str) -> pd.DataFrame:
    is_known = ~np.isnan(p)
    group, period, _ = np.nonzero(is_known)
    table = course.groups.iloc[group].reset_index(drop=True).assign(term=term)
    table["n"] = course.begins.sum(axis=1)[group]
    risk = np.column_stack([course.begins.sum(axis=1), course.at_risk.sum(axis=2)])[group, period]
    return filled(table, p[is_known], variance[is_known], risk, conf_level)
