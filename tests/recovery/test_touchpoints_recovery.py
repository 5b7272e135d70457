"""The touchpoint wing on Lantern: it says yes where the claim holds, no where it does not."""

import numpy as np
import pandas as pd
import pytest

from cxmeasure import touchpoints
from cxmeasure.lantern import simulate, truth
from cxmeasure.results import Estimates

Tables = dict[str, pd.DataFrame]
TABLES = ("events", "journeys", "answers", "diary", "truth_event", "truth_journey")


@pytest.fixture(scope="module")
def claims() -> Tables:
    return simulate("claimed", size=4000, seed=5151, tables=TABLES)


@pytest.fixture(scope="module")
def nothing() -> Tables:
    return simulate("null", size=4000, seed=5252, tables=TABLES)


def felt(company: Tables) -> pd.DataFrame:
    """One row an event: what was felt in it, and what was remembered of its journey."""
    felt = company["truth_event"][["event_id", "satisfaction", "signal", "belief_before"]]
    memory = company["truth_journey"][["journey_id", "remembered"]]
    breaks = company["journeys"][["journey_id", "n_breaks", "type"]]
    return (
        company["events"]
        .merge(felt, on="event_id")
        .merge(memory, on="journey_id")
        .merge(breaks, on="journey_id")
    )


def weights(company: Tables) -> tuple[pd.DataFrame, pd.Series]:
    found = touchpoints.peak_end(
        felt(company),
        remembered_column="remembered",
        rating_column="satisfaction",
        order_column="seq",
        control_columns=["n_breaks"],
    )
    return found.table.set_index("term"), found.details["tests"].set_index("term")["p_value"]


@pytest.mark.parametrize("world", ["claimed", "null"])
def test_journeys_are_remembered_by_mean_peak_and_end_and_breaks(
    world: str, claims: Tables, nothing: Tables
) -> None:
    table, tests = weights(claims if world == "claimed" else nothing)
    true = truth(world)["value"]
    expected = {
        "mean": true["journey_mean"],
        "peak": true["journey_peak"],
        "end": true["journey_end"],
        "n_breaks": -abs(true["journey_break"]),
        "steps": 0.0,
    }
    for term, value in expected.items():
        assert table.loc[term, "std_error"] < 0.02
        assert abs(table.loc[term, "estimate"] - value) < 4 * table.loc[term, "std_error"], term
    assert (tests["peak and end add to the mean"] < 0.001) == (world == "claimed")
    assert tests["duration neglect"] < 0.05


def test_pooled_scores_are_nearer_to_the_truth_than_raw_ones_where_answers_are_few(claimed: Tables) -> None:
    """And their intervals hold: .93 of the true levels, .95 if which touchpoint has which is dealt by lot.

    The difference is where Lantern's extreme touchpoints are: the best of all has 12 answers of 2,000, and
    its interval holds its level in 4 samples of 10.
    """
    place = claimed["events"][["event_id", "touchpoint_id"]]
    scored = claimed["answers"].dropna(subset=["event_id"]).merge(place, on="event_id")
    # Ten companies' answers stand for the truth: at least 140 of each touchpoint.
    full = scored.groupby("touchpoint_id")["csat"].mean()
    better, held, held_by_lot = [], [], []
    for seed in range(24):
        few = scored.sample(2000, random_state=seed)[["touchpoint_id", "csat"]]
        dealt = pd.Series(np.random.default_rng(seed).permutation(full.to_numpy()), full.index)
        moved = few["csat"] + few["touchpoint_id"].map(dealt - full)
        for answers, true, kept in ((few, full, held), (few.assign(csat=moved), dealt, held_by_lot)):
            table = touchpoints.scores(answers, by=["touchpoint_id"], n_draws=0).table
            target = table["touchpoint_id"].map(true).astype(float)
            kept.append(((table["conf_low"] <= target) & (target <= table["conf_high"])).mean())
            if kept is held:
                pooled, raw = (((table[column] - target) ** 2).mean() for column in ("estimate", "raw"))
                better.append(pooled / raw)
    print(np.mean(better), np.mean(held), np.mean(held_by_lot))
    # In every sample nearer; by how much hangs on which touchpoints happen to have few answers.
    assert np.max(better) < 1
    assert np.mean(better) < 0.75
    assert np.mean(held) >= 0.92
    assert np.mean(held_by_lot) >= 0.93


