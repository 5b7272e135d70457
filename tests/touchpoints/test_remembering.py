"""`peak_end` and `emotion_curve`: second computations, engines, coverage, what they refuse and draw."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from cxmeasure import touchpoints
from cxmeasure.errors import DataError, EstimationError

sys.path.insert(0, str(Path(__file__).parents[1]))

from engines import ENGINES, on_engine

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ibis", "ignore::FutureWarning:ibis")


def journeys(n: int = 300, seed: int = 1, *, peak: float = 0.25, duration: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    length = rng.integers(1, 7, n)
    path = np.repeat(np.arange(n), length)
    customer = path // 2
    valence = rng.normal(size=len(path)) + 0.5 * rng.normal(size=n)[customer]
    steps = pd.DataFrame(
        {"journey_id": path, "customer_id": customer, "ts": range(len(path)), "valence": valence}
    )
    each = summarised(steps)
    said = (1 - 2 * peak) * each["mean"] + peak * each["peak"] + peak * each["end"] + duration * length
    steps["remembered"] = (said + 0.4 * rng.normal(size=n) + 0.2 * rng.normal(size=n)[each["customer"]])[
        path
    ].to_numpy()
    return steps.sample(frac=1, random_state=seed)


def summarised(steps: pd.DataFrame) -> pd.DataFrame:
    felt = steps.sort_values("ts").groupby("journey_id")["valence"]
    low, high = felt.min(), felt.max()
    return pd.DataFrame(
        {
            "mean": felt.mean(),
            "peak": high.where(high.abs() >= low.abs(), low),
            "end": felt.last(),
            "steps": felt.size(),
            "customer": steps.groupby("journey_id")["customer_id"].first(),
        }
    )


def weights_of(steps: Any, **choices: Any) -> pd.DataFrame:
    return touchpoints.peak_end(steps, **{"remembered_column": "remembered"} | choices).table


def curve_of(steps: Any, **choices: Any) -> pd.DataFrame:
    return touchpoints.emotion_curve(
        steps, **{"rng": np.random.default_rng(1), "n_boot": 300} | choices
    ).table


def test_weights_and_clustered_errors_are_those_of_statsmodels() -> None:
    steps = journeys()
    each = summarised(steps)
    outcome = steps.groupby("journey_id")["remembered"].first()
    design = sm.add_constant(each[["mean", "peak", "end", "steps"]])
    fit = sm.OLS(outcome, design).fit(cov_type="cluster", cov_kwds={"groups": each["customer"]}, use_t=True)
    found = touchpoints.peak_end(steps, remembered_column="remembered")
    np.testing.assert_allclose(found.table["estimate"], fit.params[1:], rtol=1e-8)
    np.testing.assert_allclose(found.table["std_error"], fit.bse[1:], rtol=1e-8)
    np.testing.assert_allclose(found.table["p_value"], fit.pvalues[1:], rtol=1e-6, atol=1e-12)
    assert found.details["fit"]["r2"].item() == pytest.approx(fit.rsquared)
    f = fit.f_test("peak = 0, end = 0")
    test = found.details["tests"].set_index("term").loc["peak and end add to the mean"]
    assert test["statistic"] == pytest.approx(float(f.fvalue))
    assert test["p_value"] == pytest.approx(float(f.pvalue), abs=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same_weights_and_curve(engine: str, tmp_path: Path) -> None:
    steps = journeys(60)
    steps.loc[steps.index[:5], "valence"] = np.nan
    pd.testing.assert_frame_equal(
        weights_of(on_engine(engine, steps, tmp_path)), weights_of(steps), rtol=1e-9, check_dtype=False
    )
    pd.testing.assert_frame_equal(
        curve_of(on_engine(engine, steps, tmp_path)), curve_of(steps), rtol=1e-9, check_dtype=False
    )


def test_controls_are_held_constant_and_journeys_without_memory_left_out() -> None:
    steps = journeys()
    steps["breaks"] = steps["journey_id"] % 3
    steps["remembered"] -= 0.3 * steps["breaks"]
    steps.loc[steps["journey_id"] < 20, "remembered"] = np.nan
    table = weights_of(steps, control_columns=["breaks"]).set_index("term")
    assert table.loc["breaks", "conf_low"] < -0.3 < table.loc["breaks", "conf_high"]
    assert (table["n_missing"] == 20).all()
    assert (table["n"] == 280).all()


def test_duration_is_found_where_it_counts_and_neglect_where_it_does_not() -> None:
    for duration, counts in ((0.0, False), (0.15, True)):
        found = touchpoints.peak_end(journeys(1500, duration=duration), remembered_column="remembered")
        tests = found.details["tests"].set_index("term")["p_value"]
        assert (tests["duration counts"] < 0.01) == counts
        assert (tests["duration neglect"] < 0.05) != counts


def test_weights_are_covered_and_peak_and_end_are_not_found_where_they_are_not() -> None:
    held, false = [], []
    for seed in range(60):
        table = weights_of(journeys(200, seed=seed)).set_index("term")
        held.append(table["conf_low"].le([0.5, 0.25, 0.25, 0]) & table["conf_high"].ge([0.5, 0.25, 0.25, 0]))
        none = touchpoints.peak_end(journeys(200, seed=seed, peak=0.0), remembered_column="remembered")
        false.append(none.details["tests"]["p_value"].iloc[0] < 0.05)
    assert np.mean(held) >= 0.9
    assert np.mean(false) <= 0.15


def test_a_curve_is_the_mean_of_each_step_and_its_band_holds_all_of_it() -> None:
    steps = journeys(100)
    step = steps.sort_values("ts").groupby("journey_id").cumcount() + 1
    table = curve_of(steps).set_index("step")
    np.testing.assert_allclose(table["estimate"], steps["valence"].groupby(step).mean())
    assert (table["conf_low"] < table["point_low"]).all()
    whole, alone, flat = [], [], []
    for seed in range(80):
        found = touchpoints.emotion_curve(
            journeys(120, seed=seed), rng=np.random.default_rng(seed), n_boot=300
        )
        table = found.table
        whole.append(((table["conf_low"] <= 0) & (table["conf_high"] >= 0)).all())
        alone.append(((table["point_low"] <= 0) & (table["point_high"] >= 0)).all())
        flat.append(found.details["flat"]["p_value"].item() < 0.05)
    assert np.mean(whole) >= 0.88
    assert np.mean(alone) < np.mean(whole)
    assert np.mean(flat) <= 0.12


def test_a_dip_is_found_and_drawn_for_each_kind_of_journey() -> None:
    steps = journeys(400)
    steps["kind"] = np.where(steps["journey_id"] % 2 == 0, "<b>fix</b>", "buy, renew")
    step = steps.sort_values("ts").groupby("journey_id").cumcount() + 1
    steps.loc[(step == 3) & (steps["journey_id"] % 2 == 0), "valence"] -= 2
    found = touchpoints.emotion_curve(steps, by=["kind"], rng=np.random.default_rng(1), n_boot=300)
    assert (found.details["flat"].set_index("kind")["p_value"] < 0.05).to_dict() == {
        "<b>fix</b>": True,
        "buy, renew": False,
    }
    chart = touchpoints.chart.emotion_curve(found)
    assert chart.title.text == ["In 1 of 2 kinds of journey the steps differ"]
    alone = touchpoints.emotion_curve(steps[steps["kind"] == "<b>fix</b>"], rng=np.random.default_rng(1))
    assert touchpoints.chart.emotion_curve(alone).title.text[0].startswith("Step 3 is lowest")
    drawn = touchpoints.chart.peak_end(touchpoints.peak_end(steps, remembered_column="remembered"))
    assert drawn.title.text == ["Peak and end add to the mean"]


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"ts": 1}, DataError, "which came first"),
        ({"customer_id": 1}, EstimationError, "come from 1 customer;"),
        ({"valence": np.nan}, DataError, "there is no rated step"),
        ({"valence": np.inf}, DataError, "infinite"),
        ({"journey_id": range(len(journeys()))}, EstimationError, "determine one another"),
    ],
)
def test_what_cannot_be_used_is_refused(change: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        weights_of(journeys().assign(**change))


def test_a_step_with_few_ratings_has_no_band_and_no_say() -> None:
    rng = np.random.default_rng(4)
    steps = pd.DataFrame({"customer_id": np.repeat(np.arange(100), 3), "ts": np.tile([1, 2, 3], 100)})
    steps = steps.assign(valence=rng.normal(size=300), journey_id=steps["customer_id"])
    last = pd.DataFrame({"customer_id": [0], "journey_id": [0], "ts": [4], "valence": [5.0]})
    found = touchpoints.emotion_curve(pd.concat([steps, last]), rng=np.random.default_rng(1))
    without = touchpoints.emotion_curve(steps, rng=np.random.default_rng(1))
    thin = found.table.iloc[3]
    assert thin["estimate"] == 5.0
    assert thin[["std_error", "conf_low", "conf_high", "point_low"]].isna().all()
    assert thin["note"] == "fewer than 10 ratings: no band"
    p = found.details["flat"]["p_value"].iloc[0]
    assert p == pytest.approx(without.details["flat"]["p_value"].iloc[0], abs=0.05)
    alone = touchpoints.emotion_curve(steps[steps["ts"] == 1], rng=np.random.default_rng(1))
    assert alone.details["flat"][["statistic", "p_value"]].isna().all(axis=None)
    assert alone.details["flat"]["note"].iloc[0] == "fewer than two steps with 10 ratings"


@pytest.mark.parametrize("engine", ["pandas", "polars"])
def test_a_step_without_a_rating_keeps_its_place_in_the_journey(engine: str, tmp_path: Path) -> None:
    steps = pd.DataFrame({"customer_id": np.repeat(np.arange(40), 3), "ts": np.tile([1, 2, 3], 40)})
    steps = steps.assign(journey_id=steps["customer_id"], valence=np.tile([1.0, 5.0, 3.0], 40))
    steps.loc[(steps["ts"] == 2) & (steps["journey_id"] < 15), "valence"] = np.nan
    table = curve_of(on_engine(engine, steps, tmp_path), n_boot=100)
    assert table[["step", "n", "estimate"]].to_numpy().tolist() == [[1, 40, 1.0], [2, 25, 5.0], [3, 40, 3.0]]
    assert (table["n_missing"] == 15).all()
