"""What an estimate shows: rounded for the eye, whole in the object, a user's text as text."""

import numpy as np
import pandas as pd
import pytest

from cxmeasure import survey, touchpoints
from cxmeasure.errors import ArgumentError, DataError
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


TEAMS = pd.DataFrame({"ltr": [10, 9, 8, 3] * 5 + [0, 10], "team": ["many"] * 20 + ["Anna alone"] * 2})


def test_a_small_cell_is_in_no_table_display_or_chart_once_it_is_suppressed() -> None:
    everybody = survey.metric(TEAMS, by=["team"])
    assert "Anna alone" in everybody._repr_html_() + str(survey.chart.metric(everybody).to_dict())
    published = everybody.suppressed(min_cell=3)
    chart = survey.chart.metric(published).to_dict()
    assert "Anna alone" not in published._repr_html_() + repr(published) + str(chart)
    pd.testing.assert_frame_equal(
        published.table, everybody.table.query("team == 'many'").reset_index(drop=True)
    )
    assert published.assumptions[-1] == "Rows with a count below 3 are left out: 1 of 2."
    assert len(everybody.table) == 2, "the result itself stays as it is"


def test_every_count_of_people_is_looked_at_and_what_is_missing_is_none() -> None:
    table = pd.concat([one(n_customers=customers, n_missing=1) for customers in (40, 2, 0)])
    assert result(table).suppressed(min_cell=5).table["n_customers"].tolist() == [40, 0]


def test_details_and_draws_are_suppressed_with_their_rows() -> None:
    contacts = TEAMS.rename(columns={"ltr": "csat", "team": "touchpoint"})
    whole = touchpoints.scores(contacts, n_draws=20, k=1, scale=(0, 10), rng=np.random.default_rng(1))
    published = whole.suppressed(min_cell=5)
    assert whole.draws is not None
    assert published.draws is not None
    np.testing.assert_array_equal(
        published.draws, whole.draws[:, (whole.table["touchpoint"] == "many").to_numpy()]
    )
    assert "Anna alone" not in str([frame.to_dict() for frame in published.details.values()])


def test_nothing_left_and_no_number_are_refused() -> None:
    with pytest.raises(DataError, match="Every row has a count below min_cell=100; there is nothing left"):
        survey.metric(TEAMS, by=["team"]).suppressed(min_cell=100)
    with pytest.raises(ArgumentError, match="min_cell=1 is out of range; give a whole number of at least 2"):
        survey.metric(TEAMS, by=["team"]).suppressed(min_cell=1)