def failures_and_leaving(company: Tables, window: int = 3) -> pd.DataFrame:
    """One row a customer and month: whether it is the last, and failures lately beyond the usual."""
    events, exits = company["events"], company["exits"]
    touchpoint, names = pd.factorize(events["touchpoint"], sort=True)
    beyond = events["failed"] - events.groupby("touchpoint")["failed"].transform("mean")
    month = 12 * (events["ts"].dt.year - 2023) + events["ts"].dt.month - 1
    n = int(events["customer_id"].max()) + 1
    grid = np.zeros((n, 36 + window - 1, len(names)))
    np.add.at(grid, (events["customer_id"].to_numpy(), month + window - 1, touchpoint), beyond)
    lately = sum(grid[:, back : back + 36] for back in range(window))
    first = month.groupby(events["customer_id"]).min().reindex(range(n), fill_value=99).to_numpy()
    left_on = pd.to_datetime(exits.set_index("customer_id")["date"])
    last = (12 * (left_on.dt.year - 2023) + left_on.dt.month - 1).reindex(range(n), fill_value=99)
    at = np.arange(36)
    who, when = np.nonzero((at >= first[:, None]) & (at <= last.to_numpy()[:, None]))
    rows = pd.DataFrame(lately[who, when], columns=names)
    return rows.assign(left=(when == last.to_numpy()[who]) * 1.0)


def test_derived_importance_ranks_the_true_consequences_only_where_there_are_any() -> None:
    """Truth: what failures at a touchpoint did to minds. In `null` nobody leaves for what was felt.

    Over 24 companies of this size the rank correlation was .41 and .02 on average, and a
    driver was told from chance in 26 and 5 of 100.
    """
    alike: dict[str, list[float]] = {"claimed": [], "null": []}
    told: dict[str, list[float]] = {"claimed": [], "null": []}
    for world in alike:
        for seed in range(5):
            company = simulate(world, seed=7100 + seed, tables=("events", "exits", "truth_event"))
            moved = company["events"].merge(company["truth_event"][["event_id", "gain"]], on="event_id")
            true = (moved["gain"] * moved["failed"]).groupby(moved["touchpoint"]).sum()
            failures = moved.groupby("touchpoint")["failed"].sum()
            rows = failures_and_leaving(company)
            table = touchpoints.importance(
                correlations=rows.loc[:, rows.std() > 0].corr(),
                n=len(rows),
                outcome="left",
                drivers=failures.index[failures >= 20].tolist(),
                method="johnson",
                n_boot=0,
                n_null=60,
                rng=np.random.default_rng(seed),
            ).table.set_index("term")
            alike[world].append(table["estimate"].corr(true, method="spearman"))
            told[world].append((table["p_value"] < 0.05).mean())
    print(alike, told)
    assert np.mean(alike["claimed"]) > 0.25
    assert abs(np.mean(alike["null"])) < 0.2
    assert np.mean(told["claimed"]) > 0.15
    assert np.mean(told["null"]) < 0.1


def test_the_lowest_touchpoints_of_the_truth_are_those_that_are_probably_worst(claims: Tables) -> None:
    scored = (
        claims["answers"]
        .dropna(subset=["event_id"])
        .merge(claims["events"][["event_id", "touchpoint_id"]], on="event_id")
    )
    found = touchpoints.scores(
        scored, by=["touchpoint_id"], customer_column="customer_id", k=5, rng=np.random.default_rng(1)
    )
    table = found.table.set_index("touchpoint_id")
    true = felt(claims).groupby("touchpoint_id")["satisfaction"].mean().reindex(table.index)
    assert np.corrcoef(table["estimate"], true)[0, 1] > 0.7
    worst = true.nsmallest(5).index
    assert table.loc[worst, "probability_worst"].mean() > 3 * table["probability_worst"].mean()


def test_losses_weigh_more_than_gains_where_they_do_and_not_where_they_do_not(
    claims: Tables, nothing: Tables
) -> None:
    for company, bends in ((claims, True), (nothing, False)):
        events = felt(company).sample(6000, random_state=1)
        events["gap"] = events["signal"] - events["belief_before"]
        events["rating"] = np.round(events["satisfaction"]).clip(-3, 3)
        table = touchpoints.penalty_reward(
            events, outcome="rating", drivers=["gap", "belief_before"], neutral=0
        ).table
        difference = table.iloc[2]
        assert (difference["p_value"] < 0.001) == bends
        if bends:
            assert difference["estimate"] > 0


def test_a_pair_is_needed_and_the_gap_is_that_of_the_truth(claims: Tables) -> None:
    diary = claims["diary"]
    found = touchpoints.expectation_gap(diary, outcome="satisfaction")
    table = found.table.set_index("term")
    paired = diary.dropna(subset=["expectation_before", "performance", "satisfaction"])
    assert table.loc["gap", "n"] == len(paired)
    assert table.loc["gap", "n_missing"] == len(diary) - len(paired)
    # Satisfaction rises with the experience and falls with what was expected of it.
    assert table.loc["experience", "conf_low"] > 0
    assert table.loc["expectation", "conf_high"] < 0


