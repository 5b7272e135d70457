"""`touchpoints.fade`: a second computation by curve fitting, engines, coverage, silence, refusals."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit

from cxmeasure import touchpoints
from cxmeasure.errors import DataError, EstimationError

sys.path.insert(0, str(Path(__file__).parents[1]))

from engines import ENGINES, on_engine

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ibis", "ignore::FutureWarning:ibis")

HALF, EFFECT = (10.0, 40.0), (2.0, 1.0)


def outcomes(
    n: int = 1500, seed: int = 1, *, effect: tuple[float, float] = EFFECT, eta: float = 0.0
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n)
    days, number = rng.integers(0, 120, n).astype(float), rng.integers(1, 8, n)
    size = np.array([0.0, *effect])[kind] * np.exp(-eta * (number - 1))
    felt = size * 2.0 ** (-days / np.array([1.0, *HALF])[kind]) + rng.normal(size=n)
    days[kind == 0] = np.nan
    names = np.array(["", "home run", "<i>card</i>"])[kind]
    return pd.DataFrame(
        {"customer_id": np.arange(n) // 2, "days_since": days, "kind": names, "number": number, "felt": felt}
    )


def faded(rows: Any, **choices: Any) -> Any:
    choices = {"outcome_column": "felt", "rng": np.random.default_rng(1), "n_boot": 150} | choices
    return touchpoints.fade(rows, **choices)


def test_half_life_and_effect_are_those_of_a_fitted_curve() -> None:
    rows = outcomes()
    for kind in ("home run", "<i>card</i>"):
        some = rows[(rows["kind"] == kind) | rows["days_since"].isna()]
        touched, days = some["days_since"].notna(), some["days_since"].fillna(0)

        def curve(_: Any, base: float, effect: float, half: float, on: Any = touched, at: Any = days) -> Any:
            return base + on * effect * 2.0 ** (-at / half)

        best = curve_fit(curve, days, some["felt"], p0=[0, 1, 20])[0]
        found = faded(rows, kind_column="kind").table.set_index(["kind", "term"])["estimate"]
        assert found[kind, "half-life"] == pytest.approx(best[2], rel=0.01)
        assert found[kind, "initial effect"] == pytest.approx(best[1], rel=0.02)
        assert found[kind, "total effect"] == pytest.approx(best[1] * best[2] / np.log(2), rel=0.02)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_fades_alike(engine: str, tmp_path: Path) -> None:
    rows = outcomes(300)
    choices: dict[str, Any] = {"kind_column": "kind", "number_column": "number"}
    found = faded(on_engine(engine, rows, tmp_path), **choices).table
    pd.testing.assert_frame_equal(found, faded(rows, **choices).table, rtol=1e-6, check_dtype=False)


def test_intervals_hold_and_no_effect_is_found_where_there_is_none() -> None:
    held, false = [], []
    true = [10, 2, 20 / np.log(2), 40, 1, 40 / np.log(2)]
    for seed in range(40):
        rng = np.random.default_rng(seed)
        table = faded(outcomes(seed=seed), kind_column="kind", rng=rng).table
        table = table.sort_values("kind", ascending=False, kind="stable")
        held.append((table["conf_low"] <= true) & (table["conf_high"] >= true))
        none = faded(outcomes(seed=seed, effect=(0, 0)), kind_column="kind", rng=rng).table
        false.append((none["p_value"].dropna() < 0.05).mean())
    assert np.mean(held) >= 0.9
    assert np.mean(false) <= 0.1


def test_adaptation_is_found_where_the_tenth_touch_counts_less() -> None:
    for eta in (0.0, 0.15):
        table = faded(outcomes(6000, eta=eta), kind_column="kind", number_column="number").table
        rows = table[table["term"] == "adaptation"]
        assert ((rows["conf_low"] <= eta) & (eta <= rows["conf_high"])).all()
        assert (rows["conf_low"] > 0).all() == (eta > 0)


def test_kinds_are_compared_and_drawn() -> None:
    found = faded(outcomes(4000), kind_column="kind")
    pairs = found.details["pairs"].set_index("term")
    assert pairs.loc["ratio of half-lives", "conf_low"] > 1
    assert pairs.loc["ratio of half-lives", "probability_larger"] == 1
    chart = touchpoints.chart.fade(found)
    assert "halves in" in " ".join(chart.title.text)
    assert "<i>" not in found._repr_html_()
    none = faded(outcomes(effect=(0, 0), seed=3))
    assert none.table["note"].str.contains("no meaning").any()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"days_since": 3.0}, EstimationError, "missing in no row"),
        ({"days_since": np.nan}, EstimationError, "missing in all rows"),
        ({"days_since": -1.0}, DataError, "days below zero"),
        ({"felt": np.nan}, DataError, "1,500 are missing"),
        ({"customer_id": 1}, EstimationError, "1 customer;"),
    ],
)
def test_what_cannot_be_used_is_refused(change: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        faded(outcomes().assign(**change))
