"""response_curve and contact_fatigue: found where it is, not where it is not, refused where blind."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from statsmodels.api import GLM, families

from cxmeasure import survey
from cxmeasure.errors import ArgumentError, DataError, EstimationError


def world(seed, b1, b2, *, n=6_000, noise=0.0):
    """Invite n whose chance of answering is logit a + b1·z + b2·(z² − 1), with a proxy of z."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    answered = rng.random(n) < 1 / (1 + np.exp(-(-1.3 + b1 * z + b2 * (z**2 - 1))))
    return pl.DataFrame({"has_answered": answered, "use": z + noise * rng.normal(size=n)})


def curve(data, **choices):
    return survey.response_curve(data, **{"proxy_column": "use", "proxy_kind": "behaviour", **choices})


def u_p_value(data):
    return curve(data).table.set_index("term").loc["U shape", "p_value"]


def test_a_u_is_found_where_it_is():
    notes = [curve(world(seed, 0.0, 0.45)).table["note"].iloc[-1] for seed in range(40)]
    assert np.mean([note.startswith("U-shaped") for note in notes]) == 1.0


def test_no_u_is_found_where_response_only_rises_or_does_not_vary():
    for b1, most in ((0.5, 0.0), (0.0, 0.06)):
        p = np.array([u_p_value(world(seed, b1, 0.0)) for seed in range(80)])
        assert (p < 0.05).mean() <= most


def test_a_curve_that_only_rises_says_so():
    assert curve(world(1, 0.7, 0.0)).table["note"].iloc[-1] == "no U: rises throughout"
    assert curve(world(1, -0.7, 0.0)).table["note"].iloc[-1] == "no U: falls throughout"
    assert curve(world(1, 0.0, -0.6)).table["note"].iloc[-1].startswith("an arch")


def test_a_noisy_proxy_flattens_the_curve_it_does_not_make_one():
    clean, noisy = (curve(world(3, 0.0, 0.45, noise=noise)).table["estimate"] for noise in (0.0, 1.5))
    assert abs(noisy[0]) < 0.6 * abs(clean[0])


def test_the_vertex_lies_where_the_truth_has_it():
    rows = [curve(world(seed, 0.3, 0.45)).table.set_index("term").loc["vertex"] for seed in range(60)]
    held = [row["conf_low"] <= -0.3 / 0.9 <= row["conf_high"] for row in rows]
    assert np.mean(held) >= 0.88


def test_slopes_equal_a_logit_on_rows():
    # Independent second computation: whole numbers keep a band each, so the fit is that on rows.
    rng = np.random.default_rng(4)
    x = rng.integers(0, 11, 2_000)
    answered = rng.random(2_000) < 1 / (1 + np.exp(-(-1.5 + 0.04 * (x - 5) ** 2)))
    fitted = GLM(
        answered.astype(float), np.column_stack([np.ones(2_000), x, x**2]), family=families.Binomial()
    )
    params = fitted.fit(tol=1e-12).params
    table = curve(pd.DataFrame({"has_answered": answered, "use": x})).table
    low, high = np.sort(x)[[99, 1899]]
    assert table["estimate"][0] == pytest.approx(params[1] + 2 * params[2] * low, rel=1e-6)
    assert table["estimate"][1] == pytest.approx(params[1] + 2 * params[2] * high, rel=1e-6)
    assert table["estimate"][2] == pytest.approx(-params[1] / 2 / params[2], rel=1e-6)


def test_a_follow_up_sample_with_weights_shows_the_curve_of_everybody():
    data = world(5, 0.0, 0.45, n=12_000)
    drawn = np.random.default_rng(1).random(12_000) < 0.2
    kept = data.filter(pl.col("has_answered") | pl.Series(drawn))
    kept = kept.with_columns(w=pl.when("has_answered").then(1.0).otherwise(5.0))
    whole, sample = (
        curve(data).details["curve"],
        curve(kept, proxy_kind="follow-up", weight_column="w").details["curve"],
    )
    middle = slice(12, 29)
    assert np.abs(whole["estimate"][middle] - sample["estimate"][middle]).max() < 0.08


DATA = world(1, 0.0, 0.4, n=300)


@pytest.mark.parametrize(
    ("data", "choices", "error", "sentence"),
    [
        (DATA, {"proxy_kind": "past score"}, ArgumentError, "known only of those who answered before"),
        (DATA, {"proxy_kind": "hunch"}, ArgumentError, "choose one of 'behaviour'"),
        (
            DATA.with_columns(use=pl.when("has_answered").then("use")),
            {},
            DataError,
            "needs a proxy known of everybody invited: from those who answered alone",
        ),
        (DATA.with_columns(use=pl.lit(1.0)), {}, DataError, "what does not vary has no curve"),
        (DATA.with_columns(has_answered=pl.lit(False)), {}, EstimationError, "some on both sides"),
        (DATA.with_columns(has_answered=pl.lit(None, dtype=pl.Boolean)), {}, DataError, "say of each"),
        (DATA.with_columns(has_answered=pl.col("use") > 0), {}, EstimationError, "nobody|decide"),
    ],
)  # fmt: skip
def test_what_has_no_curve_is_refused(data, choices, error, sentence):
    with pytest.raises(error, match=sentence):
        curve(data, **choices)


