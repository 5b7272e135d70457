"""The site's own copy of two words of the package agrees with the package."""

import importlib.util
import re
from pathlib import Path

from cxmeasure import theme

CHARTS = Path(__file__).resolve().parents[2] / "book/_site/cx_site/charts.py"
SPEC = importlib.util.spec_from_file_location("site_charts", CHARTS)
charts = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(charts)


def test_the_site_knows_the_ink_and_the_kind_of_a_stored_chart():
    stated = dict(re.findall(r'^(INK|MIME) = "(.*)"$', CHARTS.read_text("utf-8"), re.M))
    assert stated == {"INK": theme.INK, "MIME": theme.MIME}


def test_on_a_phone_views_and_facets_stand_one_below_another_and_keep_within_it():
    view = {"mark": "bar", "width": 330, "encoding": {"y": {"field": "g", "type": "nominal"}}}
    facet = {"facet": {"column": {"field": "w"}}, "spec": view, "config": {}}
    beside = {"hconcat": [view, {**view, "title": "A title that is too long for one line of a phone"}]}
    below = charts.fitted({**beside, "config": {}}, charts.NARROW)["vconcat"]
    assert [part["width"] + 134 <= charts.NARROW for part in below] == [True, True]
    assert len(below[1]["title"]) == 2
    narrow = charts.fitted(facet, charts.NARROW)
    assert (narrow["facet"], narrow["columns"]) == ({"field": "w"}, 1)
    assert narrow["spec"]["width"] <= charts.NARROW
    assert charts.fitted(facet, charts.WIDE) == facet
    assert view["width"] == 330


def test_on_a_phone_a_long_title_of_the_x_axis_is_set_in_lines_that_fit():
    long = "difference in the willingness to recommend, points of 0 to 10"
    x = {"field": "share", "type": "quantitative", "title": long}
    chart = {"mark": "bar", "encoding": {"x": x, "y": {"field": "g", "type": "nominal"}}, "config": {}}
    lines = charts.fitted(chart, charts.NARROW)["encoding"]["x"]["title"]
    assert " ".join(lines) == long
    assert max(map(len, lines)) * 5.6 <= charts.NARROW - 134
    assert charts.fitted(chart, charts.WIDE)["encoding"]["x"]["title"] == long
    assert x["title"] == long


def test_the_button_of_a_chart_says_what_there_is_to_move():
    def asked(bind):
        chart = {"mark": "bar", "description": "d", "params": [{"name": "x", "value": 1, "bind": bind}]}
        return charts.figure({**chart, "data": {"values": []}, "encoding": {}, "config": {}}, "c")

    assert "Move the sliders of this chart" in asked({"input": "range", "min": 0, "max": 2})
    assert "Choose what this chart shows" in asked({"input": "select", "options": [1, 2]})
    assert "<button" not in asked("legend")
