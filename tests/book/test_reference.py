"""The reference: every public function has an example, and its picture where a chart is named like it."""

import inspect
import re
import sys
from pathlib import Path

import pytest

from cxmeasure import lifecycle, survey, touchpoints

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "book/_site"))
from cx_site import pictures

WINGS = {"survey": survey, "touchpoints": touchpoints, "lifecycle": lifecycle}


def functions(wing):
    return [name for name in wing.__all__ if inspect.isfunction(getattr(wing, name))]


@pytest.mark.parametrize("name", WINGS)
def test_every_function_stands_in_the_reference_with_an_example_and_its_picture(site, name):
    wing = WINGS[name]
    page = (site / f"book/reference/{name}.html").read_text("utf-8")
    drawn = set(re.findall(r'<figure class="cx-chart[^"]*" id="picture-([\w-]+)"', page))
    assert drawn == {own.replace("_", "-") for own in functions(wing) if hasattr(wing.chart, own)}
    for own in functions(wing):
        assert f'id="cxmeasure.{name}.{own}"' in page
        assert ">>> " in (inspect.getdoc(getattr(wing, own)) or ""), own


def test_the_picture_is_of_what_the_last_call_of_the_example_returns():
    results = pictures.returned(survey.metric)
    assert [round(each.table["conf_low"].item(), 2) for each in results] == [14.69, 13.96]
    assert "somewhere between 14 and 44" in pictures.picture("cxmeasure.survey.metric")


def test_a_function_without_a_chart_of_its_name_has_no_picture():
    assert pictures.picture("cxmeasure.survey.tally_responses") == ""
