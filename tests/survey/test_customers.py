"""cluster_column beyond metric: errors over customers, by an exact case, never below those over answers."""

import numpy as np
import pandas as pd
import pytest

from cxmeasure import survey
from cxmeasure.errors import DataError

RNG = np.random.default_rng(3)
N = 300
ONCE = pd.DataFrame(
    {
        "who": np.arange(N),
        "plan": RNG.choice(["a", "b"], N),
        "region": RNG.choice(["n", "s", "w"], N),
        "use": RNG.integers(0, 12, N).astype(float),
        "w": RNG.uniform(0.5, 2, N),
        "score": RNG.choice([10.0, 8, 3, 9, 0], N),
    }
)
ONCE["has_answered"] = RNG.random(N) < 0.2 + 0.05 * (ONCE["use"] - 5) ** 2 / 5
ONCE["ltr"] = ONCE["score"].where(ONCE["has_answered"])
TWICE = pd.concat([ONCE, ONCE], ignore_index=True)


def weights(method, **more):
    def call(rows, **choices):
        return survey.nonresponse_weights(
            rows,
            covariate_columns=["plan", "region"],
            method=method,
            responded_column="has_answered",
            score_column="ltr",
            **more,
            **choices,
        ).summary

    return call


CALLS = {
    "rake": weights("rake"),
    "rake, weighted": weights("rake", weight_column="w"),
    "post-stratify": weights("post-stratify"),
    "inverse-propensity": weights("inverse-propensity"),
    "inverse-propensity, weighted": weights("inverse-propensity", weight_column="w"),
    "nps_bias": lambda rows, **c: survey.nps_bias(rows, score_column="score", weight_column="w", **c),
    "worst_case_bounds": lambda rows, **c: survey.worst_case_bounds(rows, weight_column="w", **c),
    "worst_case_bounds of a mean": lambda rows, **c: survey.worst_case_bounds(
        rows, metric="mean", scale=(0, 10), by=["plan"], **c
    ),
    "tilt": lambda rows, **c: survey.sensitivity(rows, weight_column="w", **c),
    "data-defect": lambda rows, **c: survey.sensitivity(rows, method="data-defect", **c),
    "proxy": lambda rows, **c: survey.sensitivity(
        rows, metric="mean", method="proxy", proxy_column="use", **c
    ),
    "share by proxy": lambda rows, **c: survey.sensitivity(
        rows, metric="top_box", threshold=9, method="proxy", proxy_column="use", **c
    ),
    "response_curve": lambda rows, **c: survey.response_curve(
        rows, proxy_column="use", proxy_kind="behaviour", **c
    ),
}


def errors(result):
    return result.table["std_error"].dropna().to_numpy(float)


@pytest.mark.parametrize("name", CALLS)
def test_every_customer_twice_is_worth_every_customer_once(name):
    # The same rows twice halve the variance over rows; over customers it is that of once, but for m/(m − 1).
    once, naive = errors(CALLS[name](ONCE)), errors(CALLS[name](TWICE))
    clustered = errors(CALLS[name](TWICE, cluster_column="who"))
    # Model-based variances of a logit and its sandwich agree but for noise.
    tolerance = 0.25 if name == "response_curve" else 0.01
    np.testing.assert_allclose(clustered, once, rtol=tolerance)
    assert (clustered > 1.2 * naive).all()


@pytest.mark.parametrize("name", CALLS)
def test_customers_with_one_invitation_each_change_next_to_nothing(name):
    plain, clustered = (errors(CALLS[name](ONCE, **c)) for c in ({}, {"cluster_column": "who"}))
    assert (clustered >= plain * (1 - 1e-9)).all()
    np.testing.assert_allclose(clustered, plain, rtol=0.25 if name == "response_curve" else 0.01)


@pytest.mark.parametrize("name", CALLS)
def test_customers_who_contradict_themselves_do_not_make_it_narrower(name):
    # Neighbours in the order of scores of opposite leaning make sums over customers vary less than answers.
    ordered = ONCE.sort_values("score", ignore_index=True)
    mirrored = ordered.assign(who=np.minimum(np.arange(N), N - 1 - np.arange(N)))
    plain, clustered = (CALLS[name](mirrored, **c) for c in ({}, {"cluster_column": "who"}))
    assert (errors(clustered) >= errors(plain) * (1 - 1e-9)).all()
    width = [(t["conf_high"] - t["conf_low"]).dropna() for t in (plain.table, clustered.table)]
    clipped = name.startswith("worst") or name == "tilt"
    assert clipped or (width[1] >= width[0] * (1 - 1e-9)).all()


def test_the_clustered_error_of_the_bounds_by_hand():
    # a: promoter and silent, b: detractor, c: silent. Lowest: silent are −1: values 1, −1, −1, −1, mean −.5.
    rows = pd.DataFrame({"ltr": [10, np.nan, 3, np.nan], "who": ["a", "a", "b", "c"]})
    row = survey.worst_case_bounds(rows, cluster_column="who").table.iloc[0]
    over = (1.5 - 0.5) ** 2 + 0.5**2 + 0.5**2  # sums of residuals: 1.5 − .5, −.5, −.5
    alone = 1.5**2 + 3 * 0.5**2
    assert row["std_error"] == pytest.approx(100 * np.sqrt(max(over * 3 / 2, alone)) / 4)


def test_one_customer_a_group_is_noted():
    rows = pd.DataFrame(
        {"ltr": [10, 3, 8, np.nan], "who": ["a", "a", "b", "c"], "plan": ["x", "x", "y", "y"]}
    )
    table = survey.worst_case_bounds(rows, by=["plan"], cluster_column="who").table
    assert table["note"].tolist() == ["one customer only: no interval"] * 2 + [""] * 2
    assert table["conf_low"].isna().tolist() == [True] * 2 + [False] * 2


@pytest.mark.parametrize("name", [name for name in CALLS if not name.startswith("worst")])
def test_an_invitation_of_nobody_is_refused(name):
    rows = ONCE.assign(who=[None, *range(N - 1)])
    rows["has_answered"] = [True, *ONCE["has_answered"].iloc[1:]]
    rows["ltr"] = rows["score"].where(rows["has_answered"])
    with pytest.raises(DataError, match="'who' is missing for"):
        CALLS[name](rows, cluster_column="who")