# ------------------------------------------------------------------------------------- fatigue


def throttled(seed, *, effect=-0.45, history=0.0, customers=600):
    """Customers in three arms, asked eight times; the log odds fall with log(1 + earlier invitations)."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(customers), 8)
    arm = np.repeat(rng.choice([0, 30, 90], customers), 8)
    willing = np.repeat(rng.normal(0, 0.8, customers), 8)
    most = np.select([arm == 0, arm == 30], [6, 3], 1)
    prior = rng.integers(0, most + 1)
    answered = rng.random(len(who)) < 1 / (1 + np.exp(-(-0.8 + effect * np.log1p(prior) + willing)))
    return pl.DataFrame({"who": who, "quiet_days": arm, "prior": prior, "has_answered": answered})


ROLES = {"arm_column": "quiet_days", "prior_column": "prior", "customer_column": "who"}


def test_arms_by_hand():
    sent = pd.DataFrame({"arm": ["a", "a", "a", "b", "b"], "has_answered": [True, False, False, True, True]})
    table = survey.contact_fatigue(sent, arm_column="arm", reference="b").table
    assert table["estimate"].tolist() == pytest.approx([1 / 3, 1, -2 / 3])
    assert table["term"].tolist() == ["response rate", "response rate", "difference"]
    assert table["std_error"][0] == pytest.approx(np.sqrt(1 / 3 * 2 / 3 / 3 * 3 / 2))


def test_the_within_slope_by_hand():
    # One customer asked at 0 and e−1 earlier (x = 0, 1), answers, then stops; the other the same at 0 and 2.
    sent = pd.DataFrame(
        {
            "who": [1, 1, 2, 2],
            "prior": [0, np.e - 1, 0, np.e**2 - 1],
            "has_answered": [True, False, True, False],
        }
    )
    table = survey.contact_fatigue(sent, prior_column="prior", customer_column="who").table
    # Σ S_xy / Σ S_xx = (−.5 − 1) / (.5 + 2).
    assert table["estimate"][0] == pytest.approx(-0.6)


def test_fatigue_is_found_by_arms_and_within_persons_and_not_where_there_is_none():
    found = survey.contact_fatigue(throttled(1), **ROLES).table
    slope = found.set_index("term").loc["within-person slope"]
    assert slope["conf_high"] < 0
    last = found[found["term"] == "difference"].iloc[-1]
    assert last["arm"] == "90"
    assert last["conf_low"] > 0
    held = []
    for seed in range(60):
        null = survey.contact_fatigue(throttled(seed, effect=0.0, customers=200), **ROLES).table.set_index(
            "term"
        )
        held.append(null.loc["within-person slope", "p_value"] > 0.05)
        held += (null.loc["difference", "p_value"] > 0.05).tolist()
    assert np.mean(held) >= 0.91


def test_the_approximate_log_odds_are_near_the_true_ones():
    slopes = [
        survey.contact_fatigue(throttled(seed), **ROLES).table.set_index("term").loc["log odds", "estimate"]
        for seed in range(10)
    ]
    assert np.mean(slopes) == pytest.approx(-0.45, abs=0.1)


def test_answers_of_one_customer_widen_the_interval():
    data = throttled(2)
    alone = survey.contact_fatigue(data, arm_column="quiet_days").table["std_error"]
    clustered = survey.contact_fatigue(data, arm_column="quiet_days", customer_column="who").table[
        "std_error"
    ]
    assert (clustered > alone).all()


@pytest.mark.parametrize(
    ("choices", "error", "sentence"),
    [
        ({}, ArgumentError, "Give arm_column="),
        ({"prior_column": "prior"}, ArgumentError, "needs customer_column="),
        ({"arm_column": "quiet_days", "reference": 60}, ArgumentError, "is no arm in 'quiet_days'"),
        (
            {"prior_column": "who", "customer_column": "who"},
            EstimationError,
            "does not vary within customers",
        ),
    ],
)
def test_what_shows_no_fatigue_is_refused(choices, error, sentence):
    with pytest.raises(error, match=sentence):
        survey.contact_fatigue(throttled(1, customers=30), **choices)


def test_unknown_responses_and_negative_counts_are_refused():
    data = throttled(1, customers=30)
    with pytest.raises(DataError, match="missing or negative for 240"):
        survey.contact_fatigue(data.with_columns(prior=pl.lit(-1)), **ROLES)
    with pytest.raises(DataError, match="'has_answered' is missing for 240"):
        survey.contact_fatigue(data.with_columns(has_answered=pl.lit(None, dtype=pl.Boolean)), **ROLES)
