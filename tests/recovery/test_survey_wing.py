"""The survey wing on companies whose truth is known: what it gets right, how often, and in which world."""

from functools import cache

import numpy as np
import polars as pl
import pytest

from cxmeasure import lantern, survey

SEEDS = range(100, 130)
SIZE = 1_000
COVARIATES = ["region", "age_band", "digital", "plan"]
TABLES = ["invitations", "answers", "followup_sample", "truth_invitation", "customers"]


@cache
def invitations(world, seed):
    """Return every delivered invitation with its answer, follow-up, customer, and the answer it would get."""
    tables = {
        name: pl.from_pandas(frame)
        for name, frame in lantern.simulate(world=world, size=SIZE, seed=seed, tables=TABLES).items()
    }
    calls = tables["followup_sample"].select("invitation_id", "drawn", again="ltr")
    people = tables["customers"].select("customer_id", "throttle_arm", *COVARIATES)
    truth = tables["truth_invitation"].select("invitation_id", true_ltr="ltr_if_asked")
    return (
        tables["invitations"]
        .filter(pl.col("disposition") != "undelivered")
        .join(tables["answers"].select("invitation_id", "ltr"), on="invitation_id", how="left")
        .join(calls, on="invitation_id", how="left")
        .join(people, on="customer_id", how="left")
        .join(truth, on="invitation_id", how="left")
        .with_columns(has_answered=pl.col("ltr").is_not_null(), drawn=pl.col("drawn").fill_null(False))
    )


def relationship(world, seed):
    return invitations(world, seed).filter(pl.col("kind") == "relationship")


def truth_of(data):
    return survey.metric(data["true_ltr"]).table["estimate"][0]


def covering(world, estimate):
    """Return how often an interval holds the truth, and by how much the estimate misses it on average."""
    held, missed = [], []
    for seed in SEEDS:
        data = relationship(world, seed)
        row, truth = estimate(data), truth_of(data)
        held.append(row["conf_low"] <= truth <= row["conf_high"])
        missed.append(row["estimate"] - truth)
    return np.mean(held), np.mean(missed)


def naive(data):
    return survey.metric(data, cluster_column="customer_id").table.iloc[0]


def doubled(data):
    table = survey.double_sample(data, follow_up_column="again", cluster_column="customer_id").table
    return table.set_index("term").loc["double sample"]


def weighted(method):
    def estimate(data):
        scores = survey.nonresponse_weights(
            data,
            covariate_columns=COVARIATES,
            method=method,
            responded_column="has_answered",
            score_column="ltr",
        )
        return scores.summary.table.set_index("term").loc["weighted"]

    return estimate


@pytest.mark.slow
def test_in_the_tilted_world_only_the_follow_up_covers_the_truth():
    assert covering("tilted", naive)[0] <= 0.05
    for method in ("rake", "inverse-propensity"):
        held, missed = covering("tilted", weighted(method))
        assert held <= 0.1
        assert missed > 10
    held, missed = covering("tilted", doubled)
    assert held >= 0.85  # of 30, at 95 %: fewer than 26 is one chance in fifty
    assert abs(missed) < 4


@pytest.mark.slow
@pytest.mark.parametrize("world", ["claimed", "mar", "null"])
def test_double_sampling_covers_the_truth_in_every_world(world):
    held, missed = covering(world, doubled)
    assert held >= 0.85
    assert abs(missed) < 4


@pytest.mark.slow
def test_the_bounds_hold_the_truth_in_every_world():
    for world in ("claimed", "tilted", "mar", "null"):
        for seed in SEEDS[:4]:
            data = relationship(world, seed)
            table = survey.worst_case_bounds(data).table
            assert table["conf_low"][0] <= truth_of(data) <= table["conf_high"][0]


@pytest.mark.slow
def test_the_identity_splits_the_bias_of_each_world():
    tilt = {
        world: np.mean(
            [
                survey.nps_bias(relationship(world, seed), score_column="true_ltr")
                .table.set_index("term")
                .loc["tilt", "estimate"]
                for seed in SEEDS[:6]
            ]
        )
        for world in ("claimed", "tilted", "null")
    }
    assert tilt["tilted"] > tilt["claimed"] + 10
    assert abs(tilt["null"]) < 10


@pytest.mark.slow
def test_the_r_indicator_is_blind_to_what_no_covariate_records():
    # The tilt doubles the bias and more; R on recorded covariates hardly moves.
    r = {
        world: np.mean(
            [
                survey.r_indicator(relationship(world, seed), covariate_columns=COVARIATES).table["estimate"][
                    0
                ]
                for seed in SEEDS[:6]
            ]
        )
        for world in ("claimed", "tilted")
    }
    assert r["tilted"] == pytest.approx(r["claimed"], abs=0.04)
    assert r["tilted"] > 0.8


@pytest.mark.slow
def test_fatigue_is_found_where_it_is_and_not_where_it_is_not():
    def difference(world, seed):
        table = survey.contact_fatigue(
            invitations(world, seed), arm_column="throttle_arm", customer_column="customer_id"
        ).table
        return table[table["term"] == "difference"].iloc[-1]

    assert all(difference("claimed", seed)["conf_low"] > 0 for seed in SEEDS[:6])
    quiet = [difference("null", seed) for seed in SEEDS]
    assert np.mean([row["conf_low"] <= 0 <= row["conf_high"] for row in quiet]) >= 0.8


@pytest.mark.slow
def test_a_month_s_score_is_charted_and_the_real_shift_found_more_often_than_by_chance():
    signals = []
    for seed in SEEDS[:8]:
        data = relationship("claimed", seed).with_columns(ltr=pl.col("true_ltr"))
        table = survey.control_chart(data, period_column="month").table
        shifted = table[table["month"].isin([29, 30])]
        signals.append((shifted["signal"] != "").any())
    assert np.mean(signals) >= 0.75
