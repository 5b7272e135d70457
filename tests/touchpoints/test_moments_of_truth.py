"""`touchpoints.moments_of_truth`: by hand, by statsmodels, engines, coverage, silence, bad input."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import statsmodels.api as sm

from cxmeasure import touchpoints
from cxmeasure.errors import EstimationError

sys.path.insert(0, str(Path(__file__).parents[1]))

from engines import ENGINES, on_engine

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ibis", "ignore::FutureWarning:ibis")

NAMES = ['<script>"a"', "b, c", "d", "e", "f", "g"]
BAD = np.array([0.3, 0.3, 0.2, 0.2, 0.1, 0.1])


def contacts(n: int = 1500, seed: int = 1, *, effect: Any = 0.0, spread: float = 0.5) -> pd.DataFrame:
    """Contacts of customers who differ, with a rating that follows (unit of noise one)."""
    rng = np.random.default_rng(seed)
    customer = rng.integers(0, n // 6, n)
    which = rng.integers(0, len(NAMES), n)
    bad = rng.random(n) < BAD[which]
    mood = spread * rng.normal(size=n // 6)[customer]
    felt = mood + np.broadcast_to(effect, len(NAMES))[which] * bad + rng.normal(size=n)
    named = np.array(NAMES, dtype=object)[which]
    rows = pd.DataFrame({"customer_id": customer, "touchpoint": named, "failed": bad, "felt": felt})
    return rows.assign(days=rng.integers(1, 91, n).astype(float), tenure=rng.integers(0, 40, n))


def moments(rows: Any, **choices: Any) -> Any:
    choices = {"outcome_column": "felt", "rng": np.random.default_rng(1), "n_splits": 20} | choices
    return touchpoints.moments_of_truth(rows, **choices)


def quick(rows: pd.DataFrame, **choices: Any) -> Any:
    """The same in Polars, which is four times as fast on tables as small as these."""
    return moments(pl.from_pandas(rows), **choices)


def test_rates_of_leaving_are_those_worked_out_by_hand() -> None:
    # Eighty customers touch the shop twice. Bad: 40 contacts, 400 days, 16 leave. Good: 120, 2,000, 24.
    rows = pd.DataFrame({"customer_id": np.arange(160) // 2, "touchpoint": "shop"})
    rows["bad"] = rows.index < 40
    rows["days"] = np.where(rows["bad"], 10.0, 2000 / 120)
    rows["left"] = rows.index.isin([*range(16), *range(40, 64)])
    found = moments(rows, outcome_column="left", shortfall_column="bad", exposure_column="days")
    row = found.table.iloc[0]
    assert row["effect"] == pytest.approx(16 / 400 - 24 / 2000)
    assert row["reach"] == pytest.approx(2400 / 80)
    assert row["gap"] == pytest.approx(400 / 2400)
    assert row["estimate"] == pytest.approx((16 / 400 - 24 / 2000) * 400 / 80)
    hazard = found.details["hazard"].set_index("term")["estimate"]
    assert hazard.tolist() == pytest.approx([(16 / 400) / (24 / 2000)] * 2)


def test_effects_and_errors_are_those_of_statsmodels_by_touchpoint() -> None:
    rows = contacts(1140, effect=-1.0)
    table = moments(rows, control_columns=["tenure"]).table.set_index("term")
    for name, some in rows.groupby("touchpoint"):
        design = sm.add_constant(some[["failed", "tenure"]].astype(float))
        fit = sm.OLS(some["felt"], design).fit(cov_type="cluster", cov_kwds={"groups": some["customer_id"]})
        assert table.loc[name, "effect"] == pytest.approx(fit.params["failed"])
        error = abs(table.loc[name, "effect"] / table.loc[name, "statistic"])
        conventional = sm.OLS(some["felt"], design).fit().bse["failed"]
        assert error == pytest.approx(max(fit.bse["failed"], conventional), rel=0.05)


def test_rates_are_those_of_least_squares_weighted_with_days() -> None:
    rows = contacts(2400).assign(left=lambda frame: frame["felt"] > 0)
    table = moments(rows, outcome_column="left", exposure_column="days", control_columns=["tenure"]).table
    effect = table.set_index("term")["effect"]
    for name, some in rows.groupby("touchpoint"):
        design = sm.add_constant(some[["failed", "tenure"]].astype(float))
        fit = sm.WLS(some["left"] / some["days"], design, weights=some["days"]).fit()
        assert effect[name] == pytest.approx(fit.params["failed"])


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same(engine: str, tmp_path: Path) -> None:
    rows = contacts(600, effect=-1.0)
    rows.loc[::50, "felt"] = np.nan
    expected = moments(rows, exposure_column="days")
    found = moments(on_engine(engine, rows, tmp_path), exposure_column="days")
    pd.testing.assert_frame_equal(found.table, expected.table)
    assert found.table["n_missing"].iloc[0] == 12


def test_intervals_hold_the_consequence_as_often_as_they_say() -> None:
    effect = np.array([-1.0, -0.5, -1.0, 0.0, -0.5, 0.0])
    # Each contact is with one of six touchpoints, and a customer has six: reach one.
    true = effect * BAD
    held = []
    for seed in range(40):
        table = quick(contacts(seed=seed, effect=effect), n_splits=0, n_draws=2).table.set_index("term")
        table = table.loc[NAMES]
        held.append((table["conf_low"] <= true) & (true <= table["conf_high"]))
    assert 0.92 <= np.mean(held) <= 0.98


def test_where_nothing_follows_something_is_found_and_called_concentrated_in_one_of_twenty() -> None:
    found, uneven, flattered = [], [], []
    for seed in range(60):
        result = quick(contacts(seed=seed), n_draws=200, n_splits=10)
        found.append(result.table["is_found"].any())
        uneven.append(result.details["gini"]["p_value"].item() < 0.05)
        flattered.append(result.details["split"].set_index("term")["estimate"].head(2).tolist())
    assert np.mean(found) <= 0.1
    assert np.mean(uneven) <= 0.12
    here, there = np.mean(flattered, axis=0)
    assert here > 0.03
    assert abs(there) < 0.01


def test_one_effect_for_all_is_not_called_uneven_and_one_of_six_is() -> None:
    same, one = [], []
    for seed in range(20):
        rows = contacts(seed=seed, effect=-1.0)
        same.append(quick(rows, n_splits=0, n_draws=200).details["gini"]["p_value"].item() < 0.05)
        rows = contacts(seed=seed, effect=np.array([-2.0, 0, 0, 0, 0, 0]))
        one.append(quick(rows, n_splits=0, n_draws=200).details["gini"]["p_value"].item() < 0.05)
    assert np.mean(same) <= 0.15
    assert np.mean(one) >= 0.9


def test_a_touchpoint_of_one_contact_is_said_to_have_too_few() -> None:
    rows = contacts(600)
    rows.loc[0, "touchpoint"] = "seen once"
    table = moments(rows).table.set_index("term")
    assert np.isnan(table.loc["seen once", "estimate"])
    assert "fewer than 10" in table.loc["seen once", "note"]
    assert not table.loc["seen once", "is_found"]


def test_a_control_that_is_the_shortfall_leaves_no_touchpoint() -> None:
    rows = contacts(600).assign(again=lambda frame: frame["failed"])
    with pytest.raises(EstimationError, match="controls that do not determine the shortfall"):
        moments(rows, control_columns=["again"])


def test_the_order_of_rows_changes_nothing_and_the_input_stays() -> None:
    rows = contacts(600)
    before = rows.copy()
    expected = moments(rows).table
    pd.testing.assert_frame_equal(moments(rows.sample(frac=1, random_state=1)).table, expected)
    pd.testing.assert_frame_equal(rows, before)
