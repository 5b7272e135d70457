"""Occupancy and transitions are those of a table of customers × snapshots, made slowly."""

from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest

from cxmeasure import lifecycle
from cxmeasure.errors import ArgumentError, CxmeasureError, DataError, EstimationError, TableError
from cxmeasure.lifecycle.chart.ordering import LIFE
from tests.engines import ENGINES, on_engine

IBIS = "ignore::pandas.errors.Pandas4Warning"
UNTIL = "2024-06-30"


def lives(n: int = 80, seed: int = 5) -> pd.DataFrame:
    """Customers who move between four episodes; some spells too short for a month's end to see, some gaps."""
    rng = np.random.default_rng(seed)
    customer = np.repeat(np.arange(n), 4)
    begin = pd.Timestamp("2023-01-01") + pd.to_timedelta(np.repeat(rng.integers(0, 300, n), 4), unit="D")
    length = rng.integers(3, 120, (n, 4))
    gap = np.cumsum(length + rng.integers(0, 2, (n, 4)) * rng.integers(0, 60, (n, 4)), axis=1)
    start = begin + pd.to_timedelta((gap - length).ravel(), unit="D")
    end = begin + pd.to_timedelta(gap.ravel(), unit="D")
    frame = pd.DataFrame({"customer_id": customer, "start": start, "end": pd.Series(end)})
    frame["episode"] = rng.choice(["become", "am", "stay", "leave"], 4 * n)
    frame["plan"] = np.repeat(rng.choice(["basic", "full"], n), 4)
    return frame[frame["start"] <= UNTIL].assign(end=lambda f: f["end"].where(f["end"] <= UNTIL))


def panel(episodes: pd.DataFrame) -> pd.DataFrame:
    """Return customer × month end with the episode: the slow second computation."""
    parts = []
    for day in pd.date_range("2023-01-31", UNTIL, freq="ME"):
        here = episodes[(episodes["start"] <= day) & ~(episodes["end"] <= day)]
        parts.append(here[["customer_id", "episode", "plan"]].assign(snapshot=day))
    return pd.concat(parts, ignore_index=True)


def test_second_computation_occupancy() -> None:
    episodes = lives()
    found = lifecycle.occupancy(episodes, by=["plan"], observed_until=UNTIL).table
    expected = panel(episodes).groupby(["plan", "snapshot", "episode"]).size()
    seen = found[found["n_here"] > 0].set_index(["plan", "snapshot", "episode"])["n_here"]
    assert seen.sort_index().to_dict() == expected.to_dict()
    assert found.groupby(["plan", "snapshot"])["estimate"].sum().to_numpy() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("calendar", ["all", "quarter"])
def test_second_computation_transitions(calendar: str) -> None:
    episodes = lives()
    found = lifecycle.transitions(episodes, calendar=calendar, observed_until=UNTIL).table
    rows = panel(episodes)
    after = rows.assign(snapshot=rows["snapshot"] - pd.offsets.MonthEnd(1)).rename(columns={"episode": "to"})
    both = rows.merge(after[["customer_id", "snapshot", "to"]], on=["customer_id", "snapshot"])
    keys = ["episode", "to"]
    found = found.rename(columns={"from_episode": "episode", "to_episode": "to"})
    if calendar == "quarter":
        both["calendar"] = (
            both["snapshot"].dt.year.astype(str) + "-Q" + both["snapshot"].dt.quarter.astype(str)
        )
        keys = ["calendar", *keys]
    seen = found[found["n_moved"] > 0].set_index(keys)["n_moved"]
    assert seen.sort_index().to_dict() == both.groupby(keys).size().to_dict()


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings(IBIS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same_counts(engine: str, tmp_path: Path) -> None:
    episodes = lives()
    choices: dict[str, Any] = {"by": ["plan"], "cohort": "quarter", "observed_until": UNTIL}
    rows = on_engine(engine, episodes, tmp_path)
    for function in (lifecycle.occupancy, lifecycle.transitions):
        expected, found = function(episodes, **choices), function(rows, **choices)
        pd.testing.assert_frame_equal(found.table, expected.table, check_dtype=False)


def test_weeks_and_given_days_are_snapshots_too() -> None:
    episodes = lives()
    days = ["2023-03-31", "2023-09-30", "2024-03-31"]
    given = lifecycle.occupancy(episodes, every=days, observed_until=UNTIL).table
    months = lifecycle.occupancy(episodes, observed_until=UNTIL).table
    same = months[months["snapshot"].isin(pd.to_datetime(days))].reset_index(drop=True)
    assert given["n_here"].tolist() == same["n_here"].tolist()
    weeks = lifecycle.occupancy(episodes, every="week", observed_until=UNTIL).table["snapshot"]
    assert (weeks.dt.day_of_week == 6).all()


def test_squares_sum_to_one_where_anyone_was() -> None:
    details = lifecycle.transitions(lives(), observed_until=UNTIL).details
    assert details["probabilities"].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-12)
    assert details["counts"].to_numpy().sum() > 300


