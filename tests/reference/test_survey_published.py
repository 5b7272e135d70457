"""Published numbers. NPS stands in −1…1 in `survey.json`; the package gives points, ×100."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxmeasure import survey
from cxmeasure._stats import intervals

CASES = {case["id"]: case for case in json.loads((Path(__file__).parent / "survey.json").read_text("utf-8"))}
NAN = float("nan")


def scores(promoters, passives, detractors):
    return [10] * promoters + [8] * passives + [3] * detractors


def test_every_case_says_its_source_and_tolerance():
    assert all(case["source"] and case["tolerance"] >= 0 for case in CASES.values())


def test_nps_whuber_mean_and_standard_error():
    case = CASES["nps_whuber"]
    row = survey.metric(scores(162, 108, 54), method="wald").table.iloc[0]
    tolerance = 100 * case["tolerance"]
    assert row["estimate"] == pytest.approx(100 * case["expected"]["nps"], abs=tolerance)
    assert row["std_error"] == pytest.approx(100 * case["expected"]["se"], abs=tolerance)


def test_nps_wald_equals_the_r_package_nps():
    case = CASES["nps_R_package_one_sample"]
    counts, expected = case["inputs"], case["expected"]
    result = survey.metric(
        scores(counts["promoters"], counts["passives"], counts["detractors"]), method="wald"
    )
    row, tolerance = result.table.iloc[0], 100 * case["tolerance"]
    assert row["estimate"] == pytest.approx(100 * expected["nps"], abs=tolerance)
    assert row["std_error"] == pytest.approx(100 * expected["se"], abs=tolerance)
    assert [row["conf_low"], row["conf_high"]] == pytest.approx(
        [100 * end for end in expected["ci95"]], abs=tolerance
    )


@pytest.mark.parametrize("index", range(4))
def test_nps_adjusted_wald_equals_the_published_method_clipped_to_the_scale(index):
    case = CASES["nps_adjusted_wald"]
    row = survey.metric(scores(*case["inputs"]["cases"][index]), method="adjusted-wald").table.iloc[0]
    expected = np.clip(case["expected"]["ci95"][index], -1, 1)
    assert [row["conf_low"], row["conf_high"]] == pytest.approx(100 * expected, abs=100 * case["tolerance"])


@pytest.mark.parametrize("index", range(4))
def test_nps_score_interval_equals_tangos(index):
    case = CASES["nps_score_tango"]
    plus, minus, n = case["inputs"]["b_c_n"][index]
    row = survey.metric(scores(plus, n - plus - minus, minus), method="score").table.iloc[0]
    expected = [100 * end for end in case["expected"]["ci95"][index]]
    assert [row["conf_low"], row["conf_high"]] == pytest.approx(expected, abs=100 * case["tolerance"])


@pytest.mark.parametrize("index", range(4))
def test_newcombe_wilson_interval(index):
    case = CASES["newcombe_wilson"]
    successes, n = case["inputs"]["cases"][index]
    answers = [5] * successes + [2] * (n - successes)
    row = survey.metric(answers, metric="csat").table.iloc[0]
    expected = case["expected"]["ci95"][index]
    assert [row["conf_low"], row["conf_high"]] == pytest.approx(expected, abs=case["tolerance"])
    low, high = intervals.wilson(np.array([successes]), np.array([n]), 0.95)
    assert (row["conf_low"], row["conf_high"]) == (low[0], high[0])


def test_aapor_rates_equal_outcomerates_readme():
    case = CASES["aapor_outcomerate_readme"]
    counts = {code: count for code, count in case["inputs"].items() if code != "e"}
    table = survey.response_rates(counts).table.set_index("term")
    for rate, expected in case["expected"].items():
        assert table.loc[rate, "estimate"] == pytest.approx(expected, abs=case["tolerance"]), rate
    assert table.loc["RR3", "eligibility"] == pytest.approx(0.9)


@pytest.mark.parametrize("column", [None, "w"])
def test_aapor_rates_from_rows_and_weights_equal_outcomerates_readme(column):
    case = CASES["aapor_outcomerate_weighted"]
    invitations = pd.DataFrame({"disposition": case["inputs"]["x"], "w": case["inputs"]["w"]})
    table = survey.response_rates(invitations, weight_column=column, rates=["RR2", "CON1"]).table
    suffix = "" if column is None else "_weighted"
    expected = [case["expected"][f"RR2{suffix}"], case["expected"][f"CON1{suffix}"]]
    assert table["estimate"].tolist() == pytest.approx(expected, abs=case["tolerance"])


def test_aapor_rates_of_unknown_cases_only_are_zero_or_undefined_with_the_reason():
    case = CASES["aapor_edge_only_unknown"]
    table = survey.response_rates({"UO": 1}, eligibility=case["inputs"]["e"]).table.set_index("term")
    for rate, expected in case["expected"].items():
        assert table.loc[rate, "estimate"] == pytest.approx(
            NAN if expected == "nan" else expected, nan_ok=True
        )
    assert table.loc["RR5", "note"] == "undefined: no case belongs in its denominator"
    assert table.loc["RR1", "note"] == ""


def test_kish_effective_number_of_four_weights():
    case = CASES["kish_small"]
    answers = pd.DataFrame({"ltr": [10, 8, 3, 9], "w": case["inputs"]["w"]})
    row = survey.metric(answers, weight_column="w").table.iloc[0]
    assert row["n_effective"] == pytest.approx(case["expected"]["n_eff"], abs=case["tolerance"])
    assert row["n"] / row["n_effective"] == pytest.approx(case["expected"]["deff"], abs=case["tolerance"])


def test_nps_without_weights_equals_r_survey():
    case = CASES["nps_weighted_rake_R"]
    row = survey.metric(case["inputs"]["rec"], method="wald").table.iloc[0]
    assert row["estimate"] == pytest.approx(case["expected"]["unweighted"]["nps"], abs=1e-7)


# ------------------------------------------------------------------------------- R-indicators (RISQ)

ROLES = {"covariate_columns": ["seg", "ch"], "invited_column": "invited", "responded_column": "responded"}


def cells(case):
    return pd.DataFrame(CASES[case]["inputs"]["cells"], columns=["seg", "ch", "invited", "responded"])


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("risq_cells_logit", {}),
        ("risq_cells_si_w10", {"weight_column": "w"}),
        ("risq_cells_saturated", {"interactions": [("seg", "ch")]}),
        ("risq_cells_linear", {"model": "linear"}),
    ],
)
def test_r_indicator_and_cv_equal_risqs(name, choices):
    expected = CASES[name]["expected"]
    table = survey.r_indicator(cells(name).assign(w=10.0), **ROLES, **choices).table.set_index("term")
    assert table.loc["R", "estimate"] == pytest.approx(expected["R"], abs=1e-6)
    assert table.loc["R", "unadjusted"] == pytest.approx(expected["R_unadjusted"], abs=1e-6)
    assert table.loc["R", "std_error"] == pytest.approx(expected["R_SE"], abs=1e-6)
    # R's glm stops at a relative change of 1e-8 and keeps the covariance of the step before: divided by a
    # mean propensity of .14 that is 2e-6 on the CV. The saturated and linear fits have no such rest.
    slack = 1e-6 if name in ("risq_cells_saturated", "risq_cells_linear") else 2.5e-6
    assert table.loc["CV", "estimate"] == pytest.approx(expected["CV"], abs=slack)
    if "CV_SE" in expected:
        assert table.loc["CV", "std_error"] == pytest.approx(expected["CV_SE"], abs=slack)


def test_r_indicator_is_not_what_balance_gives():
    wrong = CASES["balance_r_indicator_wrong"]["expected"]
    row = survey.r_indicator(cells("balance_r_indicator_wrong"), **ROLES).table.iloc[0]
    assert row["unadjusted"] == pytest.approx(wrong["correct_R_unadjusted"], abs=1e-6)
    assert abs(row["estimate"] - wrong["balance_value"]) > 0.4


def test_partial_r_indicators_equal_risqs():
    expected = CASES["risq_cells_logit"]["expected"]
    table = survey.partial_r_indicators(cells("risq_cells_logit"), **ROLES).table
    for term in ("unconditional", "conditional"):
        rows = table[table["term"] == term].set_index(["variable", "category"])
        for variable, value in expected[f"partial_{term}"].items():
            assert rows.loc[(variable, "(all)"), "estimate"] == pytest.approx(value, abs=1e-6)
            unadjusted = expected[f"partial_{term}_unadj"][variable]
            assert rows.loc[(variable, "(all)"), "unadjusted"] == pytest.approx(unadjusted, abs=1e-6)
        for variable, value in expected["partial_unconditional_SE"].items():
            assert rows.loc[(variable, "(all)"), "std_error"] == pytest.approx(value, abs=1e-6)
        by_category = rows.droplevel("variable")
        for category, value in expected[f"category_{term}_unadj"].items():
            assert by_category.loc[category, "estimate"] == pytest.approx(value, abs=1e-6)
    for category, value in expected["category_conditional_SE"].items():
        assert by_category.loc[category, "std_error"] == pytest.approx(value, abs=1e-6)


def test_category_sampling_errors_of_a_simple_sample_equal_risqs():
    expected = CASES["risq_cells_si_w10"]["expected"]["category_unconditional_SE"]
    data = cells("risq_cells_si_w10").assign(w=10.0)
    table = survey.partial_r_indicators(data, weight_column="w", **ROLES).table
    rows = table[table["term"] == "unconditional"].set_index("category")
    for category, value in expected.items():
        assert rows.loc[category, "sampling_error"] == pytest.approx(value, abs=1e-6)


# ----------------------------------------------------------------------------------- weights (R survey)


def weighted_case():
    inputs = CASES["nps_weighted_rake_R"]["inputs"]
    return pd.DataFrame({"ltr": inputs["rec"], "seg": inputs["seg"], "ch": inputs["ch"]}), inputs["pop"]


def test_raked_nps_its_error_and_weights_equal_r_survey_and_not_those_of_fixed_weights():
    answers, population = weighted_case()
    case = CASES["nps_weighted_rake_R"]
    expected, tolerance = case["expected"]["rake"], case["tolerance"]
    scores = survey.nonresponse_weights(
        answers, covariate_columns=["seg", "ch"], population=population, score_column="ltr"
    )
    table = scores.summary.table.set_index("term")
    assert table.loc["weighted", "estimate"] == pytest.approx(expected["nps"], abs=tolerance)
    assert table.loc["weighted", "std_error"] == pytest.approx(expected["se"], abs=tolerance)
    assert (
        abs(table.loc["weighted", "std_error"] - case["expected"]["rake_weights_treated_as_fixed_se"]) > 0.5
    )
    assert table.loc["design effect", "estimate"] == pytest.approx(expected["kish_deff"], abs=tolerance)
    plain = case["expected"]["unweighted"]
    assert table.loc["unweighted", "std_error"] == pytest.approx(plain["se"], abs=tolerance)
    weights = scores.rows.drop_duplicates(["seg", "ch"]).set_index(["seg", "ch"])["weight"]
    for cell, weight in expected["w"].items():
        assert weights[tuple(cell.split(","))] == pytest.approx(weight, abs=1e-6)


def test_post_stratified_nps_and_its_error_equal_r_survey():
    answers, population = weighted_case()
    expected = CASES["nps_weighted_rake_R"]["expected"]["poststrat_seg"]
    scores = survey.nonresponse_weights(
        answers,
        covariate_columns=["seg"],
        method="post-stratify",
        population={"seg": population["seg"]},
        score_column="ltr",
    )
    row = scores.summary.table.iloc[-1]
    assert row["estimate"] == pytest.approx(expected["nps"], abs=1e-7)
    assert row["std_error"] == pytest.approx(expected["se"], abs=1e-7)


@pytest.mark.parametrize(
    ("method", "covariates", "name"),
    [("post-stratify", ["stype"], "postStratify"), ("rake", ["stype", "sch.wide"], "rake_eps1e-12")],
)
def test_api_schools_means_totals_and_weights_equal_r_survey(method, covariates, name):
    case = CASES["survey_api_clus1"]
    inputs, expected = case["inputs"], case["expected"][name]
    cells = list(inputs["cells_stype_schwide_n"])
    rows = [cell.split(",") for cell in cells for _ in range(inputs["cells_stype_schwide_n"][cell])]
    schools = pd.DataFrame(rows, columns=["stype", "sch.wide"]).assign(pw=inputs["base_weight"])
    population = {"stype": inputs["pop_stype"], "sch.wide": inputs["pop_schwide"]}
    scores = survey.nonresponse_weights(
        schools,
        covariate_columns=covariates,
        method=method,
        population={column: population[column] for column in covariates},
        weight_column="pw",
    )
    weight = scores.rows.groupby(["stype", "sch.wide"])["weight"].first()
    by_cell = {cell: weight[tuple(cell.split(","))] for cell in cells}
    enroll = sum(by_cell[cell] * inputs["cells_sum_enroll"][cell] for cell in cells)
    api00 = sum(by_cell[cell] * inputs["cells_sum_api00"][cell] for cell in cells)
    assert enroll == pytest.approx(expected["total_enroll"], abs=1e-2)
    assert api00 / scores.rows["weight"].sum() == pytest.approx(expected["mean_api00"], abs=1e-6)
    for cell, value in expected["w"].items():
        found = by_cell[cell] if "," in cell else weight[cell].iloc[0]
        assert found == pytest.approx(value, abs=1e-7)
    if "kish" in expected:
        assert scores.summary.table.loc[0, "estimate"] == pytest.approx(expected["kish"], abs=1e-7)


# -------------------------------------------------------------------------------- bounds, sensitivity


def test_worst_case_bounds_of_one_in_ten():
    case = CASES["manski_nps"]
    sent = pd.DataFrame({"ltr": [10.0] * 50 + [8.0] * 30 + [3.0] * 20 + [np.nan] * 900})
    bounds = survey.worst_case_bounds(sent).table["estimate"]
    assert bounds.tolist() == pytest.approx([100 * end for end in case["expected"]["bounds"]], abs=1e-10)


def test_smub_equals_little_and_others_table():
    case = CASES["smub_nsfg"]
    inputs, n = case["inputs"], case["inputs"]["n_selected"]
    # Rows with exactly the published moments: two orthogonal standardised columns, mixed.
    raw = np.random.default_rng(1).normal(size=(n, 2))
    z = np.linalg.qr(raw - raw.mean(axis=0))[0] * np.sqrt(n - 1)
    r, spread = inputs["cor_y_proxy_selected"], np.sqrt(inputs["var_proxy_selected"])
    x = inputs["mean_proxy_selected"] + spread * z[:, 0]
    y = 5 + r * z[:, 0] + np.sqrt(1 - r**2) * z[:, 1]
    missing = inputs["n_not_selected"]
    rest = ((n + missing) * inputs["mean_proxy_population"] - n * x.mean()) / missing
    rows = pd.DataFrame({"y": [*y, *[np.nan] * missing], "x": [*x, *[rest] * missing]})
    table = survey.sensitivity(
        rows, score_column="y", metric="mean", method="proxy", proxy_column="x", phi=inputs["phi"]
    ).table
    assert table["bias_in_sd"].tolist() == pytest.approx(list(case["expected"].values()), abs=1e-9)


def test_a_data_defect_of_half_a_percent_makes_two_million_worth_four_hundred():
    case = CASES["ddi_meng"]
    rows = pd.DataFrame({"ltr": [10.0, 3.0, *[np.nan] * 198]})
    table = survey.sensitivity(rows, method="data-defect", rho=[case["inputs"]["rho"]]).table
    assert table["n_effective"][0] == pytest.approx(case["expected"]["n_eff"], abs=case["tolerance"])


def test_class_dependent_propensities_of_chen_and_others():
    case = CASES["ushape_chen"]
    result = survey.nps_bias(shares=case["inputs"]["population_shares"], rates=case["inputs"]["propensity"])
    table = result.table.set_index("term")["estimate"]
    assert table["observed"] == pytest.approx(100 * case["expected"]["respondent_nps"], abs=1e-10)
    assert table["true"] == pytest.approx(100 * case["expected"]["true_nps"], abs=1e-10)
    classes = result.details["classes"]
    rate = (classes["share"] * classes["response_rate"]).sum()
    assert rate == pytest.approx(case["expected"]["response_rate"], abs=1e-12)
