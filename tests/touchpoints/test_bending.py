"""`penalty_reward` and `expectation_gap`: second computations, engines, power and silence, refusals."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from cxmeasure import touchpoints
from cxmeasure.errors import ArgumentError, DataError, EstimationError

sys.path.insert(0, str(Path(__file__).parents[1]))

from engines import ENGINES, on_engine

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ibis", "ignore::FutureWarning:ibis")


def answers(n: int = 600, seed: int = 1, *, below: float = 0.6, top: int = 10) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    app, shop = rng.normal(size=(2, n))
    felt = np.where(app < 0, below, 0.6) * app + 0.3 * shop + rng.normal(size=n)
    overall = np.clip(np.round(8 + 2 * felt), 0, top)
    return pd.DataFrame(
        {"customer_id": np.arange(n) // 2, "app": app, "shop": shop, "overall": overall}
    ).sample(frac=1, random_state=seed)


def slopes_of(rows: Any, **choices: Any) -> pd.DataFrame:
    choices = {"outcome": "overall", "drivers": ["app", "shop"], "neutral": 0} | choices
    return touchpoints.penalty_reward(rows, **choices).table


def diary(n: int = 400, seed: int = 1, *, gap: float = 0.5, curve: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    before = rng.integers(-3, 4, n).astype(float)
    after = np.clip(np.round(before * 0.3 + rng.normal(size=n) * 1.5), -3, 3)
    felt = after * gap - before * gap + curve * after**2 + rng.normal(size=n)
    customer = np.arange(n) // 3
    return pd.DataFrame(
        {"customer_id": customer, "expectation_before": before, "performance": after, "satisfaction": felt}
    )


def test_with_two_answers_the_slopes_are_those_of_a_probit_in_statsmodels() -> None:
    rows = answers().assign(overall=lambda frame: (frame["overall"] > 8).astype(int))
    design = pd.DataFrame(
        {f"{name} {side}": cut(rows[name], 0) for name in ("app", "shop") for side, cut in _CUTS.items()}
    )
    fit = sm.Probit(rows["overall"], sm.add_constant(design)).fit(
        disp=False, cov_type="cluster", cov_kwds={"groups": rows["customer_id"]}
    )
    table = slopes_of(rows)
    found = table[table["term"] != "penalty - reward"]
    np.testing.assert_allclose(found["estimate"], fit.params[1:], rtol=2e-3)
    np.testing.assert_allclose(found["std_error"], fit.bse[1:], rtol=2e-2)


_CUTS = {"penalty": np.minimum, "reward": np.maximum}


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same_slopes_and_surface(engine: str, tmp_path: Path) -> None:
    rows = answers(200)
    pd.testing.assert_frame_equal(
        slopes_of(on_engine(engine, rows, tmp_path)), slopes_of(rows), rtol=1e-6, check_dtype=False
    )
    pairs = diary(120)
    pairs.loc[:9, "expectation_before"] = np.nan
    pd.testing.assert_frame_equal(
        touchpoints.expectation_gap(on_engine(engine, pairs, tmp_path), outcome="satisfaction").table,
        touchpoints.expectation_gap(pairs, outcome="satisfaction").table,
        rtol=1e-8,
        check_dtype=False,
    )


def test_a_bend_is_found_where_there_is_one_and_a_clipped_scale_does_not_make_one() -> None:
    bent, straight, clipped = [], [], []
    for seed in range(12):
        table = slopes_of(answers(seed=seed, below=1.2))
        bent.append(table.loc[2, "p_value"] < 0.05)
        found = touchpoints.penalty_reward(
            answers(1500, seed=seed), outcome="overall", drivers=["app", "shop"], neutral=0
        )
        straight.append(found.table.loc[2, "p_value"] < 0.05)
        clipped.append(found.details["least_squares"].loc[2, "p_value"] < 0.05)
    assert np.mean(bent) >= 0.8
    assert np.mean(straight) <= 0.25
    assert np.mean(clipped) > 0.7, "least squares takes the end of the scale for a bend"


def test_the_gap_and_the_surface_are_those_of_statsmodels() -> None:
    pairs = diary(curve=0.1)
    found = touchpoints.expectation_gap(pairs, outcome="satisfaction")
    table = found.table.set_index("term")
    x, y = pairs["expectation_before"], pairs["performance"]
    assert table.loc["gap", "estimate"] == pytest.approx((y - x).mean())
    design = sm.add_constant(pd.DataFrame({"x": x, "y": y, "xx": x * x, "xy": x * y, "yy": y * y}))
    fit = sm.OLS(pairs["satisfaction"], design).fit(
        cov_type="cluster", cov_kwds={"groups": pairs["customer_id"]}, use_t=True
    )
    np.testing.assert_allclose(table["estimate"].iloc[1:6], fit.params[1:], rtol=1e-8)
    np.testing.assert_allclose(table["std_error"].iloc[1:6], fit.bse[1:], rtol=1e-8)
    shape = fit.t_test("xx - xy + yy = 0")
    assert table.loc["curve where they part (a4)", "std_error"] == pytest.approx(shape.sd.item())
    assert found.details["tests"]["p_value"].iloc[1] == pytest.approx(
        float(fit.f_test("xx = 0, xy = 0, yy = 0").pvalue)
    )


def test_a_difference_score_is_let_pass_where_it_does_and_refuted_where_it_does_not() -> None:
    found = [touchpoints.expectation_gap(diary(seed=seed), outcome="satisfaction") for seed in range(40)]
    fine = [each.details["tests"]["p_value"].iloc[0] for each in found]
    assert np.mean(np.array(fine) < 0.05) <= 0.15
    pairs = diary()
    pairs["satisfaction"] += 0.5 * pairs["performance"]
    tests = touchpoints.expectation_gap(pairs, outcome="satisfaction").details["tests"]
    assert tests["p_value"].iloc[0] < 0.001


def test_unpaired_expectations_are_left_out_and_none_paired_is_refused() -> None:
    pairs = diary()
    pairs.loc[:99, "expectation_before"] = np.nan
    table = touchpoints.expectation_gap(pairs).table
    assert table[["n", "n_missing"]].to_numpy().tolist() == [[300, 100]]
    pairs.loc[100:, "performance"] = np.nan
    with pytest.raises(DataError, match="not asked together"):
        touchpoints.expectation_gap(pairs)


def test_charts_say_what_was_found() -> None:
    chart = touchpoints.chart.penalty_reward(
        touchpoints.penalty_reward(
            answers(800, below=1.4), outcome="overall", drivers=["app", "shop"], neutral=0
        )
    )
    assert "app takes more when bad" in " ".join(chart.title.text)
    gap = touchpoints.expectation_gap(diary().assign(performance=lambda frame: frame["performance"] + 1))
    assert touchpoints.chart.expectation_gap(gap).title.text == ["Experience was better than expected"]


@pytest.mark.parametrize(
    ("change", "choices", "error", "said"),
    [
        ({"app": 3.0}, {}, EstimationError, "0 answers below its neutral point"),
        ({"overall": 5.0}, {}, DataError, "1 different values"),
        ({}, {"drivers": []}, ArgumentError, "at least one other column"),
        ({}, {"neutral": {"app": 1}}, ArgumentError, "no number for the driver 'shop'"),
        ({"customer_id": 4}, {}, EstimationError, "1 customer;"),
    ],
)
def test_what_cannot_be_used_is_refused(change: Any, choices: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        slopes_of(answers().assign(**change), **choices)


def test_an_outcome_by_another_name_is_refused() -> None:
    rows = answers()
    with pytest.raises(EstimationError, match="found no end"):
        slopes_of(rows.assign(app=rows["overall"] - 5.0), drivers=["app"])
    with pytest.raises(EstimationError, match="determine one another"):
        slopes_of(rows.assign(shop=2 * rows["app"]))
