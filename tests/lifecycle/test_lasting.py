"""Kaplan–Meier, cumulative incidence, Aalen–Johansen: printed numbers, statsmodels, second computations."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from cxmeasure import lifecycle
from cxmeasure.errors import ArgumentError, CxmeasureError, DataError, EstimationError, TableError
from tests.engines import ENGINES, on_engine

IBIS = "ignore::pandas.errors.Pandas4Warning"
UNTIL = pd.Timestamp("2024-12-31")


def stays_of(time: Any, status: Any, reasons: Any = None) -> pd.DataFrame:
    """Return stays of so many days, seen until `UNTIL`; status 0 is still there."""
    time, status = np.asarray(time), np.asarray(status)
    start = UNTIL - pd.to_timedelta(time, unit="D")
    return pd.DataFrame(
        {
            "customer_id": np.arange(len(time)),
            "start_date": start,
            "end_date": pd.Series(start + pd.to_timedelta(time, unit="D")).where(status > 0),
            "reason": pd.Series(status).map(reasons or str).where(status > 0),
        }
    )


def incidence(time: Any, status: Any, **choices: Any) -> pd.DataFrame:
    return lifecycle.cumulative_incidence(stays_of(time, status), observed_until=UNTIL, **choices).table


def test_published_incidence_with_heavy_ties() -> None:
    # statsmodels test_survfunc.test_incidence: estimates of R's cmprsk, errors of Stata's stcompet.
    time = [1, 1, 2, 4, 4, 4, 6, 6, 7, 8, 9, 9, 9, 1, 2, 2, 4, 4]
    status = [1, 1, 1, 2, 2, 2, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    table = incidence(time, status)
    for reason, shares, errors in (
        ("1", [0.11111111, 0.17037037], [0.07407407, 0.08976251]),
        ("2", [0.0, 0.0, 0.20740741], [0.0, 0.0, 0.10610391]),
        ("3", [0.0, 0.0, 0.0, 0.17777778, 0.26666667], [0.0, 0.0, 0.0, 0.11196147, 0.12787781]),
    ):
        rows = table[table["reason"] == reason].set_index("period")
        at = [1, 2, 4, 6, 7][: len(shares)]
        assert rows.loc[at, "estimate"].tolist() == pytest.approx(shares, abs=1e-7)
        assert rows.loc[at, "std_error"].tolist() == pytest.approx(errors, abs=1e-7)


def test_exact_where_lifelines_jitters_ties() -> None:
    # Data of lifelines issue #619: .649351 exactly, .642857 with an unlucky seed there.
    table = incidence([1, 5, 3, 6, 1, 3, 2, 5, 2, 3, 6], [0, 1, 1, 1, 2, 1, 0, 1, 0, 2, 2])
    last = table[table["period"] == 6].set_index("reason")["estimate"]
    assert last["1"] == pytest.approx(0.649351, abs=1e-6)
    assert last["2"] == pytest.approx(0.350649, abs=1e-6)


def test_statsmodels_agrees_on_random_stays_and_causes_sum_to_one() -> None:
    rng = np.random.default_rng(3)
    time, status = rng.integers(1, 40, 500), rng.choice([0, 0, 1, 2, 3], 500)
    table, expected = incidence(time, status), CumIncidenceRight(time, status)
    for cause in (1, 2, 3):
        found = table[table["reason"] == str(cause)].set_index("period")
        at = np.isin(expected.times, found.index)
        assert found["estimate"].to_numpy() == pytest.approx(expected.cinc[cause - 1][at], abs=1e-12)
        assert found["std_error"].to_numpy() == pytest.approx(expected.cinc_se[cause - 1][at], abs=1e-9)
    sums = table.groupby("period")["estimate"].sum()
    assert (sums - 1).abs().max() < 1e-12


def as_episodes(stays: pd.DataFrame) -> pd.DataFrame:
    return stays.rename(columns={"start_date": "start", "end_date": "end"}).assign(episode="am")


WEEKS = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]


def test_published_remissions_of_6_mp() -> None:
    # Freireich et al. (1963), as in Kleinbaum & Klein, Survival Analysis, ch. 2; weeks here are days.
    episodes = as_episodes(stays_of(WEEKS, RELAPSED))
    result = lifecycle.time_in_episode(episodes, every="day", observed_until=UNTIL)
    rows = result.table.set_index("period").loc[[6, 7, 10, 13, 16, 22, 23]]
    shares = [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]
    assert rows["estimate"].tolist() == pytest.approx(shares, abs=1e-4)
    errors = [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346]
    assert rows["std_error"].tolist() == pytest.approx(errors, abs=1e-4)
    assert result.details["median"]["median"].item() == 23


def test_customers_who_enter_late_count_from_then_on_only() -> None:
    rng = np.random.default_rng(11)
    time = rng.integers(20, 200, 400)
    origin = UNTIL - pd.to_timedelta(150 + rng.integers(0, 60, 400), unit="D")
    episodes = pd.DataFrame({"customer_id": range(400), "episode": "am", "start": origin})
    episodes["end"] = origin + pd.to_timedelta(time, unit="D")
    since = UNTIL - pd.Timedelta(days=120)
    seen = episodes[episodes["end"] > since].copy()
    seen["end"] = seen["end"].where(seen["end"] <= UNTIL)
    entry = np.maximum((since - seen["start"]).dt.days.to_numpy(), 0)
    follow = ((seen["end"].fillna(UNTIL)) - seen["start"]).dt.days.to_numpy()
    early = pd.DataFrame({"customer_id": range(1000, 1030), "episode": "am", "start": since, "end": pd.NaT})
    both = pd.concat([seen, early], ignore_index=True)
    found = lifecycle.time_in_episode(both, every="day", observed_from=since, observed_until=UNTIL).table
    expected = SurvfuncRight(
        np.r_[follow, np.full(30, 120)],
        np.r_[seen["end"].notna().to_numpy(), np.zeros(30)].astype(int),
        entry=np.r_[entry, np.zeros(30)] + 0.5,
    )
    found = found.set_index("period")
    inner = (expected.surv_prob > 0) & np.isin(expected.surv_times, found.index)
    at = expected.surv_times[inner].astype(int)
    assert len(at) > 20
    assert found.loc[at, "estimate"].tolist() == pytest.approx(expected.surv_prob[inner].tolist(), abs=1e-9)


def lives(n: int = 300, seed: int = 6) -> pd.DataFrame:
    """Customers on month ends who move between three episodes, back and forth; some no longer observed."""
    rng = np.random.default_rng(seed)
    ends = pd.date_range("2022-01-31", "2024-12-31", freq="ME")
    rows = []
    for customer in range(n):
        at, state = int(rng.integers(0, 30)), str(rng.choice(["become", "am"], p=[0.8, 0.2]))
        while state != "gone" and at < 36:
            stays = int(rng.geometric(0.25))
            rows.append((customer, state, ends[at], ends[at + stays] if at + stays < 36 else pd.NaT))
            at += stays
            state = {"become": "am", "am": str(rng.choice(["stay", "leave"])), "stay": "am", "leave": "gone"}[
                state
            ]
    frame = pd.DataFrame(rows, columns=["customer_id", "episode", "start", "end"])
    return frame.assign(end=frame["end"].where(frame["episode"] != "leave"))


def test_second_computation_state_probabilities_one_month_at_a_time() -> None:
    episodes = lives()
    result = lifecycle.state_probabilities(episodes, observed_until="2024-12-31").table
    states = sorted(episodes["episode"].unique())
    month = episodes[["start", "end"]].apply(lambda days: days.dt.year * 12 + days.dt.month)
    origin = month["start"].groupby(episodes["customer_id"]).transform("min")
    begin, end = month["start"] - origin, month["end"].fillna(2025 * 12 + 1).sub(origin)
    last = 2024 * 12 + 12 - origin
    p = np.array([(episodes["episode"][begin == 0] == name).sum() for name in states], dtype=float)
    p /= p.sum()
    for period in range(12):
        found = result[result["period"] == period].set_index("episode")["estimate"]
        assert found[states].tolist() == pytest.approx(p.tolist(), abs=1e-12)
        here = (begin <= period) & (end > period) & (last > period)
        now = episodes.loc[here, ["customer_id", "episode"]]
        then = episodes[(begin <= period + 1) & (end > period + 1)].set_index("customer_id")["episode"]
        moves = pd.crosstab(now["episode"], now["customer_id"].map(then)).reindex(
            index=states, columns=states, fill_value=0
        )
        p = p @ (moves.to_numpy() / np.maximum(moves.to_numpy().sum(axis=1, keepdims=True), 1))


def test_state_probabilities_cover_and_sum_to_one() -> None:
    full = lifecycle.state_probabilities(lives(5_000, seed=1), observed_until="2024-12-31").table
    truth = full.set_index(["period", "episode"])["estimate"]
    assert full.groupby("period")["estimate"].sum().to_numpy() == pytest.approx(1, abs=1e-12)
    covered = []
    for seed in range(40):
        rows = lifecycle.state_probabilities(lives(80, seed=100 + seed), observed_until="2024-12-31").table
        rows = rows[rows["period"].isin([3, 6, 12])].set_index(["period", "episode"])
        true = truth.reindex(rows.index)
        covered.append(((rows["conf_low"] <= true) & (true <= rows["conf_high"])).to_numpy())
    assert 0.91 < np.concatenate(covered).mean() < 0.98


def test_with_one_end_it_is_kaplan_meier() -> None:
    stays = as_episodes(stays_of(WEEKS, RELAPSED))
    gone = stays.dropna(subset="end").assign(start=lambda f: f["end"], end=pd.NaT, episode="leave")
    both = pd.concat([stays, gone], ignore_index=True)
    found = lifecycle.state_probabilities(both, every="day", observed_until=UNTIL, begins_in="am").table
    curve = lifecycle.time_in_episode(stays, every="day", observed_until=UNTIL).table.set_index("period")
    am = found[found["episode"] == "am"].set_index("period").loc[curve.index]
    assert am["estimate"].tolist() == pytest.approx(curve["estimate"].tolist())
    assert am["std_error"].tolist() == pytest.approx(curve["std_error"].tolist())


def test_unknown_starts_are_left_out_and_counted() -> None:
    episodes = lives(50)
    first = episodes["start"] == episodes.groupby("customer_id")["start"].transform("min")
    known = episodes.assign(is_start_known=~(first & (episodes["customer_id"] < 10)))
    result = lifecycle.time_in_episode(known, observed_until="2024-12-31")
    assert result.details["scope"]["n_unknown_start"].item() == 10
    result = lifecycle.state_probabilities(known, observed_until="2024-12-31")
    assert result.details["scope"]["n_unknown_start"].item() == (episodes["customer_id"] < 10).sum()


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings(IBIS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same_table(engine: str, tmp_path: Path) -> None:
    episodes = lives(60).assign(plan=lambda f: np.where(f["customer_id"] % 2, "basic", "full"))
    choices: dict[str, Any] = {"by": ["plan"], "observed_until": "2024-12-31", "observed_from": "2022-06-30"}
    rows = on_engine(engine, episodes, tmp_path)
    for function in (lifecycle.time_in_episode, lifecycle.state_probabilities):
        expected, found = function(episodes, **choices), function(rows, **choices)
        pd.testing.assert_frame_equal(found.table, expected.table, check_dtype=False)
    stays = stays_of(np.arange(1, 61) * 9, np.arange(60) % 3)
    choices = {"every": "month", "observed_from": "2024-01-01", "observed_until": UNTIL}
    expected = lifecycle.cumulative_incidence(stays, **choices)
    found = lifecycle.cumulative_incidence(on_engine(engine, stays, tmp_path), **choices)
    pd.testing.assert_frame_equal(found.table, expected.table, check_dtype=False)


ROWS, STAYS = lives(30), stays_of([3, 5, 9], [1, 0, 2])
BAD: dict[str, tuple[Any, type[CxmeasureError], dict[str, Any]]] = {
    "empty": (lifecycle.time_in_episode, DataError, {"episodes": ROWS.head(0)}),
    "an unknown period": (lifecycle.time_in_episode, ArgumentError, {"episodes": ROWS, "every": "year"}),
    "a column missing": (lifecycle.time_in_episode, TableError, {"episodes": ROWS.drop(columns="end")}),
    "a taken name": (lifecycle.state_probabilities, ArgumentError, {"episodes": ROWS, "by": ["episode"]}),
    "an unknown episode": (
        lifecycle.state_probabilities,
        ArgumentError,
        {"episodes": ROWS, "begins_in": "all"},
    ),
    "all late": (
        lifecycle.state_probabilities,
        EstimationError,
        {"episodes": ROWS[ROWS["start"] < "2023-01-01"], "observed_from": "2024-06-30"},
    ),
    "nothing seen whole": (
        lifecycle.time_in_episode,
        EstimationError,
        {"episodes": ROWS, "observed_from": "2031-01-31"},
    ),
    "never from the start": (
        lifecycle.time_in_episode,
        EstimationError,
        {"episodes": ROWS[ROWS["start"] < "2023-01-01"], "observed_from": "2024-06-30"},
    ),
    "nobody left": (
        lifecycle.cumulative_incidence,
        EstimationError,
        {"stays": STAYS.assign(end_date=pd.NaT)},
    ),
    "a stay that ends before it starts": (
        lifecycle.cumulative_incidence,
        DataError,
        {"stays": STAYS.assign(end_date=pd.Timestamp("2020-01-01"))},
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_refused_in_prose(fault: str) -> None:
    function, error, choices = BAD[fault]
    with pytest.raises(error, match=r"[.?]$"):
        function(**{"observed_until": UNTIL} | choices)


def test_charts_are_drawn_with_groups_too() -> None:
    episodes = lives(60).assign(plan=lambda f: np.where(f["customer_id"] % 2, "basic", "full"))
    for name in ("time_in_episode", "state_probabilities"):
        result = getattr(lifecycle, name)(episodes, by=["plan"], observed_until=UNTIL)
        assert getattr(lifecycle.chart, name)(result).to_dict()["description"]
    result = lifecycle.cumulative_incidence(STAYS, observed_until=UNTIL)
    assert "Left for" in lifecycle.chart.cumulative_incidence(result).to_dict()["description"]
