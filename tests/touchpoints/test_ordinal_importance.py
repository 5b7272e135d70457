"""`touchpoints.importance` of an answer whose levels have only an order."""

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.miscmodels.ordinal_model import OrderedModel

from cxmeasure import touchpoints
from cxmeasure._stats import resample

sys.path.insert(0, str(Path(__file__).parents[1]))
from engines import ENGINES, on_engine

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ibis", "ignore::FutureWarning:ibis")

DRIVERS = ["app", "plan", "price"]


def answers_of(n: int, seed: int = 3) -> pd.DataFrame:
    """Return answers that follow the app and the plan, and have nothing to do with the price."""
    rng = np.random.default_rng(seed)
    app, price = rng.integers(0, 6, (2, n))
    plan = rng.choice(["basic", "family", "plus"], n)
    felt = 0.5 * app + 1.2 * (plan == "plus") + rng.logistic(size=n)
    answers = pd.DataFrame({"app": app, "plan": plan, "price": price})
    return answers.assign(overall=np.digitize(felt, [0, 1, 2.5]), customer=[f"c{i:04d}" for i in range(n)])


def shares_of(answers: Any, **choices: Any) -> Any:
    choices = {"drivers": DRIVERS, "rng": np.random.default_rng(11)} | choices
    return touchpoints.importance(answers, outcome="overall", model="ordinal", **choices)


def refitted(answers: pd.DataFrame, drivers: list[str]) -> float:
    """Return the log-likelihood of statsmodels' own fit of rows, by its own way of differentiation."""
    if not drivers:
        counts = answers["overall"].value_counts()
        return float((counts * np.log(counts / counts.sum())).sum())
    design = pd.get_dummies(answers[drivers], drop_first=True, dtype=float)
    return float(OrderedModel(answers["overall"], design, distr="logit").fit(method="bfgs", disp=False).llf)


def test_shares_are_the_average_gain_over_all_orders_of_models_fitted_to_rows() -> None:
    answers = answers_of(400)
    logs = {
        frozenset(some): refitted(answers, list(some))
        for size in range(4)
        for some in itertools.combinations(DRIVERS, size)
    }
    expected = dict.fromkeys(DRIVERS, 0.0)
    for order in itertools.permutations(DRIVERS):
        for place, name in enumerate(order):
            gain = logs[frozenset(order[: place + 1])] - logs[frozenset(order[:place])]
            expected[name] -= gain / logs[frozenset()] / 6
    found = shares_of(answers, n_boot=0, method="dominance")
    assert found.table.set_index("term")["estimate"].to_dict() == pytest.approx(expected, abs=1e-6)
    assert found.details["gains"].groupby("term")["gain"].mean().to_dict() == pytest.approx(
        expected, abs=1e-6
    )
    assert found.details["r2"]["deviance"].item() == pytest.approx(-2 * logs[frozenset(DRIVERS)], abs=1e-3)


def test_a_group_enters_as_one_driver() -> None:
    answers = answers_of(300)
    alone = shares_of(answers, drivers=["app", "plan"], n_boot=0)
    together = shares_of(answers, drivers={"all": ["app", "plan"]}, n_boot=0)
    assert together.table["estimate"].item() == pytest.approx(alone.table["estimate"].sum(), abs=1e-12)


def test_only_the_order_of_the_answers_counts() -> None:
    answers = answers_of(300)
    stretched = answers.assign(overall=answers["overall"].map({0: -7, 1: 0, 2: 0.5, 3: 100}))
    pd.testing.assert_frame_equal(shares_of(answers).table, shares_of(stretched).table)


def test_a_draw_of_the_bootstrap_is_nearly_what_a_fit_of_the_rows_drawn_gives() -> None:
    answers = answers_of(180).drop(columns="customer")
    result = shares_of(answers, n_boot=8, rng=np.random.default_rng(5))
    counts = resample.bucket_counts(180, 8, np.random.default_rng(5)).astype(int)
    numbered = answers.sort_values(sorted([*DRIVERS, "overall"]), ignore_index=True)
    again = [
        shares_of(numbered.loc[np.repeat(np.arange(180), count)], n_boot=0).table["estimate"]
        for count in counts
    ]
    np.testing.assert_allclose(result.draws, again, atol=0.25 * result.table["std_error"].max())


def test_a_weight_counts_a_row_so_many_times_and_rows_of_a_customer_are_drawn_together() -> None:
    answers = answers_of(250).assign(weight=np.arange(250) % 3)
    repeated = answers.loc[np.repeat(answers.index, answers["weight"])]
    weighted = shares_of(answers, weight_column="weight", n_boot=0)
    expected = shares_of(repeated, n_boot=0)
    np.testing.assert_allclose(weighted.table["estimate"], expected.table["estimate"], atol=1e-9)
    fourfold = shares_of(pd.concat([answers] * 4), customer_column="customer")
    once = shares_of(answers, customer_column="customer")
    np.testing.assert_allclose(fourfold.draws, once.draws, atol=1e-9)
    slopes, errors = (
        [result.details["model"][column] for result in (fourfold, once)]
        for column in ("estimate", "std_error")
    )
    np.testing.assert_allclose(*slopes, atol=1e-8)
    np.testing.assert_allclose(*errors, rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same(engine: str, tmp_path: Path) -> None:
    answers = answers_of(300)
    answers["app"] = answers["app"].astype(float).where(answers.index > 4)
    expected = shares_of(answers, n_null=20, customer_column="customer")
    found = shares_of(on_engine(engine, answers, tmp_path), n_null=20, customer_column="customer")
    assert expected.table["n_missing"].tolist() == [5] * 3
    pd.testing.assert_frame_equal(found.table, expected.table, rtol=1e-9)
    pd.testing.assert_frame_equal(found.details["model"], expected.details["model"], rtol=1e-7)


def test_what_is_there_comes_first_and_noise_is_told_from_zero_as_often_as_promised() -> None:
    called, seen = [], []
    for seed in range(40):
        table = shares_of(answers_of(250, seed), n_boot=0, n_null=199).table.set_index("term")
        called.append(table.loc["price", "p_value"] < 0.05)
        assert table.loc["app", "p_value"] == 1 / 200
        assert table["rank"].iloc[2] == 3
        seen.append(table.loc["plan", "p_value"] < 0.05)
    assert np.mean(called) <= 0.15
    assert np.mean(seen) >= 0.9


def test_the_chart_speaks_of_deviance() -> None:
    result = shares_of(answers_of(300), n_boot=50)
    chart = touchpoints.chart.importance(result)
    assert "McFadden" in chart.to_json(ensure_ascii=False)
    assert "variance" not in chart.to_json()
    assert "app" in " ".join(chart.title.text)
    assert "of 300, intervals meant to hold 95 in 100" in repr(result)
    assert "of 300" not in repr(shares_of(answers_of(300), n_boot=0))
