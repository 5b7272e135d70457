"""What an estimate shows: rounded for the eye, whole in the object, a user's text as text."""

import numpy as np
import pandas as pd
import pytest

from cxmeasure.results import COLUMNS, Estimates, by_columns, shown, tidy


def result(table: pd.DataFrame) -> Estimates:
    return Estimates(table, "What <number> this is", "A method", ("It holds.",), 0.95)


def one(**columns: object) -> pd.DataFrame:
    base = {
        "term": "nps",
        "n": 1234,
        "estimate": 12.3456,
        "conf_low": -1.0,
        "conf_high": 25.0,
        "unit": "points",
    }
    return pd.DataFrame({name: [value] for name, value in {**base, **columns}.items()})


def test_every_table_has_the_same_columns_in_the_same_order() -> None:
    table = tidy(one(extra=1).assign(plan="basic")[["plan", "term", "n", "estimate", "extra", "unit"]])
    assert list(table.columns) == ["plan", *COLUMNS, "extra"]


def test_the_display_rounds_and_the_object_does_not() -> None:
    estimates = result(one())
    assert "12.3" in repr(estimates)
    assert "12.34" not in repr(estimates)
    assert estimates.table["estimate"].iloc[0] == 12.3456


def test_columns_without_content_are_not_shown() -> None:
    assert {"statistic", "p_value", "note"}.isdisjoint(shown(tidy(one())).columns)


def test_a_missing_value_is_shown_as_a_dash_and_a_tiny_p_as_less_than() -> None:
    text = shown(tidy(pd.concat([one(p_value=0.00001), one(estimate=np.nan, p_value=0.2)])))
    assert text["estimate"].tolist() == ["12.3", "–"]
    assert text["p_value"].tolist() == ["< .001", "0.200"]


def test_a_users_text_stays_text_in_the_notebook_display() -> None:
    html = result(one().assign(touchpoint="<img src=x onerror=alert(1)>"))._repr_html_()
    assert "<img" not in html
    assert "&lt;img" in html
    assert "What &lt;number&gt; this is" in html


def test_the_display_says_method_level_and_assumptions() -> None:
    html = result(one())._repr_html_()
    assert "A method" in html
    assert "95%" in html
    assert "It holds." in html
    assert 'scope="col"' in html
    assert '<p class="cx-estimand">What &lt;number&gt; this is' in html
    assert html.index("conf_low") < html.index("conf_high") < html.index("</table>")


def test_a_long_table_is_cut_in_the_display_and_says_so() -> None:
    html = result(pd.concat([one()] * 50))._repr_html_()
    assert html.count("<tr") == 41
    assert "10 more rows" in html


def test_a_result_cannot_be_changed_by_accident_and_does_not_change_the_callers_table() -> None:
    given = one()
    before = given.copy()
    estimates = result(given)
    pd.testing.assert_frame_equal(given, before)
    with pytest.raises(AttributeError):
        estimates.method = "another"  # type: ignore[misc]
    with pytest.raises(TypeError):
        estimates.details["new"] = given  # type: ignore[index]


def test_grouping_columns_are_those_before_term() -> None:
    assert list(by_columns(result(one().assign(plan="a")[["plan", "term", "n", "estimate"]]))) == ["plan"]
