"""How many customers stand where, and where do they go from there? Counts on change points."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats import intervals
from cxmeasure.errors import EstimationError
from cxmeasure.lifecycle.calendar_days import month_labels, snapshots
from cxmeasure.lifecycle.opening import groups_of, spells_asked
from cxmeasure.lifecycle.reduce import GONE, Spells, tally_spells
from cxmeasure.results import Estimates

COHORTS = ("all", "month", "quarter", "year")
_OWN = ("cohort", "calendar", "snapshot", "episode", "from_episode", "to_episode", "n_moved")
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grid:
    """Counts of equal spells as numbers: group, episode, and places among the snapshots."""

    groups: pd.DataFrame
    episodes: list[str]
    days: Counts
    group: Counts
    episode: Counts
    following: Counts
    first: Counts
    after: Counts
    n: Counts


def occupancy(
    episodes: Any,
    *,
    customer_column: str = "customer_id",
    episode_column: str = "episode",
    start_column: str = "start",
    end_column: str = "end",
    by: Sequence[str] = (),
    cohort: str = "all",
    every: str | Sequence[date | str] = "month",
    observed_until: date | str | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate the share of customers in each episode at each snapshot, with an interval.

    Parameters
    ----------
    episodes : frame or str
        One row an episode, as `assign_episodes` returns them. A missing end means still in it.
    customer_column, episode_column, start_column, end_column : str
        The customer; the episode, as text; the first day in it, and the first day no longer in it.
    by : sequence of str
        Columns that split the customers further.
    cohort : {"all", "month", "quarter", "year"}
        The calendar period of the customer's first episode, to split by.
    every : {"day", "week", "month"} or sequence of dates
        The snapshots: the end of each day, Sunday or month, or of each day given.
    observed_until : date or str, optional
        Last day observed; by default the table's column ``observed_until``, or its latest date.
    conf_level : float
        Level of the interval, in 0–1.

    Returns
    -------
    Estimates
        One row a group × ``snapshot`` × ``episode``: the share, with ``n`` the customers in any episode
        and ``n_here`` those in this one.

    Raises
    ------
    ArgumentError, TableError, DataError
        If a choice is unknown, a column is missing or of the wrong type, or the episodes of a customer
        overlap or end before they start.

    References
    ----------
    Wilson (1927), JASA 22:209–212, doi:10.1080/01621459.1927.10502953 (the interval).

    Examples
    --------
    >>> import pandas as pd
    >>> episodes = pd.DataFrame({
    ...     "customer_id": [1, 1, 2],
    ...     "episode": ["become", "am", "become"],
    ...     "start": pd.to_datetime(["2024-01-10", "2024-03-01", "2024-02-10"]),
    ...     "end": pd.to_datetime(["2024-03-01", None, None]),
    ... })
    >>> occupancy(episodes, observed_until="2024-03-31").table[["snapshot", "episode", "n", "estimate"]]
        snapshot episode  n  estimate
    0 2024-01-31      am  1       0.0
    1 2024-01-31  become  1       1.0
    2 2024-02-29      am  2       0.0
    3 2024-02-29  become  2       1.0
    4 2024-03-31      am  2       0.5
    5 2024-03-31  become  2       0.5
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    spells = spells_asked(
        (customer_column, episode_column, start_column, end_column),
        by,
        snapshots(every),
        observed_until,
        own=_OWN,
        cohort=_arguments.choice(cohort, COHORTS, name="cohort"),
    )
    grid = _grid(episodes, spells)
    here = _occupied(grid)
    total = here.sum(axis=2, keepdims=True)
    group, at, episode = np.nonzero(np.broadcast_to(total > 0, here.shape))
    n, n_here = np.broadcast_to(total, here.shape)[group, at, episode], here[group, at, episode]
    table = grid.groups.iloc[group].reset_index(drop=True).assign(term="occupancy", n=n)
    table = _with_shares(table, n_here, n, conf_level)
    table["snapshot"] = _dates(grid.days)[at]
    table["episode"] = np.asarray(grid.episodes, dtype=object)[episode]
    table["n_here"] = n_here
    return Estimates(
        table=table,
        estimand="Share of the customers in any episode who are in this one at the end of the day",
        method="Counts at snapshots, Wilson interval (1927), doi:10.1080/01621459.1927.10502953",
        assumptions=(
            "The customers are a sample of customers like them, independent of one another.",
            "Who is in no episode at a snapshot is not counted, neither above nor below the line.",
        ),
        conf_level=conf_level,
    )


def transitions(
    episodes: Any,
    *,
    customer_column: str = "customer_id",
    episode_column: str = "episode",
    start_column: str = "start",
    end_column: str = "end",
    by: Sequence[str] = (),
    cohort: str = "all",
    calendar: str = "all",
    every: str | Sequence[date | str] = "month",
    observed_until: date | str | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate the probability of each move from one snapshot to the next, with an interval.

    Parameters
    ----------
    episodes, customer_column, episode_column, start_column, end_column, by, cohort, every
        As in `occupancy`.
    calendar : {"all", "month", "quarter", "year"}
        The calendar period of the snapshot moved from, to split by.
    observed_until, conf_level
        As in `occupancy`.

    Returns
    -------
    Estimates
        One row a group × ``from_episode`` × ``to_episode``: the probability, with ``n`` the
        customer-periods begun in the first and still observed at the next snapshot, and ``n_moved`` those
        that then were in the second; staying is a move to the same. ``details["counts"]`` and
        ``details["probabilities"]`` are square tables, for `episode_value`, where nothing splits them.

    Raises
    ------
    ArgumentError, TableError, DataError
        As `occupancy`.
    EstimationError
        If no customer was seen at two snapshots in a row.

    Notes
    -----
    Customers already there when the log begins count from their first snapshot on; no tenure is taken
    for zero. The interval takes moves as independent given where they start from. Where customers differ,
    it still holds for the average move of these customer-periods.

    References
    ----------
    Anderson & Goodman (1957), Annals of Mathematical Statistics 28:89–110, doi:10.1214/aoms/1177707039;
    Wilson (1927), JASA 22:209–212, doi:10.1080/01621459.1927.10502953.

    Examples
    --------
    By hand: one of two stays in ``become`` from January to February; both are in ``am`` in March.

    >>> import pandas as pd
    >>> episodes = pd.DataFrame({
    ...     "customer_id": [1, 1, 2, 2],
    ...     "episode": ["become", "am", "become", "am"],
    ...     "start": pd.to_datetime(["2024-01-10", "2024-02-20", "2024-01-10", "2024-03-10"]),
    ...     "end": pd.to_datetime(["2024-02-20", None, "2024-03-10", None]),
    ... })
    >>> result = transitions(episodes, observed_until="2024-03-31")
    >>> result.table[["from_episode", "to_episode", "n", "estimate"]].round(3)
      from_episode to_episode  n  estimate
    0           am         am  1     1.000
    1           am     become  1     0.000
    2       become         am  3     0.667
    3       become     become  3     0.333
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    calendar = _arguments.choice(calendar, COHORTS, name="calendar")
    spells = spells_asked(
        (customer_column, episode_column, start_column, end_column),
        by,
        snapshots(every),
        observed_until,
        own=_OWN,
        cohort=_arguments.choice(cohort, COHORTS, name="cohort"),
    )
    grid = _grid(episodes, spells)
    labels, when = _periods(_dates(grid.days), calendar)
    moved = np.zeros((len(grid.groups), len(labels), len(grid.episodes), len(grid.episodes)), dtype=np.int64)
    np.add.at(moved.swapaxes(0, 1), when, _moves(grid).swapaxes(0, 1))
    at_risk = moved.sum(axis=3, keepdims=True)
    if not at_risk.any():
        raise EstimationError(
            "No customer was seen at two snapshots in a row; give a shorter every=, or a longer observation."
        )
    group, period, origin, target = np.nonzero(np.broadcast_to(at_risk > 0, moved.shape))
    n, n_moved = (np.broadcast_to(x, moved.shape)[group, period, origin, target] for x in (at_risk, moved))
    table = grid.groups.iloc[group].reset_index(drop=True)
    if calendar != "all":
        table["calendar"] = np.asarray(labels, dtype=object)[period]
    table = _with_shares(table.assign(term="transition", n=n), n_moved, n, conf_level)
    names = np.asarray(grid.episodes, dtype=object)
    table["from_episode"], table["to_episode"], table["n_moved"] = names[origin], names[target], n_moved
    is_whole = len(grid.groups) == 1 and len(labels) == 1
    return Estimates(
        table=table,
        estimand="Probability that a customer in one episode at a snapshot is in another at the next",
        method="Counts of moves (Anderson & Goodman 1957, doi:10.1214/aoms/1177707039), Wilson interval",
        assumptions=(
            "Moves are independent given the episode they start from.",
            "Who is no longer observed at the next snapshot would have moved like the others.",
        ),
        conf_level=conf_level,
        details=_square(moved[0, 0], grid.episodes) if is_whole else {},
    )


def _grid(episodes: Any, spells: Spells) -> Grid:
    tally, last = tally_spells(episodes, spells)
    days = _days(tally, spells.every, last)
    names = sorted({*tally["episode"], *tally["next"]} - {GONE})
    groups, group = groups_of(tally, spells)
    place = {name: i for i, name in enumerate(names)} | {GONE: -1}
    if "cohort" in groups:
        groups["cohort"] = month_labels(groups["cohort"], spells.cohort)
    return Grid(
        groups=groups,
        episodes=names,
        days=days,
        group=group,
        episode=tally["episode"].map(place).to_numpy().astype(np.int64),
        following=tally["next"].map(place).to_numpy().astype(np.int64),
        first=np.searchsorted(days, tally["start"].to_numpy()).astype(np.int64),
        after=np.searchsorted(days, tally["end"].to_numpy()).astype(np.int64),
        n=tally["n"].to_numpy().astype(np.int64),
    )


def _days(tally: pd.DataFrame, every: str | Sequence[int], last: int) -> Counts:
    """Return the day numbers of the snapshots from the first with a customer to the last."""
    if tally.empty:
        raise EstimationError("No episode held at any snapshot; give a shorter every=, or other dates.")
    first = int(tally["start"].min())
    if not isinstance(every, str):
        return np.array([day for day in every if first <= day <= last], dtype=np.int64)
    step = {"day": "D", "week": "W-SUN", "month": "ME"}[every]
    epoch = pd.Timestamp("1970-01-01")
    span = pd.date_range(epoch + pd.Timedelta(days=first), epoch + pd.Timedelta(days=last), freq=step)
    return np.asarray((span - epoch).days, dtype=np.int64)


def _occupied(grid: Grid) -> Counts:
    """Return customers by group, snapshot and episode: a difference array, summed up."""
    change = np.zeros((len(grid.groups), len(grid.days) + 1, len(grid.episodes)), dtype=np.int64)
    np.add.at(change, (grid.group, grid.first, grid.episode), grid.n)
    np.add.at(change, (grid.group, grid.after, grid.episode), -grid.n)
    return np.asarray(np.cumsum(change, axis=1)[:, :-1])


def _moves(grid: Grid) -> Counts:
    """Return moves by group, snapshot moved from, and episodes from and to."""
    n_episodes = len(grid.episodes)
    moved = np.zeros((len(grid.groups), len(grid.days), n_episodes, n_episodes), dtype=np.int64)
    goes = grid.following >= 0
    at = (grid.group[goes], grid.after[goes] - 1, grid.episode[goes], grid.following[goes])
    np.add.at(moved, at, grid.n[goes])
    # Whoever is there and has the next snapshot in the same spell stays.
    leaves = np.zeros((len(grid.groups), len(grid.days), n_episodes), dtype=np.int64)
    np.add.at(leaves, (grid.group, grid.after - 1, grid.episode), grid.n)
    diagonal = np.arange(n_episodes)
    moved[:, :, diagonal, diagonal] += _occupied(grid) - leaves
    return moved


def _periods(dates: pd.DatetimeIndex, calendar: str) -> tuple[list[str], Counts]:
    if calendar == "all":
        return ["all"], np.zeros(len(dates), dtype=np.int64)
    number = {
        "month": dates.year * 100 + dates.month,
        "quarter": dates.year * 100 + dates.quarter,
        "year": dates.year,
    }[calendar]
    known, place = np.unique(number, return_inverse=True)
    return month_labels(pd.Series(known), calendar).tolist(), place.astype(np.int64)


def _dates(days: Counts) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.Timestamp("1970-01-01") + pd.to_timedelta(days, unit="D"))


def _with_shares(table: pd.DataFrame, successes: Counts, n: Counts, conf_level: float) -> pd.DataFrame:
    share = successes / n
    low, high = intervals.wilson(successes.astype(float), n.astype(float), conf_level)
    return table.assign(
        estimate=share,
        std_error=np.sqrt(share * (1 - share) / n),
        conf_low=low,
        conf_high=high,
        unit="share",
    )


def _square(moved: Counts, names: Sequence[str]) -> dict[str, pd.DataFrame]:
    index = pd.Index(names, name="from_episode")
    counts = pd.DataFrame(moved, index=index, columns=pd.Index(names, name="to_episode"))
    total = moved.sum(axis=1, keepdims=True)
    shares = np.divide(moved, total, out=np.zeros(moved.shape), where=total > 0)
    return {"counts": counts, "probabilities": counts.astype(float).mask(counts >= 0, shares)}
