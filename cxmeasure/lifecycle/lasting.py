"""How long do customers stay in an episode, where are they after k periods, and why do they go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError, EstimationError
from cxmeasure.lifecycle import counting
from cxmeasure.lifecycle.calendar_days import EVERY, day_of
from cxmeasure.lifecycle.counting import Counts
from cxmeasure.lifecycle.reduce import THERE, UNSEEN, Spells, Times, states_of, tally_times
from cxmeasure.results import COLUMNS, Estimates

_OWN = ("episode", "reason", "period", "n_at_risk", "n_left", "n_here")
_TOO_FEW = 10
_LATE = "Those already there when the observation began go on like others of their tenure."
_ALIKE = "Who is no longer observed would have gone on like those who are."


@dataclass(frozen=True, slots=True)
class Course:
    """Counts of equal times as numbers, with the names behind them."""

    groups: pd.DataFrame
    states: list[str]
    at_risk: Counts
    moves: Counts
    begins: Counts
    dropped: dict[str, int]


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
    times = _times(
        (customer_column, episode_column, start_column, end_column),
        by,
        every,
        observed_from,
        observed_until,
        is_tenure=True,
    )
    course = _course(episodes, times, conf_level)
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
            _ALIKE,
            *([_LATE] if times.observed_from else []),
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
    times = _times(
        (customer_column, episode_column, start_column, end_column),
        by,
        every,
        observed_from,
        observed_until,
        is_tenure=False,
    )
    course = _course(episodes, times, conf_level)
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
    table = _filled(table, survival[row, period], variance[row, period], risk, conf_level)
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
            _ALIKE,
            *([_LATE] if times.observed_from else []),
        ),
        conf_level=conf_level,
        details={
            "scope": pd.DataFrame([course.dropped]),
            "median": half.reset_index().rename(columns={"period": "median"}),
        },
    )


def cumulative_incidence(
    stays: Any,
    *,
    customer_column: str = "customer_id",
    start_column: str = "start_date",
    end_column: str = "end_date",
    reason_column: str = "reason",
    by: Sequence[str] = (),
    every: str = "day",
    observed_from: date | str | None = None,
    observed_until: date | str | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate the share of customers who have left for each reason k periods after they came.

    Parameters
    ----------
    stays : frame or str
        One row a stay. A missing end means still there; a reason counts where there is an end, and a
        missing one is called ``(none given)``.
    customer_column, start_column, end_column, reason_column : str
        The customer; the first day there, and the first day away; why, as text.
    by : sequence of str
        Columns that split the customers further.
    every : {"day", "week", "month"}
        The period: days, weeks of seven, or mean months of 30.4 days since the start.
    observed_from : date or str, optional
        First day on which leaving was recorded. Who had come before enters late, with the tenure reached.
    observed_until : date or str, optional
        Last day on which leaving would be known; by default the latest date in the table.
    conf_level : float
        Level of the interval, in 0–1.

    Returns
    -------
    Estimates
        One row a group × ``reason`` × ``period`` in which anyone left, with ``n`` stays, ``n_at_risk``,
        and ``n_left`` for this reason. A further reason ``(still there)`` is what the others leave.
        ``details["scope"]``: rows used, and those never at risk.

    Raises
    ------
    ArgumentError, TableError, DataError, EstimationError
        As `state_probabilities`.

    Notes
    -----
    One minus Kaplan–Meier for one reason, with the others as censoring, would say what happened if nobody
    left for another: it is too high for what does happen. Here reasons and those still there sum to one.

    References
    ----------
    Aalen & Johansen (1978), Scandinavian Journal of Statistics 5:141–150 (no DOI);
    Choudhury (2002), Statistics in Medicine 21:1129–1144, doi:10.1002/sim.1098.

    Examples
    --------
    By hand: of four, one leaves over the price on day 10; of three, one over quality on day 20.

    >>> import pandas as pd
    >>> stays = pd.DataFrame({
    ...     "customer_id": [1, 2, 3, 4],
    ...     "start_date": pd.to_datetime(["2024-01-01"] * 4),
    ...     "end_date": pd.to_datetime(["2024-01-11", "2024-01-21", None, None]),
    ...     "reason": ["price", "quality", None, None],
    ... })
    >>> result = cumulative_incidence(stays, observed_until="2024-03-31")
    >>> result.table[["reason", "period", "estimate", "n_at_risk", "n_left"]]
              reason  period  estimate  n_at_risk  n_left
    0          price      10      0.25          4       1
    1          price      20      0.25          3       0
    2        quality      10      0.00          4       0
    3        quality      20      0.25          3       1
    4  (still there)      10      0.75          4       0
    5  (still there)      20      0.50          3       0
    """
    times = _times(
        (customer_column, reason_column, start_column, end_column),
        by,
        every,
        observed_from,
        observed_until,
        is_tenure=False,
        is_reason=True,
    )
    course = _course(stays, times, conf_level)
    begin = np.zeros((len(course.groups), len(course.states)))
    begin[:, 0] = 1.0
    p, covariance = counting.aalen_johansen(course.at_risk, course.moves, begin, course.begins[:, 0] * 0)
    variance = np.diagonal(covariance, axis1=2, axis2=3)
    left = course.moves[:, :, 0, :]
    any_left = left.sum(axis=(0, 2)) > 0
    if not any_left.any():
        raise EstimationError("Nobody left while observed; there is no reason to count.")
    order = [*range(1, len(course.states)), 0]
    shown = p[:, 1:][:, :, order].transpose(0, 2, 1)
    is_shown = ~np.isnan(shown) & any_left
    group, reason, at = np.nonzero(is_shown)
    names = np.asarray([*course.states[1:], THERE], dtype=object)
    table = course.groups.iloc[group].reset_index(drop=True).assign(term="cumulative_incidence")
    table["n"] = course.begins[group, 0]
    risk = course.at_risk[:, :, 0][group, at]
    spread = variance[:, 1:][:, :, order].transpose(0, 2, 1)[is_shown]
    table = _filled(table, shown[is_shown], spread, risk, conf_level)
    table["reason"], table["period"], table["n_at_risk"] = names[reason], at + 1, risk
    gone = left[:, :, order].transpose(0, 2, 1)
    table["n_left"] = np.where(names[reason] == THERE, 0, gone[group, reason, at])
    return Estimates(
        table=table,
        estimand=f"Share of customers who have left for each reason k {every}s after they came",
        method="Aalen–Johansen (1978), variance as Choudhury (2002), doi:10.1002/sim.1098",
        assumptions=(
            "Customers leave independently of one another.",
            _ALIKE,
            "Each leaves for the one reason that is stated; what people misreport is not corrected.",
            *([_LATE] if times.observed_from else []),
        ),
        conf_level=conf_level,
        details={"scope": pd.DataFrame([course.dropped])},
    )


