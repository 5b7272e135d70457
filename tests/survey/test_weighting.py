"""nonresponse_weights: margins met, variances that know it, and sentences for what cannot be weighted."""

import sys
from pathlib import Path

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

from cxmeasure import survey
from cxmeasure.errors import ArgumentError, DataError, EstimationError

sys.path.insert(0, str(Path(__file__).parents[1]))
from engines import ENGINES, on_engine

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ibis", "ignore::FutureWarning:ibis")

RNG = np.random.default_rng(4)
SENT = pd.DataFrame({"plan": RNG.choice(["basic", "pro"], 600), "shop": RNG.choice(["x", "y", "z"], 600)})
CHANCE = 0.15 + 0.25 * (SENT["plan"] == "pro") + 0.1 * (SENT["shop"] == "x")
SENT = SENT.assign(
    has_answered=RNG.random(600) < CHANCE,
    ltr=np.where(SENT["plan"] == "pro", RNG.integers(5, 11, 600), RNG.integers(0, 11, 600)),
    w=RNG.uniform(1, 3, 600),
)
ANSWERS = SENT[SENT["has_answered"]].drop(columns="has_answered").reset_index(drop=True)
BOTH = {"covariate_columns": ["plan", "shop"]}
POPULATION = {"plan": {"basic": 700, "pro": 300}, "shop": {"x": 200, "y": 300, "z": 500}}


def weights_of(scores):
    return nw.from_native(scores.rows).lazy().collect("pandas").to_native()


@pytest.mark.parametrize("weight_column", [None, "w"])
def test_raked_weights_add_up_to_every_margin(weight_column):
    rows = survey.nonresponse_weights(
        ANSWERS, **BOTH, population=POPULATION, weight_column=weight_column
    ).rows
    for column, totals in POPULATION.items():
        assert rows.groupby(column)["weight"].sum().to_dict() == pytest.approx(totals)


def test_raking_keeps_the_odds_ratios_of_the_base_weights():
    rows = survey.nonresponse_weights(ANSWERS, **BOTH, population=POPULATION).rows
    w = rows.drop_duplicates(["plan", "shop"]).set_index(["plan", "shop"])["weight"]
    ratio = w["basic", "x"] * w["pro", "y"] / (w["basic", "y"] * w["pro", "x"])
    assert ratio == pytest.approx(1)


def test_post_stratified_respondents_stand_for_those_invited_cell_by_cell():
    rows = survey.nonresponse_weights(
        SENT, **BOTH, method="post-stratify", responded_column="has_answered"
    ).rows
    assert rows["has_answered"].all()
    got = rows.groupby(["plan", "shop"])["weight"].sum()
    pd.testing.assert_series_equal(
        got, SENT.groupby(["plan", "shop"]).size().astype(float), check_names=False
    )


def test_post_stratifying_to_a_table_of_several_covariates():
    table = SENT.groupby(["plan", "shop"]).size().rename("total").reset_index()
    first = survey.nonresponse_weights(ANSWERS, **BOTH, method="post-stratify", population=table).rows
    second = survey.nonresponse_weights(
        SENT, **BOTH, method="post-stratify", responded_column="has_answered"
    ).rows
    np.testing.assert_allclose(first["weight"], second["weight"])


def test_inverse_propensity_weights_are_one_over_the_modelled_chance():
    scores = survey.nonresponse_weights(
        SENT,
        **BOTH,
        method="inverse-propensity",
        responded_column="has_answered",
        interactions=[("plan", "shop")],
    )
    cells = survey.response_propensity(SENT, **BOTH, interactions=[("plan", "shop")]).details["cells"]
    merged = scores.rows.merge(cells, on=["plan", "shop"])
    np.testing.assert_allclose(merged["weight"], 1 / merged["propensity"])


def test_saturated_propensities_and_post_strata_give_the_same_score_and_error():
    # Two independent paths to one estimator: the projection on scores, and on cells.
    choices = {"responded_column": "has_answered", "score_column": "ltr"}
    first = survey.nonresponse_weights(
        SENT, **BOTH, method="inverse-propensity", interactions=[("plan", "shop")], **choices
    ).summary.table.iloc[-1]
    second = survey.nonresponse_weights(SENT, **BOTH, method="post-stratify", **choices).summary.table.iloc[
        -1
    ]
    assert first["estimate"] == pytest.approx(second["estimate"], abs=1e-8)
    # Post-strata take the totals as known; propensities let those invited vary: the spread between cells.
    cells = SENT.assign(value=100.0 * ((SENT["ltr"] >= 9) * 1 - (SENT["ltr"] <= 6) * 1))
    means = cells[cells["has_answered"]].groupby(["plan", "shop"])["value"].mean()
    between = (SENT.groupby(["plan", "shop"]).size() * (means - first["estimate"]) ** 2).sum() / 600**2
    assert first["std_error"] ** 2 == pytest.approx(second["std_error"] ** 2 + between, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["rake", "inverse-propensity"])
