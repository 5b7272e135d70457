"""nps_bias, worst_case_bounds and sensitivity: identities, hand-computed cases, and coverage of the truth."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxmeasure import survey
from cxmeasure.errors import ArgumentError, DataError, EstimationError

ENDS = {"promoter": 10, "passive": 8, "detractor": 3}


def invited(counts):
    """Return one row an invitation from {class: (answered, silent)}."""
    rows = [
        (ENDS[name], flag)
        for name, sizes in counts.items()
        for flag, k in zip((True, False), sizes, strict=True)
        for _ in range(k)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["ltr", "has_answered"])


sizes = st.tuples(st.integers(1, 60), st.integers(0, 60))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.fixed_dictionaries(dict.fromkeys(ENDS, sizes)))
def test_the_identity_holds_to_the_last_bits_in_every_population(counts):
    table = survey.nps_bias(pl.from_pandas(invited(counts))).table.set_index("term")["estimate"]
    true, observed = table["true"], table["observed"]
    assert true * table["amplification"] + table["tilt"] == pytest.approx(observed, abs=1e-12 * 100)
    assert observed - true == pytest.approx(table["bias"], abs=1e-12)
    rows = invited(counts)
    assert observed == pytest.approx(survey.metric(rows[rows["has_answered"]]["ltr"]).table["estimate"][0])
    assert true == pytest.approx(survey.metric(rows["ltr"]).table["estimate"][0])


@pytest.mark.parametrize(("rates", "observed"), [((0.30, 0.30), 4.50), ((0.36, 0.24), 20.5)])
def test_chapter_exercises_on_amplification_and_tilt(rates, observed):
    table = survey.nps_bias(
        shares={"promoter": 0.38, "detractor": 0.34},
        rates={"promoter": rates[0], "passive": 0.18, "detractor": rates[1]},
    ).table.set_index("term")["estimate"]
    assert table["true"] == pytest.approx(4.0)
    assert table["observed"] == pytest.approx(observed, abs=0.05)


def test_errors_of_the_identity_are_those_of_a_parametric_bootstrap():
    counts = {"promoter": (120, 200), "passive": (60, 220), "detractor": (90, 110)}
    table = survey.nps_bias(invited(counts)).table
    flat = np.array([k for pair in counts.values() for k in pair])
    draws = np.random.default_rng(3).multinomial(flat.sum(), flat / flat.sum(), 20_000).reshape(-1, 3, 2)
    share, back = draws.sum(axis=2) / flat.sum(), draws[:, :, 0] / flat.sum()
    rate, everyone = back / share, back.sum(axis=1)
    tilt = 100 * (share[:, 0] + share[:, 2]) * (rate[:, 0] - rate[:, 2]) / 2 / everyone
    factor = (rate[:, 0] + rate[:, 2]) / 2 / everyone
    bias = 100 * ((back[:, 0] - back[:, 2]) / everyone - share[:, 0] + share[:, 2])
    for term, values in (("tilt", tilt), ("amplification", factor), ("bias", bias)):
        assert table.set_index("term").loc[term, "std_error"] == pytest.approx(values.std(), rel=0.03), term


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({}, ArgumentError, "Give either the invitations, or shares"),
        ({"shares": {"promoter": 0.5}, "rates": {}}, ArgumentError, "add up to 1"),
        ({"shares": {"promoter": 0.9, "detractor": 0.3}, "rates": {}}, ArgumentError, "each above zero"),
        (
            {"shares": {"promoter": 0.4, "detractor": 0.3}, "rates": {"promoter": 0.2}},
            ArgumentError,
            "each above 0 and at most 1",
        ),
        (
            {"invitations": invited({"promoter": (2, 1), "passive": (1, 1)})},
            DataError,
            "Nobody invited is a detractor",
        ),
        (
            {"invitations": invited(dict.fromkeys(ENDS, (0, 2)))},
            DataError,
            "Nobody answered; there is no observed score",
        ),
        (
            {"invitations": invited(dict.fromkeys(ENDS, (1, 2))).assign(ltr=[10, None, *[8] * 7])},
            DataError,
            "needs the score of everybody",
        ),
    ],
)  # fmt: skip
def test_what_the_identity_cannot_use_is_refused(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        survey.nps_bias(**arguments)


# ------------------------------------------------------------------------------------ worst case


def sent(promoters, passives, detractors, silent):
    scores = [10.0] * promoters + [8.0] * passives + [3.0] * detractors + [np.nan] * silent
    return pd.DataFrame({"ltr": scores})


def test_with_everybody_answering_the_bounds_are_the_score():
    table = survey.worst_case_bounds(sent(50, 30, 20, 0)).table
    assert table["estimate"].tolist() == [30.0, 30.0]
    wald = survey.metric(sent(50, 30, 20, 0), method="wald").table.iloc[0]
    assert table["conf_low"][0] == pytest.approx(wald["conf_low"], abs=1e-6)


def test_the_width_is_the_share_of_the_silent_times_the_scale():
    for silent in (10, 100, 900):
        table = survey.worst_case_bounds(sent(50, 30, 20, silent)).table
        assert table["estimate"][1] - table["estimate"][0] == pytest.approx(200 * silent / (100 + silent))
        assert table["response_rate"][0] == pytest.approx(100 / (100 + silent))


def test_a_mean_is_bounded_by_its_scale_and_groups_keep_apart():
    rows = pd.DataFrame({"score": [1.0, 5.0, np.nan, 3.0], "plan": ["a", "a", "a", "b"]})
    table = survey.worst_case_bounds(
        rows, score_column="score", metric="mean", scale=(1, 5), by=["plan"]
    ).table
    assert table[["plan", "term"]].to_numpy().tolist() == [
        ["a", "lowest"], ["a", "highest"], ["b", "lowest"], ["b", "highest"],
    ]  # fmt: skip
    assert table["estimate"].tolist() == pytest.approx([7 / 3, 11 / 3, 3, 3])


def test_weighted_bounds_by_hand():
    rows = pd.DataFrame({"ltr": [10.0, np.nan], "w": [3.0, 1.0]})
    table = survey.worst_case_bounds(rows, weight_column="w").table
    assert table["estimate"].tolist() == [50.0, 100.0]


def test_bounds_hold_the_truth_whoever_is_silent():
    # In the worst worlds, where all the silent are detractors or all promoters, the interval holds 95 %.
    rng, held = np.random.default_rng(4), []
    for worst in (3.0, 10.0):
        shares, truth = [0.2, 0.1, 0.1, 0.6], 20 - 10 + (60 if worst == 10.0 else -60)
        for _ in range(150):
            draw = rng.multinomial(400, shares)
            row = survey.worst_case_bounds(pl.from_pandas(sent(*draw)).fill_nan(None)).table.iloc[0]
            held.append(row["conf_low"] <= truth <= row["conf_high"])
    assert np.mean(held) >= 0.92


def test_a_mean_without_scale_has_no_worst_answer():
    with pytest.raises(ArgumentError, match="no worst answer without scale"):
        survey.worst_case_bounds(sent(1, 1, 1, 1), metric="mean")


# ----------------------------------------------------------------------------------- sensitivity


def test_the_tilt_by_hand():
    row = survey.sensitivity(sent(50, 30, 20, 300), g1=[0.2], g2=[0.1]).table.iloc[0]
    weights = {10: 50 * np.exp(-2 - 0.25), 8: 30 * np.exp(-1.6 - 0.05), 3: 20 * np.exp(-0.6 - 0.45)}
    unseen = (weights[10] - weights[3]) / sum(weights.values())
    assert row["estimate"] == pytest.approx(100 * (0.25 * 0.3 + 0.75 * unseen))
    assert row["bias"] == pytest.approx(30 - row["estimate"])


def test_g1_above_zero_lowers_the_score_of_everybody():
    table = survey.sensitivity(sent(50, 30, 20, 300), g2=[0.0]).table
    assert table["estimate"].is_monotonic_decreasing
    assert table.set_index("g1").loc[0.0, "estimate"] == pytest.approx(30)


def test_the_true_tilt_recovers_the_true_score_and_is_covered():
    rng, y = np.random.default_rng(6), np.arange(11)
    p = np.array([3, 2, 3, 4, 5, 8, 10, 15, 20, 15, 15]) / 100
    truth, hits, found = 100 * (p[9:].sum() - p[:7].sum()), 0, []
    answer = 1 / (1 + np.exp(-(-2.4 + 0.15 * y + 0.3 * np.abs(y - 7.5))))
    for _ in range(150):
        score = rng.choice(y, p=p, size=2_000).astype(float)
        score[rng.random(2_000) > answer[score.astype(int)]] = np.nan
        row = survey.sensitivity(pl.DataFrame({"ltr": score}), g1=[0.15], g2=[0.3]).table.iloc[0]
        hits += row["conf_low"] <= truth <= row["conf_high"]
        found.append(row["estimate"])
    assert np.mean(found) == pytest.approx(truth, abs=1.5)
    assert hits / 150 >= 0.9


def test_at_the_tipping_point_the_conclusion_turns():
    result = survey.sensitivity(sent(50, 30, 20, 300), g2=[0.0, 0.2], turning_point=10)
    for extreme, at in result.details["tipping"].to_numpy():
        row = survey.sensitivity(sent(50, 30, 20, 300), g1=[at], g2=[extreme]).table.iloc[0]
        assert row["estimate"] == pytest.approx(10, abs=1e-6)


def test_a_conclusion_that_no_tilt_turns_has_no_tipping_point():
    result = survey.sensitivity(sent(50, 30, 20, 5), turning_point=-50)
    assert result.details["tipping"]["g1_at_turning_point"].isna().all()


def test_without_anybody_silent_no_assumption_matters():
    table = survey.sensitivity(sent(50, 30, 20, 0)).table
    assert table["estimate"].to_numpy() == pytest.approx(30)
    wald = survey.metric(sent(50, 30, 20, 0), method="wald").table.iloc[0]
    assert table["std_error"].to_numpy() == pytest.approx(wald["std_error"])


def test_mengs_identity_is_exact_in_any_population():
    rng = np.random.default_rng(2)
    y = rng.normal(6, 2, 500)
    answered = rng.random(500) < 1 / (1 + np.exp(2 - 0.3 * y))
    share, rho = answered.mean(), np.corrcoef(answered, y)[0, 1]
    error = y[answered].mean() - y.mean()
    assert rho * np.sqrt((1 - share) / share) * y.std() == pytest.approx(error, abs=1e-12)
    rows = pd.DataFrame({"ltr": np.where(answered, y, np.nan)})
    row = survey.sensitivity(rows, metric="mean", method="data-defect", rho=[rho]).table.iloc[0]
    # The function has the respondents' deviation for everybody's: the identity up to their ratio.
    assert row["bias"] * y.std() / y[answered].std() == pytest.approx(error, abs=1e-12)


def test_smub_and_mubp_with_a_perfect_proxy_find_the_truth():
    rng = np.random.default_rng(5)
    y = rng.normal(6, 2, 4_000)
    rows = pd.DataFrame({"y": np.where(rng.random(4_000) < 1 / (1 + np.exp(3 - 0.4 * y)), y, np.nan), "x": y})
    table = survey.sensitivity(
        rows, score_column="y", metric="mean", method="proxy", proxy_column="x", phi=[0, 1]
    ).table
    assert table["estimate"].to_numpy() == pytest.approx(y.mean(), abs=1e-9)


def test_mubp_with_phi_zero_removes_most_of_a_bias_that_the_proxy_explains():
    rng = np.random.default_rng(5)
    x = rng.normal(0, 1, 20_000)
    y = (x + rng.normal(0, 0.7, 20_000) > 0).astype(float)
    answered = rng.random(20_000) < 1 / (1 + np.exp(1 - x))
    rows = pd.DataFrame({"y": np.where(answered, y, np.nan), "x": x})
    row = survey.sensitivity(
        rows,
        score_column="y",
        metric="top_box",
        threshold=1,
        scale=(0, 1),
        method="proxy",
        proxy_column="x",
        phi=[0],
    ).table.iloc[0]
    assert abs(row["estimate"] - y.mean()) < 0.15 * abs(y[answered].mean() - y.mean())
    assert row["bias"] == pytest.approx(y[answered].mean() - row["estimate"])


@pytest.mark.slow
def test_the_delta_errors_of_smub_and_mubp_are_the_spread_over_samples():
    rng, seen = np.random.default_rng(8), {"mean": [], "top_box": []}
    for _ in range(150):
        x = rng.normal(0, 1, 800)
        y = 0.6 * x + rng.normal(0, 0.8, 800)
        y[rng.random(800) > 1 / (1 + np.exp(0.5 - 0.8 * x))] = np.nan
        for name, choices in (("mean", {}), ("top_box", {"threshold": 0.3})):
            row = survey.sensitivity(
                pl.DataFrame({"y": y, "x": x}),
                score_column="y", metric=name, method="proxy", proxy_column="x", phi=[0.5], **choices,
            ).table.iloc[0]  # fmt: skip
            seen[name].append((row["estimate"], row["std_error"]))
    for pairs in seen.values():
        estimates, errors = np.array(pairs).T
        assert errors.mean() == pytest.approx(estimates.std(), rel=0.2)


PROXY = pd.DataFrame({"ltr": [10.0, 3.0, 8.0, np.nan], "x": [1.0, 2.0, 3.0, 4.0]})


@pytest.mark.parametrize(
    ("rows", "choices", "error", "sentence"),
    [
        (PROXY, {"method": "proxy"}, ArgumentError, "go together"),
        (PROXY, {"method": "proxy", "proxy_column": "x"}, ArgumentError, "is a difference of shares"),
        (
            PROXY.assign(x=[1, 2, 3, np.nan]),
            {"method": "proxy", "proxy_column": "x", "metric": "mean"},
            DataError,
            "'x' is missing for 1 of the invitations; a proxy must be known",
        ),
        (
            PROXY.assign(x=1.0),
            {"method": "proxy", "proxy_column": "x", "metric": "mean"},
            EstimationError,
            "does not vary",
        ),
        (
            PROXY.assign(ltr=[10, np.nan, np.nan, np.nan]),
            {"method": "proxy", "proxy_column": "x", "metric": "mean"},
            DataError,
            "takes at least three",
        ),
        (
            PROXY,
            {"method": "proxy", "proxy_column": "x", "metric": "mean", "scale": (0, 5)},
            DataError,
            "2 scores outside the scale",
        ),
        (PROXY, {"g1": [99]}, ArgumentError, "g1=.* must be numbers from -5 to 5"),
        (PROXY, {"g1": "steep"}, ArgumentError, "must be numbers"),
        (PROXY, {"g2": []}, ArgumentError, "must be numbers"),
        (PROXY, {"method": "data-defect", "rho": [2]}, ArgumentError, "from -1 to 1"),
    ],
)  # fmt: skip
def test_what_sensitivity_cannot_use_is_refused(rows, choices, error, sentence):
    with pytest.raises(error, match=sentence):
        survey.sensitivity(rows, **choices)
