"""Published shares of R², recomputed; sources and tolerances stand beside the numbers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxmeasure import touchpoints
from cxmeasure._stats import pooling

CASES: dict[str, Any] = json.loads(Path(__file__).with_name("touchpoints.json").read_text(encoding="utf-8"))


def _attitude() -> tuple[pd.DataFrame, list[str], dict[str, Any]]:
    case = CASES["attitude_lmg"]
    departments = pd.DataFrame(case["inputs"]["rows"], columns=case["inputs"]["columns"])
    return departments, case["inputs"]["columns"][1:], case


def _mtcars() -> tuple[pd.DataFrame, list[str], dict[str, Any]]:
    case = CASES["mtcars_rwa"]
    names = ["mpg", "cyl", "disp", "hp", "gear"]
    return pd.DataFrame(case["inputs"]["rows_mpg_cyl_disp_hp_gear"], columns=names), names[1:], case


@pytest.mark.parametrize("method", ["lmg", "dominance"])
def test_attitude_survey_gives_the_shares_that_r_prints(method: str) -> None:
    departments, drivers, case = _attitude()
    result = touchpoints.importance(departments, outcome="rating", drivers=drivers, method=method, n_boot=0)
    shares = result.table.set_index("term")["estimate"]
    assert result.details["r2"]["estimate"].item() == pytest.approx(case["expected"]["r2"], abs=5e-5)
    assert shares.to_dict() == pytest.approx(case["expected"]["lmg"], abs=case["tolerance"])
    assert shares.to_dict() == pytest.approx(case["expected"]["lmg_6dp_computed"], abs=5e-7)


def test_attitude_survey_gives_the_complete_dominance_that_r_prints() -> None:
    departments, drivers, case = _attitude()
    result = touchpoints.importance(
        departments, outcome="rating", drivers=drivers, method="dominance", n_boot=0
    )
    pairs = result.details["dominance"]
    found = {
        name: set(pairs.loc[pairs["is_complete"] & (pairs["driver"] == name), "other"]) for name in drivers
    }
    assert found == {name: set(others) for name, others in case["expected"]["complete_dominance"].items()}


def test_attitude_survey_gives_the_relative_weights_computed_elsewhere() -> None:
    departments, drivers, case = _attitude()
    result = touchpoints.importance(
        departments, outcome="rating", drivers=drivers, method="johnson", n_boot=0
    )
    shares = result.table.set_index("term")["estimate"]
    assert shares.to_dict() == pytest.approx(case["expected"]["johnson_rw_computed"], abs=1e-6)


@pytest.mark.parametrize("from_rows", [True, False])
def test_mtcars_gives_the_relative_weights_of_r_package_rwa(from_rows: bool) -> None:
    cars, drivers, case = _mtcars()
    source: dict[str, Any] = {"customers": cars} if from_rows else {"correlations": cars.corr()}
    result = touchpoints.importance(**source, outcome="mpg", drivers=drivers, method="johnson", n_boot=0)
    expected, tolerance = case["expected"], case["tolerance"]
    assert result.details["r2"]["estimate"].item() == pytest.approx(expected["r2"], abs=tolerance)
    np.testing.assert_allclose(result.table["estimate"], expected["raw"], atol=tolerance)
    np.testing.assert_allclose(100 * result.table["share_of_r2"], expected["rescaled_pct"], atol=1e-5)


def test_mtcars_gives_the_lmg_shares_of_r_package_relaimpo() -> None:
    cars, drivers, case = _mtcars()
    result = touchpoints.importance(cars, outcome="mpg", drivers=drivers, n_boot=0)
    np.testing.assert_allclose(result.table["estimate"], case["expected"]["lmg_relaimpo"], atol=1e-12)


@pytest.mark.parametrize("method", ["lmg", "johnson", "dominance"])
def test_two_drivers_agree_with_the_shares_worked_out_by_hand(method: str) -> None:
    case = CASES["two_predictor_hand"]
    among, with_outcome = np.array(case["inputs"]["corr_x"]), np.array(case["inputs"]["corr_xy"])
    square = np.block([[among, with_outcome[:, None]], [with_outcome[None, :], np.ones((1, 1))]])
    matrix = pd.DataFrame(square, index=["a", "b", "y"], columns=["a", "b", "y"])
    result = touchpoints.importance(correlations=matrix, outcome="y", drivers=["a", "b"], method=method)
    expected = case["expected"]["johnson" if method == "johnson" else "lmg"]
    np.testing.assert_allclose(result.table["estimate"], expected, atol=case["tolerance"])
    assert result.details["r2"]["estimate"].item() == pytest.approx(case["expected"]["r2"], abs=1e-12)


def test_dyestuff_gives_the_spreads_and_shrunken_batches_of_lme4() -> None:
    case = CASES["dyestuff_shrinkage"]
    yields = pd.DataFrame(case["inputs"]["rows"], columns=["batch", "grams"])
    found = touchpoints.scores(yields, score_column="grams", by=["batch"], spread="reml")
    spread = found.details["spread"].set_index("term")["estimate"]
    expected, tolerance = case["expected"], case["tolerance"]
    assert spread["centre"] == pytest.approx(expected["mean"])
    assert spread["between groups"] ** 2 == pytest.approx(expected["var_between"], abs=tolerance["var"])
    assert spread["within groups"] ** 2 == pytest.approx(expected["var_within"], abs=tolerance["var"])
    blup = found.table["estimate"] - spread["centre"]
    assert dict(zip(found.table["batch"], blup, strict=True)) == pytest.approx(
        expected["blup"], abs=tolerance["blup"]
    )


def test_batting_averages_shrink_as_efron_and_morris_printed() -> None:
    case = CASES["efron_morris_js"]
    n, hits = case["inputs"]["at_bats"], np.array(case["inputs"]["hits"])
    share, c = hits / n, case["expected"]["shrink_c"]
    variance = share.mean() * (1 - share.mean()) / n
    spread = float(np.sqrt(variance * c / (1 - c)))
    known = pooling.at_spread(share, np.full(18, 1 / variance), np.full(18, 1e9), spread)
    estimate = known.summary(0.95)[0]
    assert share.mean() == pytest.approx(case["expected"]["grand_mean"], abs=5e-4)
    np.testing.assert_allclose(estimate, case["expected"]["james_stein"], atol=case["tolerance"]["js"])


def test_pooled_batting_averages_are_nearer_to_the_season_than_raw_ones() -> None:
    case = CASES["efron_morris_js"]
    n, hits, names = case["inputs"]["at_bats"], np.array(case["inputs"]["hits"]), case["inputs"]["names"]
    at_bats = pd.DataFrame(
        {"player": np.repeat(names, n), "hit": (np.arange(n) < hits[:, None]).ravel().astype(int)}
    )
    found = touchpoints.scores(at_bats, score_column="hit", by=["player"], metric="share", threshold=1)
    table = found.table.set_index("player").loc[names]
    season = np.array(case["inputs"]["season_p"])
    raw, pooled = (((table[column] - season) ** 2).sum() for column in ("raw", "estimate"))
    assert raw == pytest.approx(case["expected"]["computed"]["tse_mle_raw"], abs=5e-7)
    assert raw / pooled > 2.8  # James–Stein: 3.5; averaging over the spread shrinks a little less
    assert ((table["conf_low"] <= season) & (season <= table["conf_high"])).mean() >= 0.93


def test_eight_schools_pool_to_the_published_mean_and_no_spread() -> None:
    case = CASES["eight_schools_pooling"]
    effects, errors = (np.array(case["inputs"][name], dtype=float) for name in ("y", "se"))
    _, centre, variance = pooling.restricted_likelihood(effects, errors**-2, np.zeros(1))
    computed = case["expected"]["computed"]
    assert centre[0] == pytest.approx(computed["pooled"], abs=1e-6)
    assert np.sqrt(variance[0]) == pytest.approx(computed["se"], abs=1e-6)
    assert (((effects - centre) / errors) ** 2).sum() == pytest.approx(computed["Q"], abs=1e-6)
    assert pooling.reml_spread(effects, errors**-2) == 0


def test_eight_schools_with_the_spread_integrated_are_those_of_the_textbook() -> None:
    # BDA3, Table 5.3: medians 10 8 7 8 5 6 10 8 from 200 draws, recalled; their means are within ±2 here.
    case = CASES["eight_schools_pooling"]
    effects, errors = (np.array(case["inputs"][name], dtype=float) for name in ("y", "se"))
    mean, _, low, high = pooling.integrated(effects, errors**-2, np.full(8, 1e9)).summary(0.95)
    np.testing.assert_allclose(mean, [11, 8, 6, 8, 5, 6, 10, 8], atol=1)
    np.testing.assert_allclose([low[0], high[0]], [-2, 31], atol=2)


def test_three_paths_lose_exactly_what_was_worked_out_by_hand() -> None:
    case = CASES["three_path_markov"]
    inputs, expected = case["inputs"], case["expected"]
    steps = pd.DataFrame(
        [
            (path, name, step, won > 0)
            for path, (names, won) in enumerate(zip(inputs["paths"], inputs["conversions"], strict=True))
            for step, name in enumerate(names)
        ],
        columns=["customer_id", "touchpoint", "ts", "converted"],
    )
    found = touchpoints.removal_effects(steps, n_boot=0, n_null=0)
    table = found.table.set_index("term")
    assert found.details["conversion"]["estimate"].item() == pytest.approx(
        expected["p_conversion"], abs=case["tolerance"]
    )
    assert table["estimate"].to_dict() == pytest.approx(expected["removal"], abs=case["tolerance"])
    assert table["attributed_share"].to_dict() == pytest.approx(expected["attributed"], abs=case["tolerance"])


def test_copenhagen_residents_give_the_ordered_model_that_r_prints() -> None:
    case = CASES["mass_housing_polr"]
    cells = pd.read_csv(Path(__file__).parents[2] / case["inputs"]["table"])
    residents = cells.loc[np.repeat(cells.index, cells["residents"])]
    result = touchpoints.importance(
        residents.assign(rank=residents["satisfaction"].map({"Low": 1, "Medium": 2, "High": 3})),
        outcome="rank",
        drivers=["influence", "housing", "contact"],
        model="ordinal",
        n_boot=0,
    )
    expected = case["expected"]
    found = result.details["model"].set_index("term")
    slope, error = found["estimate"], found["std_error"]
    # R measures from Low, Tower and Low; here the first in the alphabet is what others are measured from.
    assert -slope["influence: Low"] == pytest.approx(expected["coef"]["InflHigh"], abs=5e-5)
    assert error["influence: Low"] == pytest.approx(expected["se"]["InflHigh"], abs=5e-5)
    assert slope["influence: Medium"] - slope["influence: Low"] == pytest.approx(
        expected["coef"]["InflMedium"], abs=5e-5
    )
    assert -slope["housing: Tower"] == pytest.approx(expected["coef"]["TypeApartment"], abs=5e-5)
    for kind in ("Atrium", "Terrace"):
        difference = slope[f"housing: {kind}"] - slope["housing: Tower"]
        assert difference == pytest.approx(expected["coef"][f"Type{kind}"], abs=5e-5)
    assert -slope["contact: Low"] == pytest.approx(expected["coef"]["ContHigh"], abs=5e-5)
    assert error["contact: Low"] == pytest.approx(expected["se"]["ContHigh"], abs=5e-5)
    assert slope["threshold 2 | 3"] - slope["threshold 1 | 2"] == pytest.approx(
        expected["thresholds"]["Medium|High"] - expected["thresholds"]["Low|Medium"], abs=5e-5
    )
    r2 = result.details["r2"].iloc[0]
    assert r2["deviance"] == pytest.approx(expected["deviance"], abs=5e-4)
    assert r2["deviance_null"] == pytest.approx(-2 * expected["loglik_null"], abs=1e-6)
    assert r2["estimate"] == pytest.approx(1 + expected["deviance"] / 2 / expected["loglik_null"], abs=1e-7)
    assert result.table["estimate"].sum() == pytest.approx(r2["estimate"], abs=1e-12)
    assert r2["n"] == expected["n"]
