"""survey.metric: hand-computed cases, and the coverage of its intervals computed exactly."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from cxmeasure import survey
from cxmeasure._stats import intervals
from cxmeasure.errors import ArgumentError, DataError, TableError


def one(answers, **choices):
    return survey.metric(answers, **choices).table.iloc[0]


def test_nps_counts_nine_and_ten_less_zero_to_six():
    # By hand: of 0…10 each once, 2 promoters and 7 detractors in 11.
    row = one(list(range(11)))
    assert row["estimate"] == pytest.approx(100 * (2 - 7) / 11)
    assert row["std_error"] == pytest.approx(100 * np.sqrt((9 / 11 - (5 / 11) ** 2) / 11))
    assert (row["unit"], row["term"], row["n"]) == ("points", "nps", 11)


def test_chapter_exercise_sixty_twentyfive_fifteen():
    row = one([10] * 60 + [7] * 25 + [0] * 15, method="adjusted-wald")
    assert [row["estimate"], row["conf_low"], row["conf_high"]] == pytest.approx([45.0, 29.3, 58.0], abs=0.05)


def test_csat_is_the_share_of_the_top_two():
    row = one([1, 2, 3, 4, 5], metric="csat")
    assert (row["estimate"], row["unit"]) == (pytest.approx(0.4), "share")


def test_csat_on_seven_points_needs_and_uses_its_threshold():
    assert one([1, 5, 6, 7], metric="csat", scale=(1, 7), threshold=6)["estimate"] == pytest.approx(0.5)


def test_top_box_counts_scores_at_the_threshold():
    assert one([1, 2, 3, 4], metric="top_box", threshold=3)["estimate"] == pytest.approx(0.5)


def test_ces_is_a_mean_with_students_interval():
    # By hand: 1, 4, 7 have mean 4, sd 3, standard error √3, t(.975, 2) = 4.302653.
    row = one([1, 4, 7], metric="ces")
    half = 4.302652729911275 * np.sqrt(3)
    assert [row["estimate"], row["std_error"], row["conf_low"], row["conf_high"]] == pytest.approx(
        [4, np.sqrt(3), 4 - half, 4 + half]
    )


def test_a_mean_far_from_zero_keeps_its_variance():
    row = one([1e9 + 1, 1e9 + 2, 1e9 + 3], metric="mean")
    assert row["std_error"] == pytest.approx(1 / np.sqrt(3))
    assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_weighted_nps_and_its_linearised_error_by_hand():
    # w = 1, 2, 3 on values 1, 0, −1: mean −1/3; residuals 4/3, 1/3, −2/3; Σ(w r)² = 16/9 + 4/9 + 4.
    row = one(pd.DataFrame({"ltr": [10, 8, 0], "w": [1, 2, 3]}), weight_column="w")
    assert row["estimate"] == pytest.approx(-100 / 3)
    assert row["std_error"] == pytest.approx(100 * np.sqrt(56 / 9) / 6)
    assert row["n_effective"] == pytest.approx(36 / 14)


def test_weights_that_are_whole_numbers_are_not_counts_of_answers():
    answers = pd.DataFrame({"ltr": [10, 0], "w": [1000, 1000]})
    assert one(answers, weight_column="w")["n"] == 2


def test_missing_scores_are_counted_and_left_out():
    row = one([10, np.nan, 0, np.nan])
    assert (row["n"], row["n_missing"], row["estimate"]) == (2, 2, 0.0)


def test_a_group_without_an_answer_says_so_and_a_small_one_too():
    answers = pd.DataFrame({"ltr": [np.nan, 9, *[10] * 10], "plan": ["a", "b", *["c"] * 10]})
    table = survey.metric(answers, by=["plan"]).table
    assert table["note"].tolist() == ["no answers", "fewer than 10 answers", ""]
    assert np.isnan(table.loc[0, "estimate"])


def test_ten_promoters_of_ten_have_an_interval_with_a_width():
    for method in ("score", "adjusted-wald"):
        row = one([10] * 10, method=method)
        assert row["conf_high"] == 100
        assert row["conf_low"] < 60


def test_ten_thousand_groups_agree_with_one_at_a_time():
    rng = np.random.default_rng(1)
    answers = pd.DataFrame(
        {
            "ltr": rng.integers(0, 11, 60_000),
            "shop": np.arange(60_000) % 10_000,
            "w": rng.uniform(1, 3, 60_000),
        }
    )
    table = survey.metric(answers, by=["shop"], weight_column="w").table
    assert len(table) == 10_000
    for shop in (0, 4_321, 9_999):
        alone = one(answers[answers["shop"] == shop], weight_column="w")
        row = table[table["shop"] == shop].iloc[0]
        for column in ("n", "estimate", "std_error", "conf_low", "conf_high", "n_effective"):
            assert row[column] == pytest.approx(alone[column], abs=1e-6), column


# ---------------------------------------------------------------------------------- exact coverage

SHARES = np.array([0, 0.005, 0.01, 0.02, 0.03, 0.04, *np.arange(1, 20) * 0.05, 0.96, 0.98, 0.99, 1.0])


def grid():
    plus, minus = (axis.ravel() for axis in np.meshgrid(SHARES, SHARES))
    inside = plus + minus <= 1 + 1e-9
    return plus[inside], minus[inside]


def coverage(interval, n, plus, minus):
    """Sum the probability of every outcome of n answers whose interval holds the truth."""
    up, down = (axis.ravel() for axis in np.meshgrid(np.arange(n + 1.0), np.arange(n + 1.0)))
    up, down = up[up + down <= n], down[up + down <= n]
    low, high = interval(up, down, np.full_like(up, n), 0.95)
    rest = np.clip(1 - plus - minus, 0, 1)
    ways = special.gammaln(n + 1) - sum(special.gammaln(k + 1) for k in (up, down, n - up - down))
    logs = sum(special.xlogy(k, p[:, None]) for k, p in ((up, plus), (down, minus), (n - up - down, rest)))
    chance = np.exp(ways + logs)
    np.testing.assert_allclose(chance.sum(axis=1), 1)
    truth = (plus - minus)[:, None]
    return (chance * ((low <= truth + 1e-12) & (truth <= high + 1e-12))).sum(axis=1)


def wald(plus, minus, n, conf_level):
    net = (plus - minus) / n
    half = intervals.z_value(conf_level) * np.sqrt(np.maximum((plus + minus) / n - net**2, 0) / n)
    return net - half, net + half


@pytest.mark.parametrize("n", [10, 20, 30, 50, 100])
@pytest.mark.parametrize("name", ["net_score", "net_adjusted_wald"])
def test_coverage_is_at_least_93_where_all_shares_are_5_percent_and_87_everywhere(name, n, capsys):
    plus, minus = grid()
    held = coverage(getattr(intervals, name), n, plus, minus)
    inner = (np.minimum(plus, minus) >= 0.05 - 1e-9) & (plus + minus <= 0.95 + 1e-9)
    worst = held.argmin()
    with capsys.disabled():
        print(
            f"\n{name}, n = {n}: inner minimum {held[inner].min():.4f}; "
            f"whole grid {held[worst]:.4f} at promoters {plus[worst]:.3f}, detractors {minus[worst]:.3f}",
            end="",
        )
    assert held[inner].min() >= 0.93
    assert held.min() >= 0.87


def test_wald_falls_to_65_percent_and_at_the_edge_to_7():
    plus, minus = grid()
    held = coverage(wald, 10, plus, minus)
    inner = (np.minimum(plus, minus) >= 0.05 - 1e-9) & (plus + minus <= 0.95 + 1e-9)
    assert held[inner].min() == pytest.approx(0.65, abs=0.005)
    inside = (plus > 0) & (minus > 0) & (plus + minus < 1)
    assert held[inside].min() < 0.10
    # By hand: where both poles together hold .0072, ten answers are all passive with
    # .9928¹⁰ = .93, and the width is zero.
    assert coverage(wald, 10, np.array([0.0051]), np.array([0.0021]))[0] == pytest.approx(0.07, abs=0.003)


@pytest.mark.parametrize("method", ["score", "adjusted-wald", "wald"])
def test_metric_uses_the_interval_whose_coverage_is_computed_here(method):
    row = one([10] * 7 + [8] * 2 + [1], method=method)
    function = {"score": intervals.net_score, "adjusted-wald": intervals.net_adjusted_wald, "wald": wald}[
        method
    ]
    low, high = function(*(np.array([float(k)]) for k in (7, 1, 10)), 0.95)
    assert [row["conf_low"], row["conf_high"]] == pytest.approx([100 * low[0], 100 * min(high[0], 1)])


# --------------------------------------------------------------------------------------- bad input

WEIGHTED = pd.DataFrame({"ltr": [10, 8, 3], "w": [1.0, 2.0, 3.0], "plan": ["a", "b", "b"]})


@pytest.mark.parametrize(
    ("answers", "choices", "error", "sentence"),
    [
        ([], {}, DataError, "has no rows"),
        ([np.nan, np.nan], {}, DataError, "Every value of 'ltr' is missing"),
        ([9, 11], {}, DataError, "outside 0 to 10 .1 of them; lowest 9, highest 11"),
        ([9, np.inf], {"metric": "mean"}, DataError, "outside the finite numbers"),
        ([9.5, 10], {}, DataError, "not whole numbers"),
        (["ten", "nine"], {}, TableError, "must hold numbers; it holds text"),
        (WEIGHTED.assign(w=[-1, 2, 3]), {"weight_column": "w"}, DataError, "negative, infinite or missing"),
        (
            WEIGHTED.assign(w=[np.inf, 2, 3]),
            {"weight_column": "w"},
            DataError,
            "negative, infinite or missing",
        ),
        (
            WEIGHTED.assign(w=[np.nan, 2, 3]),
            {"weight_column": "w"},
            DataError,
            "negative, infinite or missing",
        ),
        (WEIGHTED.assign(w=0), {"weight_column": "w"}, DataError, "All weights in 'w' are zero"),
        (WEIGHTED, {"by": "plan"}, ArgumentError, "is one name; give a list"),
        (WEIGHTED.rename(columns={"plan": "n"}), {"by": ["n"]}, ArgumentError, "a column 'n' of its own"),
        (WEIGHTED, {"metric": "npss"}, ArgumentError, "Did you mean 'nps'"),
        (WEIGHTED, {"metric": "mean", "method": "score"}, ArgumentError, "method='score' is not known"),
        (WEIGHTED, {"metric": "top_box"}, ArgumentError, "needs threshold="),
        (WEIGHTED, {"metric": "mean", "threshold": 3}, ArgumentError, "has no threshold"),
        (WEIGHTED, {"scale": (0, 5)}, ArgumentError, "defined on whole scores 0–10"),
        (WEIGHTED, {"metric": "csat", "scale": (1, 7)}, ArgumentError, "needs threshold="),
        (WEIGHTED, {"metric": "csat", "scale": 5, "threshold": 3}, ArgumentError, "do not fit together"),
        (WEIGHTED, {"metric": "top_box", "threshold": "high"}, ArgumentError, "do not fit together"),
        (WEIGHTED, {"conf_level": 95}, ArgumentError, "between 0 and 1"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(answers, choices, error, sentence):
    with pytest.raises(error, match=sentence):
        survey.metric(answers, **choices)


def test_one_answer_is_estimated_flagged_and_wide():
    row = one([10])
    assert row["note"] == "fewer than 10 answers"
    assert row["conf_high"] - row["conf_low"] > 150


def test_one_answer_has_a_mean_but_no_interval():
    row = one([4], metric="ces")
    assert row["estimate"] == 4
    assert np.isnan([row["std_error"], row["conf_low"], row["conf_high"]]).all()