def test_the_linearised_error_is_the_spread_over_repeated_surveys(method):
    # Second computation: 200 surveys of one population of 20,000 with known totals.
    rng = np.random.default_rng(9)
    plan, shop = rng.integers(0, 2, 20_000), rng.integers(0, 3, 20_000)
    score = np.clip(np.round(6 + 2 * plan + shop * 0.5 + rng.normal(0, 2, 20_000)), 0, 10)
    everyone = pl.DataFrame({"plan": plan, "shop": shop, "ltr": score})
    truth = 100 * ((score >= 9).mean() - (score <= 6).mean())
    estimates, errors, hits = [], [], 0
    for _ in range(200):
        sent = everyone[rng.integers(0, 20_000, 1_500)]
        chance = 0.15 + 0.25 * sent["plan"].to_numpy() + 0.05 * sent["shop"].to_numpy()
        sent = sent.with_columns(has_answered=pl.Series(rng.random(1_500) < chance))
        row = survey.nonresponse_weights(
            sent, **BOTH, method=method, responded_column="has_answered", score_column="ltr"
        ).summary.table.iloc[-1]
        estimates.append(row["estimate"])
        errors.append(row["std_error"])
        hits += row["conf_low"] <= truth <= row["conf_high"]
    assert np.mean(estimates) == pytest.approx(truth, abs=1.5)
    assert np.mean(errors) == pytest.approx(np.std(estimates), rel=0.15)
    assert hits / 200 >= 0.91


def test_kish_and_the_largest_weight_by_hand():
    answers = pd.DataFrame({"plan": ["a", "a", "b"]})
    table = survey.nonresponse_weights(
        answers, covariate_columns=["plan"], population={"plan": {"a": 1, "b": 1}}
    ).summary.table.set_index("term")["estimate"]
    # Weights .5, .5, 1: n Σw² / (Σw)² = 3 × 1.5 / 4.
    assert table["design effect"] == pytest.approx(1.125)
    assert table["n effective"] == pytest.approx(4 / 1.5)
    assert table["largest weight"] == pytest.approx(1.5)


def test_trimmed_weights_keep_the_total_and_show_what_they_miss():
    population = {"plan": {"basic": 995, "pro": 5}}
    scores = survey.nonresponse_weights(ANSWERS, covariate_columns=["plan"], population=population, trim=1.3)
    rows, margins = scores.rows, scores.summary.details["margins"].set_index("category")
    assert rows["weight"].sum() == pytest.approx(1000)
    assert margins.loc["basic", "after"] < margins.loc["basic", "target"]
    assert any("1.3 times" in sentence for sentence in scores.summary.assumptions)


def test_base_weights_times_a_thousand_change_no_ratio():
    first, second = (
        survey.nonresponse_weights(
            SENT.assign(w=SENT["w"] * k),
            **BOTH,
            responded_column="has_answered",
            weight_column="w",
            score_column="ltr",
        )
        for k in (1, 1000)
    )
    np.testing.assert_allclose(first.rows["weight"] * 1000, second.rows["weight"])
    pd.testing.assert_frame_equal(first.summary.table, second.summary.table)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("method", ["rake", "post-stratify", "inverse-propensity"])
def test_rows_come_back_in_the_engine_they_came_from_with_the_same_weights(engine, method, tmp_path):
    rows = SENT.head(120).assign(id=range(120))
    given = on_engine(engine, rows, tmp_path)
    scores = survey.nonresponse_weights(given, **BOTH, method=method, responded_column="has_answered")
    if engine not in ("parquet",):
        assert type(scores.rows).__module__.split(".")[0] == type(given).__module__.split(".")[0]
    expected = survey.nonresponse_weights(rows, **BOTH, method=method, responded_column="has_answered").rows
    got = weights_of(scores).sort_values("id")
    assert got["id"].tolist() == expected["id"].tolist()
    np.testing.assert_allclose(got["weight"], expected["weight"])
    assert "weight" not in rows


