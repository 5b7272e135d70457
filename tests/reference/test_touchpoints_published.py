"""Published shares of R², recomputed; sources and tolerances stand beside the numbers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxmeasure import touchpoints

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
