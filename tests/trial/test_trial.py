"""The trial itself: it covers every estimator of the wing, and its machinery counts right."""

import inspect
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cxmeasure

sys.path.insert(0, str(Path(__file__).parent))
import metric_coverage
from scenario import Sample, Scenario, picked, scored

HERE = Path(__file__).parent
WINGS = ("survey", "touchpoints", "lifecycle")
SCENARIOS = {wing: runpy.run_path(str(HERE / f"{wing}.py"))["SCENARIOS"].all for wing in WINGS}
EVERY = [(wing, at) for wing in WINGS for at in range(len(SCENARIOS[wing]))]
WITHOUT_INTERVAL = {
    "survey": {"tally_responses", "sample_size"},
    "touchpoints": {"tally_scores"},
    "lifecycle": {"assign_episodes", "summarise_purchases"},
}
LEAST = 0.93
CHEAP = {  # Under 20 ms a sample, one or two of each wing; taken for being cheap.
    "survey": {"metric: bell, 200 answers", "response_rates: 2,000 invitations"},
    "touchpoints": {"peak_end: 300 journeys", "expectation_gap: 60 customers of 5 pairs, declared"},
    "lifecycle": {"episode_value: 400 moves from each episode", "leaving_hazard: 400 customers, nothing"},
}


def named(wing, at):
    return f"{SCENARIOS[wing][at].function}: {SCENARIOS[wing][at].name}"


def drawn(wing, at, n):
    """Return the rows of `n` samples, and how many samples had no estimate."""
    samples, refused = [], 0
    for seed in range(n):
        try:
            samples.append(SCENARIOS[wing][at].draw(np.random.default_rng([20_26, at, seed])))
        except ArithmeticError:
            refused += 1
    return scored(SCENARIOS[wing][at], samples), refused


@pytest.mark.parametrize("wing", WINGS)
def test_every_estimator_with_an_interval_is_tried_where_it_holds_and_where_it_does_not(wing):
    module = getattr(cxmeasure, wing)
    names = {name for name in module.__all__ if inspect.isfunction(getattr(module, name))}
    for holds in (True, False):
        tried = {each.function for each in SCENARIOS[wing] if each.holds is holds}
        assert names - WITHOUT_INTERVAL[wing] == tried


@pytest.mark.parametrize("wing", WINGS)
def test_the_stored_trial_and_its_page_have_every_estimator(wing):
    root = HERE.parents[1]
    stored = set(pd.read_csv(root / "data" / "trial" / f"{wing}.csv")["function"])
    assert stored == {each.function for each in SCENARIOS[wing]}
    page = (root / "book" / "can-you-trust-an-interval-here.ipynb").read_text(encoding="utf-8")
    assert all(f"trust-{wing}-{function}" in page for function in stored)


@pytest.mark.parametrize("wing", WINGS)
def test_no_two_scenarios_have_the_same_name(wing):
    names = [(each.function, each.name) for each in SCENARIOS[wing]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("wing", "at"), EVERY, ids=lambda value: str(value))
def test_every_scenario_can_be_drawn_and_judged(wing, at):
    rows, refused = drawn(wing, at, 2)
    assert refused < 2, named(wing, at)
    for row in rows:
        has_truth = not np.isnan(row["bias"])
        assert has_truth or not np.isnan(row["alarms"]), named(wing, at)
        assert not has_truth or row["n_without"] == row["n_samples"] or 0 <= row["coverage"] <= 1


@pytest.mark.slow
@pytest.mark.parametrize("wing", WINGS)
def test_cheap_scenarios_hold_as_promised(wing):
    places = [at for at in range(len(SCENARIOS[wing])) if named(wing, at) in CHEAP[wing]]
    assert len(places) == len(CHEAP[wing])
    for at in places:
        for row in drawn(wing, at, 200)[0]:
            error = max(row["monte_carlo_error"], np.sqrt(LEAST * (1 - LEAST) / 200))
            assert row["coverage"] >= LEAST - 3 * error, (named(wing, at), row)