def test_a_missing_category_is_weighted_like_any_other():
    rows = SENT.assign(plan=SENT["plan"].where(SENT.index % 7 > 0, None))
    out = survey.nonresponse_weights(rows, **BOTH, responded_column="has_answered").rows
    missing = out[out["plan"].isna()]["weight"].sum()
    assert missing == pytest.approx(rows["plan"].isna().sum())


ONE = {"covariate_columns": ["plan"]}
GOLD = {"basic": 1, "pro": 1, "gold": 1}


@pytest.mark.parametrize(
    ("rows", "choices", "error", "sentence"),
    [
        (ANSWERS, {"population": {"plan": GOLD}}, DataError, "who is 'gold' answered"),
        (ANSWERS, {"population": {"plan": {"basic": 1}}}, DataError, "population has nobody there"),
        (ANSWERS, {"population": {"plan": {"basic": -1, "pro": 1}}}, DataError, "must be finite and zero"),
        (ANSWERS, {"population": {"shop": {"x": 1}}}, ArgumentError, "population says nothing of 'plan'"),
        (ANSWERS, {"population": pd.DataFrame({"plan": ["basic"]})}, ArgumentError, "no column 'total'"),
        (
            ANSWERS,
            {**BOTH, "population": {**POPULATION, "plan": {"basic": 1, "pro": 1}}},
            DataError,
            "The margins contradict one another: they add up 'plan' to 2, 'shop' to 1,000",
        ),
        (ANSWERS, {}, ArgumentError, "Nothing to weight to"),
        (ANSWERS, {"method": "inverse-propensity"}, ArgumentError, "needs the invitations"),
        (SENT, {"responded_column": "has_answered", "interactions": [("w", "w")]}, ArgumentError, "belongs"),
        (SENT, {"responded_column": "has_answered", "trim": 0.5}, ArgumentError, "trim=0.5"),
        (SENT, {"responded_column": "has_answered", "weight_name": "w"}, ArgumentError, "is a column of"),
        (SENT.assign(has_answered=False), {"responded_column": "has_answered"}, DataError, "Nobody of"),
        (
            SENT.assign(has_answered=SENT["has_answered"] & (SENT["plan"] == "pro")),
            {"responded_column": "has_answered"},
            DataError,
            "'plan': nobody who is 'basic' answered",
        ),
        (
            SENT.assign(has_answered=SENT["has_answered"] & (SENT["plan"] == "pro")),
            {"responded_column": "has_answered", "method": "inverse-propensity"},
            DataError,
            "Nobody answered among those with plan = basic",
        ),
        (SENT, {"responded_column": "has_answered", "covariate_columns": []}, ArgumentError, "names none"),
    ],
)  # fmt: skip
def test_what_cannot_be_weighted_is_refused_with_the_category(rows, choices, error, sentence):
    with pytest.raises(error, match=sentence):
        survey.nonresponse_weights(rows, **{**ONE, **choices})


def test_margins_that_no_weights_meet_are_named():
    # With cell (b, y) empty, all of b is x and all of y is a: margins that ask otherwise cannot be met.
    answers = pd.DataFrame({"plan": ["a", "a", "b"], "shop": ["x", "y", "x"]})
    population = {"plan": {"a": 10, "b": 90}, "shop": {"x": 10, "y": 90}}
    with pytest.raises(EstimationError, match=r"Raking does not converge: '(plan|shop)' = "):
        survey.nonresponse_weights(answers, **BOTH, population=population)


@pytest.mark.parametrize("method", ["rake", "post-stratify"])
def test_one_respondent_has_a_weighted_score_and_no_standard_error(method):
    sent = pd.DataFrame({"plan": ["a", "a", "a"], "ltr": [9.0, np.nan, np.nan], "back": [True, False, False]})
    table = survey.nonresponse_weights(
        sent, covariate_columns=["plan"], method=method, responded_column="back", score_column="ltr"
    ).summary.table.set_index("term")
    assert table.loc["weighted", "estimate"] == 100
    assert table.loc[["unweighted", "weighted"], "std_error"].isna().all()
    assert table.loc["weighted", "conf_low"] < 0
    assert "one respondent" in table.loc["weighted", "note"]