def test_episodes_of_a_log_carry_the_end_of_their_observation() -> None:
    log = pd.DataFrame(
        {
            "customer_id": [1, 1],
            "ts": pd.to_datetime(["2024-01-05", "2024-05-05"]),
            "event": ["start", "visit"],
        }
    )
    episodes = lifecycle.assign_episodes(log, words={"orientation": [], "renewal": [], "end": []})
    assert lifecycle.occupancy(episodes).table["snapshot"].max() == pd.Timestamp("2024-05-31")


ROWS = lives(20)
OVERLAP = ROWS.assign(start=ROWS.groupby("customer_id")["start"].transform("min"))
BAD: dict[str, tuple[type[CxmeasureError], dict[str, Any]]] = {
    "empty": (DataError, {"episodes": ROWS.head(0)}),
    "no customer": (DataError, {"episodes": ROWS.assign(customer_id=pd.array([None] * len(ROWS), "Int64"))}),
    "no episode": (
        DataError,
        {"episodes": ROWS.assign(episode=ROWS["episode"].where(ROWS["plan"] == "full"))},
    ),
    "no start": (DataError, {"episodes": ROWS.assign(start=pd.NaT)}),
    "an end before its start": (DataError, {"episodes": ROWS.assign(end=pd.Timestamp("2020-01-01"))}),
    "episodes that overlap": (DataError, {"episodes": OVERLAP}),
    "a column that is not there": (TableError, {"episode_column": "stage"}),
    "an unknown cohort": (ArgumentError, {"cohort": "decade"}),
    "an unknown period": (ArgumentError, {"every": "year"}),
    "a group named like a column of the result": (ArgumentError, {"by": ["snapshot"]}),
    "no snapshot": (EstimationError, {"every": ["2020-01-31"]}),
}


@pytest.mark.parametrize("function", [lifecycle.occupancy, lifecycle.transitions])
@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_refused_in_prose(function: Any, fault: str) -> None:
    error, choices = BAD[fault]
    with pytest.raises(error, match=r"[.?]$"):
        function(**{"episodes": ROWS} | choices)


def test_a_calendar_of_one_day_has_no_transitions() -> None:
    with pytest.raises(EstimationError, match="two snapshots in a row"):
        lifecycle.transitions(ROWS, every=["2023-12-31"])


def test_charts_are_drawn_with_groups_too() -> None:
    for function, draw in (
        (lifecycle.occupancy, lifecycle.chart.occupancy),
        (lifecycle.transitions, lifecycle.chart.transitions),
    ):
        assert draw(function(lives(), by=["plan"], observed_until=UNTIL)).to_dict()["description"]


def test_what_follows_the_last_day_observed_is_no_move() -> None:
    days = pd.to_datetime(["2024-01-01", "2024-01-03"])
    episodes = pd.DataFrame(
        {"customer_id": 1, "episode": ["new", "old"], "start": days, "end": [days[1], pd.NaT]}
    )
    found = lifecycle.transitions(episodes, every="day", observed_until="2024-01-02").table
    assert found[["from_episode", "to_episode", "n"]].to_numpy().tolist() == [["new", "new", 1]]


def drawn(chart: alt.LayerChart) -> list[str]:
    """Return the order in which a chart names its episodes, in the legend or on its axis."""
    encoding = chart.to_dict()["layer"][0]["encoding"]
    known: list[str] = encoding.get("color", {}).get("sort") or encoding["y"]["sort"]
    return known


def test_charts_name_the_episodes_in_the_order_of_the_rules() -> None:
    for rules in (lifecycle.WITH_CONTRACTS, lifecycle.WITHOUT_CONTRACTS):
        assert rules.episodes == LIFE
    starts = pd.to_datetime(["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"])
    lives = [("leave", "stay", "am", "become"), ("away", "here", "am", "new")]
    for given, names in ((None, lives[0]), (lives[1][::-1], lives[1])):
        episodes = pd.DataFrame(
            {
                "customer_id": [1, 1, 1, 1],
                "episode": names[::-1],
                "start": starts,
                "end": [*starts[1:], pd.NaT],
                "observed_until": pd.Timestamp("2024-06-30"),
            }
        )
        results = {
            lifecycle.chart.occupancy: lifecycle.occupancy(episodes),
            lifecycle.chart.transitions: lifecycle.transitions(episodes),
            lifecycle.chart.state_probabilities: lifecycle.state_probabilities(episodes),
        }
        for chart, result in results.items():
            assert drawn(chart(result, order=given)) == list(names[::-1])
    with pytest.raises(ArgumentError, match="order must name"):
        lifecycle.chart.occupancy(results[lifecycle.chart.occupancy], order="new, am")