def _times(
    columns: tuple[str, str, str, str],
    by: Sequence[str],
    every: str,
    observed_from: date | str | None,
    observed_until: date | str | None,
    *,
    is_tenure: bool,
    is_reason: bool = False,
) -> Times:
    groups = _arguments.names(by, name="by")
    if clash := [column for column in groups if column in (*COLUMNS, *_OWN)]:
        raise ArgumentError(
            f"by={groups!r}: the result has a column {clash[0]!r} of its own; rename yours first."
        )
    customer, state, start, end = columns
    spells = Spells(
        customer,
        state,
        start,
        end,
        by=groups,
        every=_arguments.choice(every, EVERY, name="every"),
        cohort="all",
        observed_until=day_of(observed_until, name="observed_until"),
        name="stays" if is_reason else "episodes",
    )
    since = day_of(observed_from, name="observed_from")
    return Times(spells, is_tenure, not is_reason, since, is_reason)


def _course(rows: Any, times: Times, conf_level: float) -> Course:
    _arguments.share(conf_level, name="conf_level")
    tally, dropped = tally_times(rows, times)
    if tally.empty:
        raise EstimationError(
            f"None of the {dropped['n_rows']:,} {times.spells.name} was observed for one whole "
            f"{times.spells.every} from a known start; observe longer, or give a shorter every=."
        )
    states = states_of(tally["state"], tally["next"])
    if times.is_reason:
        states = [THERE, *(name for name in states if name != THERE)]
    place = {name: at for at, name in enumerate(states)}
    keys = [f"by_{i}" for i in range(len(times.spells.by))]
    groups = tally[keys].drop_duplicates(ignore_index=True)
    group = tally.groupby(keys, dropna=False, sort=False).ngroup() if keys else pd.Series(0, tally.index)
    group_at, n = group.to_numpy().astype(np.int64), tally["n"].to_numpy()
    state = tally["state"].map(place).to_numpy().astype(np.int64)
    target = tally["next"].map(place).fillna(-1).to_numpy().astype(np.int64)
    entry, leave = tally["entry"].to_numpy(), tally["exit"].to_numpy()
    if not times.is_tenure:
        # Where an episode leads does not matter to how long it lasted.
        target[(tally["next"] == UNSEEN).to_numpy()] = 0
    shape = (len(groups) if keys else 1, len(states))
    at_risk, moves = counting.at_risk_and_moves(group_at, state, entry, leave, target, n, shape)
    begins = np.zeros(shape, dtype=np.int64)
    if times.is_tenure:
        np.add.at(begins, (group_at[entry == 0], state[entry == 0]), n[entry == 0])
    else:
        np.add.at(begins, (group_at, state), n)
    if times.is_tenure and not begins.any():
        raise EstimationError(
            "Nobody was observed from the start, so no share can be followed from there; give an earlier "
            "observed_from=."
        )
    named = groups.rename(columns=dict(zip(keys, times.spells.by, strict=True)))
    return Course(named if keys else pd.DataFrame(index=range(1)), states, at_risk, moves, begins, dropped)


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
    return _filled(table, p[is_known], variance[is_known], risk, conf_level)


def _filled(
    table: pd.DataFrame, share: Floats, variance: Floats, at_risk: Counts, conf_level: float
) -> pd.DataFrame:
    low, high = counting.limits(share, variance, at_risk.astype(float), conf_level)
    return table.assign(
        estimate=share,
        std_error=np.sqrt(np.maximum(variance, 0)),
        conf_low=low,
        conf_high=high,
        unit="share",
        note=np.where(at_risk < _TOO_FEW, f"fewer than {_TOO_FEW} at risk", ""),
    )
