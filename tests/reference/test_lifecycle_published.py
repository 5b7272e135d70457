"""Retention agrees with the numbers that were printed."""

import json
from pathlib import Path
from typing import Any

import pytest

from cxmeasure import lifecycle

PUBLISHED = json.loads((Path(__file__).parent / "lifecycle.json").read_text(encoding="utf-8"))
FADER_HARDIE = PUBLISHED["fader_hardie_2007"]
CASES = ["highend", "regular", "regular_years_0_to_4"]


def on_years_0_to_7(case: str) -> Any:
    return lifecycle.projected_retention(FADER_HARDIE[case]["survivors"][:8], horizon=12)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("term", ["alpha", "beta"])
def test_parameters_are_those_of_fader_and_hardie(case: str, term: str) -> None:
    estimate = on_years_0_to_7(case).table.set_index("term").at[term, "estimate"]
    assert estimate == pytest.approx(FADER_HARDIE[case][term], abs=FADER_HARDIE["tolerance"]["parameters"])


@pytest.mark.parametrize("case", CASES)
def test_log_likelihood_is_that_of_fader_and_hardie(case: str) -> None:
    found = on_years_0_to_7(case).details["fit"]["log_likelihood"].item()
    expected, tolerance = FADER_HARDIE[case]["log_likelihood"], FADER_HARDIE["tolerance"]["log_likelihood"]
    assert found == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("case", ["highend", "regular"])
def test_survival_in_year_12_is_what_the_published_parameters_give(case: str) -> None:
    recomputed = PUBLISHED["fader_hardie_2007_recomputed"]
    table = on_years_0_to_7(case).table.query("term == 'survival'").set_index("period")
    expected, tolerance = recomputed[case]["survival_year_12"], recomputed["tolerance"]["survival"]
    assert table.at[12, "estimate"] == pytest.approx(expected, abs=tolerance)


def test_the_whole_survival_curve_is_what_the_published_parameters_give() -> None:
    recomputed = PUBLISHED["fader_hardie_2007_recomputed"]
    curve = on_years_0_to_7("highend").table.query("term == 'survival'")["estimate"].tolist()
    assert curve == pytest.approx(recomputed["highend"]["survival"], abs=recomputed["tolerance"]["survival"])