def test_journeys_that_end_well_differ_from_relabelled_ones_only_by_what_ends_them(nothing: Tables) -> None:
    events = nothing["events"].dropna(subset=["journey_id"]).sample(frac=1, random_state=1)
    rng = np.random.default_rng(3)
    luck = pd.Series(rng.random(events["journey_id"].nunique()) < 0.3, index=events["journey_id"].unique())
    events = events.assign(
        converted=events["journey_id"].map(luck), touchpoint=rng.permutation(events["touchpoint"].to_numpy())
    )
    table = touchpoints.removal_effects(
        events, journey_column="journey_id", order_column="seq", n_boot=0, n_null=100, rng=rng
    ).table
    assert (table["p_value"] < 0.05).mean() <= 0.2
    touched = events["touchpoint"] == "App home"
    events["converted"] |= events["journey_id"].isin(events.loc[touched, "journey_id"])
    table = touchpoints.removal_effects(
        events, journey_column="journey_id", order_column="seq", n_boot=0, n_null=100, rng=rng
    ).table.set_index("term")
    assert table.loc["App home", "p_value"] < 0.02
    assert table.loc["App home", "estimate"] > table.loc["App home", "null_mean"]


def after_home_runs(company: Tables) -> pd.DataFrame:
    """One row a customer and month of the randomised experiment, with the days since the grand gesture."""
    arms = company["experiments"].query("experiment == 'home run'")[["customer_id", "assigned_at"]]
    given = company["touches"].query("kind == 'home run'")[["customer_id", "ts"]]
    months = company["truth_customer"][["customer_id", "month", "affect"]].merge(arms, on="customer_id")
    months = months.merge(given, on="customer_id", how="left")
    ends = months["month"].map(pd.Series(pd.date_range("2023-01-01", periods=37, freq="MS")))
    days = (ends - months["ts"]).dt.total_seconds() / 86_400
    is_near = (ends - pd.to_datetime(months["assigned_at"])).dt.days.between(0, 240)
    near = months.assign(days_since=days.where(days >= 0))[is_near & ~(days < 0)]
    # Moods drift over the months (who is unhappy leaves): take off what the control group felt in each.
    untouched = near[near["days_since"].isna()].groupby("month")["affect"].mean()
    return near.assign(affect=near["affect"] - near["month"].map(untouched))


def test_a_grand_gesture_fades_with_the_half_life_of_the_truth_and_not_where_it_has_no_effect(
    claimed: Tables, null: Tables
) -> None:
    true = truth("claimed")["value"]
    rng = np.random.default_rng(1)
    table = touchpoints.fade(after_home_runs(claimed), outcome_column="affect", rng=rng).table
    assert table.loc[1, "p_value"] < 0.01
    assert table.loc[0, "conf_low"] < true["affect_half_life"] < table.loc[0, "conf_high"]
    assert table.loc[0, "estimate"] == pytest.approx(true["affect_half_life"], rel=0.2)
    assert table.loc[1, "estimate"] == pytest.approx(true["touch_home_run"], rel=0.2)
    silent = touchpoints.fade(after_home_runs(null), outcome_column="affect", rng=rng).table
    assert silent.loc[1, "p_value"] > 0.01


def contacts_and_leaving(company: Tables, days: float = 90) -> pd.DataFrame:
    """One row a contact: whether it failed, whether the customer left soon after it, and days watched."""
    rows = company["events"][["event_id", "customer_id", "touchpoint", "ts", "failed"]]
    left = pd.to_datetime(rows["customer_id"].map(company["exits"].set_index("customer_id")["date"]))
    ahead = (left.fillna(pd.Timestamp("2026-01-01")) - rows["ts"]).dt.total_seconds() / 86_400
    return rows.assign(left=left.notna() & (ahead <= days), days=ahead.clip(0.5, days))


def after_failures(company: Tables, rng: int = 1) -> tuple[Estimates, pd.Series]:
    """Return the moments of truth, and how far failures move minds in truth: their sum of gains."""
    rows = contacts_and_leaving(company)
    found = touchpoints.moments_of_truth(
        rows, outcome_column="left", exposure_column="days", rng=np.random.default_rng(rng)
    )
    moved = rows.merge(company["truth_event"][["event_id", "gain"]], on="event_id")
    return found, (moved["gain"] * moved["failed"]).groupby(moved["touchpoint"]).sum()


def test_moments_of_truth_are_found_where_a_mind_decides_to_leave(claimed: Tables) -> None:
    found, true = after_failures(claimed)
    table = found.table.set_index("term")
    assert table["estimate"].corr(true, method="spearman") > 0.75
    assert table.loc[true.nlargest(5).index, "is_found"].all()
    assert (table.loc[table["is_found"], "estimate"] > 0).all()
    hazard = found.details["hazard"].set_index("term").loc["all touchpoints"]
    assert hazard["conf_low"] > 1.15
    split = found.details["split"].set_index("term")["estimate"]
    assert split["rank correlation"] > 0.5


def test_moments_of_truth_are_silent_where_nobody_leaves_for_what_was_felt(null: Tables) -> None:
    found, true = after_failures(null)
    assert not found.table["is_found"].any()
    assert found.table.set_index("term")["estimate"].corr(true, method="spearman") < 0.4
    assert found.details["all"]["p_value"].item() > 0.01
    hazard = found.details["hazard"].set_index("term").loc["all touchpoints"]
    assert hazard["conf_low"] < 1 < hazard["conf_high"]
    split = found.details["split"].set_index("term")["estimate"]
    assert split["tested in the other half"] < 0.5 * split["found and tested in the same half"]
