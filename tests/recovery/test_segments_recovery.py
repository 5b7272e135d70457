"""Segments that are there are found again and predict; those that are not are called decoration."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.cluster import vq

from cxmeasure import lifecycle
from cxmeasure._stats.agreement import Trial


def by_means(train: pd.DataFrame, rows: pd.DataFrame) -> Any:
    centres, _ = vq.kmeans2(train.to_numpy(float), 3, minit="++", rng=np.random.default_rng(1))
    return vq.vq(rows.to_numpy(float), centres)[0]


def stability(customers: pd.DataFrame, seed: int, **choices: Any) -> pd.DataFrame:
    choices = {"outcome_column": "y", "n_permutations": 19, "n_resamples": 20} | choices
    rng = np.random.default_rng(seed)
    return lifecycle.segment_stability(customers, rng=rng, **choices).table.set_index("term")


@pytest.mark.parametrize("is_real", [True, False], ids=["three kinds", "one kind"])
def test_kinds_are_found_again_where_there_are_any(is_real: bool) -> None:
    rng = np.random.default_rng(5)
    kind = rng.integers(0, 3, 400)
    centres = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]]) * is_real
    x = centres[kind] + rng.normal(size=(400, 2))
    customers = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": kind * is_real + rng.normal(size=400)})
    table = stability(customers, 1, assign=by_means, feature_columns=["a", "b"])
    assert (table.loc["steadiness", "estimate"] > 0.95) == is_real
    assert (table.loc["steadiness", "note"] == "steady") == is_real
    assert (table.loc["gain", "note"] == "predicts") == is_real


def test_labels_that_know_nothing_are_called_so_at_the_rate_promised() -> None:
    said = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        customers = pd.DataFrame({"label": rng.integers(0, 4, 80), "y": rng.normal(size=80)})
        said.append(stability(customers, seed, segment_column="label").loc["gain", "p_value"] <= 0.05)
    # 5 % are promised; four standard errors above would be a fault.
    assert np.mean(said) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 60)


def test_the_gain_covers_the_share_between_segments_at_its_rate() -> None:
    means = np.array([-1.0, 0.0, 1.0])
    truth = means.var() / (means.var() + 1)
    covers = []
    for seed in range(400):
        rng = np.random.default_rng(1000 + seed)
        kind = rng.integers(0, 3, 600)
        trial = Trial(means[kind] + rng.normal(size=600), np.empty((600, 0)), np.arange(600) % 5)
        gain, error = trial.held_out(kind).gain()
        covers.append(abs(gain - truth) < 1.96 * error)
    print(f"covered {np.mean(covers):.3f}")
    assert np.mean(covers) > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 400)


def test_a_segment_made_of_the_plan_says_nothing_beside_the_plan() -> None:
    rng = np.random.default_rng(7)
    plan = rng.integers(0, 2, 1500)
    customers = pd.DataFrame({"plan": np.where(plan, "full", "basic"), "y": plan + rng.normal(size=1500)})
    customers["persona"] = np.where(plan, rng.choice(["Anna", "Ben"], 1500), "Carl")
    table = stability(customers, 1, segment_column="persona", covariate_columns=["plan"])
    assert table.loc["gain", "note"] == "predicts"
    assert table.loc["gain_beyond_covariates", "note"].startswith("decoration")
    assert abs(table.loc["gain_beyond_covariates", "estimate"]) < 0.01


def test_a_segment_that_follows_from_the_plan_is_decoration_beside_it() -> None:
    rng = np.random.default_rng(8)
    plan = rng.integers(0, 3, 400)
    customers = pd.DataFrame({"plan": plan.astype(str), "y": plan + rng.normal(size=400)})
    customers["persona"] = np.where(plan == 1, "Anna", "Ben")
    table = stability(customers, 1, segment_column="persona", covariate_columns=["plan"])
    assert table.loc["gain_beyond_covariates", "p_value"] == 1
    assert table.loc["gain_beyond_covariates", "note"].startswith("decoration")


def test_beside_correlated_covariates_the_rate_of_false_alarms_is_the_one_promised() -> None:
    said = []
    for seed in range(160):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(120, 2))
        codes = (x[:, 0] + 0.5 * rng.normal(size=120) > 0) + 2 * rng.integers(0, 2, 120)
        y = (x @ [0.8, 0.4] + rng.logistic(size=120) > 0).astype(float)
        trial = Trial(y, x, rng.permutation(120) % 5)
        null = trial.shuffled(codes, 19, rng)
        said.append((null < trial.held_out(codes).gain()[0]).all())
    print(f"false alarms {np.mean(said):.3f}")
    assert np.mean(said) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 160)
