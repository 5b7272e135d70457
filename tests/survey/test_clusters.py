"""metric with clusters, populations and differences: by hand, and coverage by simulation."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from cxmeasure import survey
from cxmeasure.errors import ArgumentError, DataError


def one(answers, **choices):
    return survey.metric(answers, **choices).table.iloc[0]


def test_the_clustered_error_by_hand():
    # Customers a: 10, 10; b: 3; c: 8. Mean of +1 +1 −1 0 is .25; sums less .25 each: 1.5, −1.25, −.25.
    answers = pd.DataFrame({"ltr": [10, 10, 3, 8], "who": ["a", "a", "b", "c"]})
    row = one(answers, cluster_column="who")
    assert row["estimate"] == pytest.approx(25)
    assert row["std_error"] == pytest.approx(100 * np.sqrt((1.5**2 + 1.25**2 + 0.25**2) / 16 * 3 / 2))


def test_one_answer_a_customer_is_no_cluster():
    answers = pd.DataFrame({"ltr": np.random.default_rng(1).integers(0, 11, 50), "who": range(50)})
    plain, clustered = one(answers, method="wald"), one(answers, method="wald", cluster_column="who")
    assert clustered["std_error"] == pytest.approx(plain["std_error"] * np.sqrt(50 / 49))


def test_the_same_answer_twice_of_everybody_is_worth_one():
    scores = np.random.default_rng(1).integers(0, 11, 40)
    twice = pd.DataFrame({"ltr": np.repeat(scores, 2), "who": np.repeat(range(40), 2)})
    row = one(twice, cluster_column="who")
    assert row["n"] == 80
    assert row["n_effective"] <= 40


def test_clusters_all_alike_count_once_each():
    answers = pd.DataFrame({"ltr": [10] * 30, "who": np.repeat(range(15), 2)})
    row = one(answers, cluster_column="who")
    assert row["n_effective"] == pytest.approx(15)
    assert row["conf_low"] < 90


def test_one_customer_only_has_no_interval_worth_the_name():
    row = one(pd.DataFrame({"ltr": [10, 8, 3], "who": ["a"] * 3}), cluster_column="who")
    assert row["note"] == "one customer only: no interval"
    assert row["n_effective"] <= 1


SHAPES = {
    "lopsided": [0.90, 0.07, 0.03],
    "bell": [0.25, 0.50, 0.25],
    "u": [0.45, 0.10, 0.45],
    "leaning": [0.60, 0.25, 0.15],
}


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("clusters", "alike"), [(15, 0.0), (15, 0.5), (15, 0.9), (40, 0.5)])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_weighted_clustered_interval_covers_93_percent(shape, clusters, alike, is_weighted):
    # 4,000 surveys of two answers a customer, of which the second repeats the first with a chance.
    rng, surveys = np.random.default_rng(7), 4_000
    p = np.array(SHAPES[shape])
    first, second = (rng.choice([10, 8, 3], p=p, size=(surveys, clusters)) for _ in range(2))
    second = np.where(rng.random((surveys, clusters)) < alike, first, second)
    weight = rng.uniform(0.5, 2, (surveys, clusters)) if is_weighted else np.ones((surveys, clusters))
    both = pl.DataFrame(
        {
            "ltr": np.stack([first, second], axis=2).ravel(),
            "who": np.repeat(np.tile(np.arange(clusters), surveys), 2),
            "survey": np.repeat(np.arange(surveys), 2 * clusters),
            "w": np.repeat(weight.ravel(), 2),
        }
    )
    table = survey.metric(both, by=["survey"], cluster_column="who", weight_column="w").table
    truth = 100 * (p[0] - p[2])
    held = table["conf_low"].le(truth + 1e-9) & table["conf_high"].ge(truth - 1e-9)
    assert held.mean() >= 0.93


def test_everybody_answered_leaves_nothing_to_estimate():
    row = one([10, 8, 3, 9], population_size=4)
    assert (row["std_error"], row["conf_low"], row["conf_high"]) == (0.0, 25.0, 25.0)


def test_the_finite_population_correction_by_hand():
    free, bound = one([10, 8, 3, 9]), one([10, 8, 3, 9], population_size=8)
    assert bound["std_error"] == pytest.approx(free["std_error"] * np.sqrt(0.5))
    assert bound["conf_low"] > free["conf_low"]


def test_a_population_far_larger_than_the_answers_changes_nothing():
    free, bound = one([10, 8, 3, 9]), one([10, 8, 3, 9], population_size=10**9)
    assert bound["conf_low"] == pytest.approx(free["conf_low"], abs=1e-5)


GROUPS = pd.DataFrame(
    {
        "ltr": [10] * 60 + [8] * 25 + [3] * 15 + [10] * 40 + [8] * 35 + [3] * 25,
        "q": ["new"] * 100 + ["old"] * 100,
    }
)


def test_a_difference_by_hand_with_newcombes_interval():
    table = survey.metric(GROUPS, by=["q"], against="old").table
    new, old, gap = (table.iloc[i] for i in range(3))
    assert gap["term"] == "nps difference"
    assert gap["estimate"] == pytest.approx(30)
    assert gap["std_error"] == pytest.approx(np.hypot(new["std_error"], old["std_error"]))
    below = np.hypot(new["estimate"] - new["conf_low"], old["conf_high"] - old["estimate"])
    assert gap["conf_low"] == pytest.approx(30 - below)
    assert gap["p_value"] == pytest.approx(0.0068, abs=0.002)


@pytest.mark.slow
@pytest.mark.parametrize("n", [12, 30, 100])
def test_a_difference_of_two_shares_of_answers_is_covered(n):
    rng, surveys = np.random.default_rng(2), 3_000
    for before, after in (([0.4, 0.35, 0.25], [0.5, 0.3, 0.2]), ([0.8, 0.15, 0.05], [0.9, 0.05, 0.05])):
        lows = []
        for shares in (before, after):
            scores = rng.choice([10, 8, 3], p=shares, size=(surveys, n)).ravel()
            rows = pl.DataFrame({"ltr": scores, "survey": np.repeat(np.arange(surveys), n)})
            lows.append(survey.metric(rows, by=["survey"]).table)
        gap = lows[1]["estimate"] - lows[0]["estimate"]
        below = np.hypot(
            lows[1]["estimate"] - lows[1]["conf_low"], lows[0]["conf_high"] - lows[0]["estimate"]
        )
        above = np.hypot(
            lows[1]["conf_high"] - lows[1]["estimate"], lows[0]["estimate"] - lows[0]["conf_low"]
        )
        truth = 100 * (after[0] - after[2] - before[0] + before[2])
        assert ((gap - below <= truth) & (truth <= gap + above)).mean() >= 0.93


def test_ten_thousand_groups_of_clusters_need_no_loop():
    rng = np.random.default_rng(3)
    rows = pl.DataFrame(
        {
            "ltr": rng.integers(0, 11, 60_000),
            "g": np.arange(60_000) % 10_000,
            "who": rng.integers(0, 9, 60_000),
        }
    )
    assert len(survey.metric(rows, by=["g"], cluster_column="who").table) == 10_000


@pytest.mark.parametrize(
    ("answers", "choices", "error", "sentence"),
    [
        (GROUPS, {"by": ["q"], "against": "older"}, ArgumentError, "is no value of 'q'; it holds"),
        (GROUPS, {"against": "old"}, ArgumentError, "needs one column in by="),
        (GROUPS, {"population_size": 5}, DataError, "less than the 200 answers"),
        (GROUPS, {"by": ["q"], "population_size": 500}, ArgumentError, "one number but there are groups"),
        (GROUPS, {"by": ["q"], "population_size": {"old": 500}}, ArgumentError, "no number for"),
        (GROUPS.assign(who=[None, *"a" * 199]), {"cluster_column": "who"}, DataError, "missing for 1 of"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_a_sentence(answers, choices, error, sentence):
    with pytest.raises(error, match=sentence):
        survey.metric(answers, **choices)