def test_an_interval_that_is_too_narrow_is_found_in_200_samples():
    def draw(rng):
        mean = rng.normal(size=50).mean()
        half = 1.96 * 0.6 / np.sqrt(50)
        return Sample(
            pd.DataFrame(
                {"term": ["x"], "estimate": mean, "conf_low": mean - half, "conf_high": mean + half}
            ),
            {"x": 0.0},
        )

    scenario = Scenario("f", "too narrow", "easy", holds=True, draw=draw)
    samples = [draw(np.random.default_rng(seed)) for seed in range(200)]
    row = scored(scenario, samples)[0]
    assert row["coverage"] < LEAST - 3 * np.sqrt(LEAST * (1 - LEAST) / 200)


def test_a_row_without_an_interval_is_counted_and_is_no_miss():
    tables = [
        pd.DataFrame({"term": ["x"], "estimate": [1.0], "conf_low": [low], "conf_high": [2.0]})
        for low in (0.0, np.nan)
    ]
    scenario = Scenario("f", "by hand", "easy", holds=True, draw=lambda rng: None)
    row = scored(scenario, [Sample(table, {"x": 1.0}) for table in tables])[0]
    assert (row["coverage"], row["n_samples"], row["n_without"], row["mean_width"]) == (1.0, 2, 1, 2.0)


def test_a_row_is_picked_by_its_cells():
    table = pd.DataFrame({"term": ["a", "a"], "period": [1, 2], "estimate": [0.5, 0.25]})
    row = picked(table, {"after two": {"term": "a", "period": 2}})
    assert row[["term", "estimate"]].to_numpy().tolist() == [["after two", 0.25]]
    with pytest.raises(ArithmeticError, match="No row for after three"):
        picked(table, {"after three": {"period": 3}})


def test_coverage_width_bias_and_alarms_by_hand():
    def sample(low, high, alarm):
        table = pd.DataFrame({"term": ["x"], "estimate": [1.0], "conf_low": [low], "conf_high": [high]})
        return Sample(table, {"x": 0.5}, alarm)

    scenario = Scenario("f", "by hand", "easy", holds=True, draw=lambda rng: None)
    row = scored(
        scenario, [sample(0, 2, True), sample(0.5, 2, False), sample(0.6, 2, False), sample(0, 0.4, True)]
    )
    assert (row[0]["coverage"], row[0]["mean_width"], row[0]["bias"]) == pytest.approx((0.5, 1.325, 0.5))
    assert row[0]["monte_carlo_error"] == pytest.approx(0.25)
    assert row[0]["alarms"] == 0.5


@pytest.mark.parametrize(("wing", "at"), EVERY[::25], ids=lambda value: str(value))
def test_a_scenario_repeats_itself_with_the_same_stream(wing, at):
    first, second = (SCENARIOS[wing][at].draw(np.random.default_rng(1)).table for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_the_chart_of_coverage_states_the_lowest():
    rows = pd.DataFrame(
        {
            "shape": "lopsided",
            "method": ["score", "wald"],
            "n": [10, 10],
            "coverage": [0.949, 0.649],
            "mean_width": [1.0, 1.0],
        }
    )
    chart = metric_coverage.drawn(rows).to_dict()
    assert "Lowest: wald, lopsided, 10 answers, 64.9%." in chart["description"]


def test_the_exact_coverage_adds_up_and_is_that_of_the_promise():
    # Two answers with shares .5, 0, .5: outcomes −1, 0 and 1 with chances ¼, ½ and ¼; Wald at the ends has no
    # width, in the middle ±1.96 · √(1/2) reaches beyond both ends.
    assert metric_coverage.coverage(2, (0.5, 0.0, 0.5), "wald") == pytest.approx((0.5, 100.0))
    for shape, shares in metric_coverage.SHAPES.items():
        _, _, chance = metric_coverage.outcomes(50, shares)
        assert chance.sum() == pytest.approx(1, abs=1e-9)
        for method in metric_coverage.METHODS:
            least = 0.93 if min(shares[0], shares[2]) >= 0.05 else 0.87
            assert metric_coverage.coverage(50, shares, method)[0] >= least, (shape, method)
