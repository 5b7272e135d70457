"""tally_responses and response_propensity: counts by hand, the model against statsmodels on rows."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.api import GLM, families

from cxmeasure import survey
from cxmeasure.errors import ArgumentError, DataError, EstimationError, TableError

CELLS = pd.DataFrame(
    {"plan": ["a", "a", "b", "b"], "shop": ["x", "y"] * 2, "sent": [50, 40, 30, 60], "back": [10, 12, 3, 20]}
)
COUNTS = {"covariate_columns": ["plan", "shop"], "invited_column": "sent", "responded_column": "back"}


def rows_of(cells):
    """Return one row an invitation."""
    again = cells.loc[cells.index.repeat(cells["sent"]), ["plan", "shop"]].reset_index(drop=True)
    flags = [
        [True] * back + [False] * (sent - back)
        for sent, back in zip(cells["sent"], cells["back"], strict=True)
    ]
    return again.assign(has_answered=np.concatenate(flags))


def test_tally_counts_invited_and_responded_by_cell():
    tally = survey.tally_responses(rows_of(CELLS), covariate_columns=["plan", "shop"])
    assert tally.columns.tolist() == ["plan", "shop", "n_invited", "n_responded"]
    assert tally["n_invited"].tolist() == [50, 40, 30, 60]
    assert tally["n_responded"].tolist() == [10, 12, 3, 20]


def test_tally_takes_ones_and_zeros_for_true_and_false():
    rows = rows_of(CELLS)
    numbers = rows.assign(has_answered=rows["has_answered"].astype(int))
    pd.testing.assert_frame_equal(
        survey.tally_responses(rows, covariate_columns=["plan"]),
        survey.tally_responses(numbers, covariate_columns=["plan"]),
    )


def test_tally_with_weights_adds_them_and_their_squares():
    rows = pd.DataFrame({"plan": ["a", "a"], "has_answered": [True, False], "w": [2.0, 3.0]})
    tally = survey.tally_responses(rows, covariate_columns=["plan"], weight_column="w")
    assert tally[["weight_invited", "weight_responded", "weight_squares"]].to_numpy().tolist() == [[5, 2, 13]]


def test_counts_and_rows_give_the_same_model():
    first = survey.response_propensity(CELLS, **COUNTS).table
    second = survey.response_propensity(rows_of(CELLS), covariate_columns=["plan", "shop"]).table
    pd.testing.assert_frame_equal(first, second)


def test_coefficients_and_errors_equal_statsmodels_on_rows():
    # Independent second computation: a GLM on 180 rows instead of four cells.
    rows = rows_of(CELLS)
    x = np.column_stack([np.ones(len(rows)), rows["plan"] == "b", rows["shop"] == "y"]).astype(float)
    fitted = GLM(rows["has_answered"].astype(float), x, family=families.Binomial()).fit(tol=1e-12)
    table = survey.response_propensity(CELLS, **COUNTS).table
    assert table["term"].tolist() == ["(intercept)", "plan=b", "shop=y"]
    np.testing.assert_allclose(table["estimate"], fitted.params, rtol=1e-8)
    np.testing.assert_allclose(table["std_error"], fitted.bse, rtol=1e-8)
    np.testing.assert_allclose(table["p_value"], fitted.pvalues, rtol=1e-6)
    np.testing.assert_allclose(table["odds_ratio"], np.exp(fitted.params), rtol=1e-8)


def test_weighted_errors_are_the_sandwich_on_rows():
    rows = rows_of(CELLS).assign(w=np.random.default_rng(3).uniform(0.5, 4, 180))
    x = np.column_stack([np.ones(180), rows["plan"] == "b", rows["shop"] == "y"]).astype(float)
    model = GLM(rows["has_answered"].astype(float), x, family=families.Binomial(), var_weights=rows["w"])
    fitted = model.fit(tol=1e-12, cov_type="HC0")
    table = survey.response_propensity(rows, covariate_columns=["plan", "shop"], weight_column="w").table
    np.testing.assert_allclose(table["estimate"], fitted.params, rtol=1e-8)
    np.testing.assert_allclose(table["std_error"], fitted.bse, rtol=1e-6)


def test_a_saturated_model_returns_the_observed_rates():
    cells = survey.response_propensity(CELLS, interactions=[("plan", "shop")], **COUNTS).details["cells"]
    np.testing.assert_allclose(cells["propensity"], cells["n_responded"] / cells["n_invited"], rtol=1e-9)


def test_separation_is_reported_and_the_rest_still_estimated():
    cells = pd.DataFrame({"plan": ["a", "b", "c"], "sent": [50, 40, 30], "back": [10, 0, 6]})
    result = survey.response_propensity(
        cells, covariate_columns=["plan"], invited_column="sent", responded_column="back"
    )
    table = result.table.set_index("term")
    assert table.loc["plan=b", "estimate"] == -np.inf
    assert table.loc["plan=b", "note"].startswith("separated")
    assert np.isnan(table.loc["plan=b", "std_error"])
    assert table.loc["plan=c", "estimate"] == pytest.approx(0, abs=1e-8)
    assert result.details["cells"]["propensity"].tolist() == pytest.approx([0.2, 0.0, 0.2])


def test_a_covariate_that_follows_from_another_is_left_out_and_said_so():
    cells = CELLS.assign(twin=CELLS["plan"] + "!")
    roles = {**COUNTS, "covariate_columns": ["plan", "twin", "shop"]}
    table = survey.response_propensity(cells, **roles).table.set_index("term")
    assert table.loc["twin=b!", "note"] == "follows from the others"
    plain = survey.response_propensity(CELLS, **COUNTS).table.set_index("term")
    assert table.loc["shop=y", "estimate"] == pytest.approx(plain.loc["shop=y", "estimate"])


def test_missing_on_both_sides_is_a_category_of_its_own():
    rows = rows_of(CELLS)
    rows.loc[[0, 1, 45, 46], "plan"] = None
    table = survey.response_propensity(rows, covariate_columns=["plan"]).table
    assert table["term"].tolist() == ["(intercept)", "plan=b", "plan=(missing)"]


def test_weights_times_a_thousand_leave_the_propensities_alone():
    rows = rows_of(CELLS).assign(w=np.random.default_rng(3).uniform(0.5, 4, 180))
    first, second = (
        survey.response_propensity(
            rows.assign(w=rows["w"] * factor), covariate_columns=["plan"], weight_column="w"
        ).table
        for factor in (1, 1000)
    )
    pd.testing.assert_frame_equal(first, second)


TIMES = pd.DataFrame(
    {
        "plan": ["a", "b"],
        "has_answered": [True, False],
        "id": [1, 2],
        "sent_at": pd.to_datetime(["2025-01-02", "2025-01-02"]),
        "answered_at": pd.to_datetime(["2025-01-03", None]),
    }
)


def test_a_clean_table_of_invitations_passes_its_checks():
    tally = survey.tally_responses(
        TIMES,
        covariate_columns=["plan"],
        id_column="id",
        sent_column="sent_at",
        answered_column="answered_at",
    )
    assert tally["n_responded"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("rows", "choices", "error", "sentence"),
    [
        (TIMES.head(0), {}, DataError, "table of invitations has no rows"),
        (TIMES.assign(id=7), {"id_column": "id"}, DataError, "'id' holds 7 more than once"),
        (
            TIMES.assign(answered_at=pd.Timestamp("2025-01-01")),
            {"sent_column": "sent_at", "answered_column": "answered_at"},
            DataError,
            "2 of the invitations were answered .* before they were sent",
        ),
        (TIMES, {"sent_column": "sent_at"}, ArgumentError, "go together"),
        (TIMES.assign(has_answered=[1, 2]), {}, DataError, "holds 2; give true and false"),
        (
            TIMES.assign(has_answered=pd.array([1, None], dtype="Int64")),
            {},
            DataError,
            "missing for 1 of the invitations",
        ),
        (TIMES.assign(has_answered="yes"), {}, TableError, "must hold true or false"),
        (
            TIMES.rename(columns={"plan": "n_invited"}),
            {"covariate_columns": ["n_invited"]},
            ArgumentError,
            "of its own",
        ),
    ],
)
def test_bad_invitations_are_refused_in_a_sentence(rows, choices, error, sentence):
    with pytest.raises(error, match=sentence):
        survey.tally_responses(rows, **{"covariate_columns": ["plan"], **choices})


def test_a_covariate_known_of_one_side_only_is_refused():
    rows = rows_of(CELLS)
    known = rows["plan"].where(~rows["has_answered"])
    with pytest.raises(DataError, match="'plan' is missing for 45 invitations, all of them respondents"):
        survey.response_propensity(rows.assign(plan=known), covariate_columns=["plan"])
    known = rows["plan"].where(rows["has_answered"])
    with pytest.raises(DataError, match="all of them nonrespondents"):
        survey.response_propensity(rows.assign(plan=known), covariate_columns=["plan"])


@pytest.mark.parametrize(
    ("cells", "choices", "error", "sentence"),
    [
        (CELLS.assign(back=0), {}, EstimationError, "Nobody of the 180 invited answered"),
        (CELLS.assign(back=CELLS["sent"]), {}, EstimationError, "Everybody of the 180 invited answered"),
        (
            CELLS.assign(back=[50, 0, 0, 60]),
            {"interactions": [("plan", "shop")]},
            EstimationError,
            "decide fully",
        ),
        (CELLS.assign(sent=0, back=0), {}, DataError, "Nobody was invited"),
        (CELLS.assign(back=99), {}, DataError, "impossible values"),
        (CELLS, {"covariate_columns": []}, ArgumentError, "names none"),
        (CELLS, {"interactions": [("plan", "region")]}, ArgumentError, "give pairs of two different"),
        (CELLS, {"interactions": ["plan:shop"]}, ArgumentError, "give pairs of two different"),
    ],
)
def test_what_cannot_be_modelled_is_refused_in_a_sentence(cells, choices, error, sentence):
    with pytest.raises(error, match=sentence):
        survey.response_propensity(cells, **{**COUNTS, **choices})


def test_a_continuous_covariate_is_refused_with_the_way_out():
    rows = pd.DataFrame({"age": np.arange(100.0), "has_answered": np.arange(100) % 2 == 0})
    with pytest.raises(DataError, match="cut it into at most 60 bands"):
        survey.response_propensity(rows, covariate_columns=["age"])


def test_one_respondent_is_enough_for_an_estimate_with_a_wide_interval():
    cells = CELLS.assign(back=[1, 0, 0, 0])
    result = survey.response_propensity(cells, **{**COUNTS, "covariate_columns": ["plan"]})
    assert result.table["note"].str.startswith("separated").any()
