"""The trial itself: it covers every estimator of the wing, and its machinery counts right."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxmeasure import survey

sys.path.insert(0, str(Path(__file__).parent))
import metric_coverage
from scenario import Sample, Scenario, scored

HERE = Path(__file__).parent
SCENARIOS = runpy.run_path(str(HERE / "survey.py"))["SCENARIOS"].all
WITHOUT_INTERVAL = {"chart", "tally_responses", "sample_size"}


def test_every_estimator_with_an_interval_is_tried_where_it_holds_and_where_it_does_not():
    names = set(survey.__all__) - WITHOUT_INTERVAL
    for holds in (True, False):
        assert names == {each.function for each in SCENARIOS if each.holds is holds}


def test_no_two_scenarios_have_the_same_name():
    names = [(each.function, each.name) for each in SCENARIOS]
    assert len(names) == len(set(names))


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


@pytest.mark.parametrize("position", range(0, len(SCENARIOS), 12))
def test_a_scenario_repeats_itself_with_the_same_stream(position):
    first, second = (SCENARIOS[position].draw(np.random.default_rng(1)).table for _ in range(2))
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
