"""double_sample and wave_contrast: by hand, and who covers the truth when answering depends on the score."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from cxmeasure import survey
from cxmeasure.errors import ArgumentError, DataError

SCORES = np.arange(11)
SHARES = np.array([3, 2, 3, 4, 5, 8, 10, 15, 20, 15, 15]) / 100
TRUTH = 100 * (SHARES[9:].sum() - SHARES[:7].sum())


def tilted(seed, *, n=3_000, drawn=0.2, reach_tilt=0.0, per_customer=1):
    """Invite n of a population in which the satisfied answer more often, and call some of the silent."""
    rng = np.random.default_rng(seed)
    customers = n // per_customer
    score = np.repeat(rng.choice(SCORES, p=SHARES, size=customers), per_customer)
    answered = rng.random(n) < 1 / (1 + np.exp(-(-3.4 + 0.3 * score)))
    called = ~answered & (rng.random(n) < drawn)
    reached = called & (rng.random(n) < 1 / (1 + np.exp(-(0.4 + reach_tilt * (score - 7)))))
    return pl.DataFrame(
        {
            "who": np.repeat(np.arange(customers), per_customer),
            "has_answered": answered,
            "ltr": [float(s) if a else None for s, a in zip(score, answered, strict=True)],
            "drawn": called,
            "follow_up_ltr": [float(s) if r else None for s, r in zip(score, reached, strict=True)],
        }
    )


def covering(seeds, term="double sample", **choices):
    cluster = {"cluster_column": "who"} if choices.get("per_customer", 1) > 1 else {}
    rows = [
        survey.double_sample(tilted(seed, **choices), **cluster).table.set_index("term").loc[term]
        for seed in range(seeds)
    ]
    return np.mean([row["conf_low"] <= TRUTH <= row["conf_high"] for row in rows]), rows


def test_hansen_and_hurwitz_variance_by_hand():
    sent = pd.DataFrame(
        {
            "has_answered": [True] * 100 + [False] * 100,
            "ltr": [10.0] * 75 + [3.0] * 25 + [np.nan] * 100,
            "drawn": [False] * 100 + [True] * 20 + [False] * 80,
            "follow_up_ltr": [np.nan] * 100 + [10.0] * 5 + [3.0] * 15 + [np.nan] * 80,
        }
    )
    row = survey.double_sample(sent).table.iloc[1]
    # w₁s₁²/n + w₁w₂(ȳ₁ − ȳ₂)²/n + w₂²s₂²/r, and 20/19 for the smaller sample.
    variance = 0.5 * 0.75 / 200 + 0.25 / 200 + 0.25 * 0.75 / 20
    assert row["std_error"] == pytest.approx(100 * np.sqrt(variance * 20 / 19))
    assert row["estimate"] == 0


def test_everybody_drawn_and_reached_is_the_plain_score():
    data = tilted(1, drawn=1.0, reach_tilt=0.0).with_columns(
        follow_up_ltr=pl.when(~pl.col("has_answered")).then(pl.col("follow_up_ltr").fill_null(5))
    )
    row = survey.double_sample(data).table.iloc[1]
    everyone = data.select(ltr=pl.coalesce("ltr", "follow_up_ltr"))
    assert row["estimate"] == pytest.approx(survey.metric(everyone).table["estimate"][0])
    wald = survey.metric(everyone, method="wald").table["std_error"][0]
    assert row["std_error"] == pytest.approx(wald, rel=1e-3)


@pytest.mark.slow
def test_double_sampling_covers_the_truth_where_reach_is_independent_and_the_naive_score_never_does():
    held, rows = covering(200)
    assert held >= 0.92
    assert np.mean([row["estimate"] for row in rows]) == pytest.approx(TRUTH, abs=1.5)
    naive, _ = covering(60, term="respondents")
    assert naive < 0.05


@pytest.mark.slow
def test_where_reach_depends_on_the_score_it_does_not_but_the_bounds_hold():
    held, rows = covering(120, reach_tilt=0.5)
    assert held < 0.75
    tables = [
        survey.double_sample(tilted(seed, reach_tilt=0.5)).table.set_index("term") for seed in range(40)
    ]
    inside = [
        table.loc["lowest", "conf_low"] <= TRUTH <= table.loc["highest", "conf_high"] for table in tables
    ]
    assert np.mean(inside) == 1.0
    assert np.mean([row["estimate"] for row in rows]) > TRUTH + 3


@pytest.mark.slow
def test_several_invitations_of_one_customer_are_allowed_for():
    held, rows = covering(150, per_customer=4)
    assert held >= 0.91
    plain = [survey.double_sample(tilted(seed, per_customer=4)).table["std_error"][1] for seed in range(20)]
    assert np.mean([row["std_error"] for row in rows]) > 1.1 * np.mean(plain)


def test_the_order_of_bounds_and_estimate():
    for seed in range(5):
        estimate = survey.double_sample(tilted(seed)).table.set_index("term")["estimate"]
        assert estimate["lowest"] <= estimate["double sample"] <= estimate["highest"]


GOOD = tilted(3, n=400)
NOBODY = pl.lit(None, dtype=pl.Float64)


@pytest.mark.parametrize(
    ("data", "choices", "error", "sentence"),
    [
        (GOOD.head(0), {}, DataError, "has no rows"),
        (GOOD.with_columns(drawn=pl.lit(True)), {}, DataError, "were answered .* and drawn"),
        (GOOD.with_columns(drawn=pl.lit(False)), {}, DataError, "without being drawn"),
        (GOOD.with_columns(follow_up_ltr=NOBODY), {}, DataError, "Nobody of those who did"),
        (GOOD.with_columns(has_answered=pl.lit(False)), {}, DataError, "Nobody answered the first time"),
        (GOOD.with_columns(ltr=pl.col("ltr") + 20), {}, DataError, "outside the scale"),
        (GOOD, {"metric": "mean"}, ArgumentError, "no worst answer without scale"),
    ],
)  # fmt: skip
def test_what_cannot_be_double_sampled_is_refused(data, choices, error, sentence):
    with pytest.raises(error, match=sentence):
        survey.double_sample(data, **choices)


# --------------------------------------------------------------------------------- wave_contrast

WAVES = pd.DataFrame({"wave": [1] * 60 + [2] * 40, "ltr": [10] * 45 + [3] * 15 + [10] * 20 + [3] * 20})


def test_waves_and_their_difference_are_those_of_metric():
    table = survey.wave_contrast(WAVES, wave_column="wave").table
    plain = survey.metric(WAVES, by=["wave"], against=1).table
    pd.testing.assert_frame_equal(table, plain)


def test_the_extrapolation_s_error_is_that_of_a_bootstrap():
    row = survey.wave_contrast(WAVES, wave_column="wave", n_invited=200).table.iloc[-1]
    rng = np.random.default_rng(1)
    draws = rng.multinomial(200, [45 / 200, 15 / 200, 20 / 200, 20 / 200, 0.5], 20_000)
    early, late = draws[:, :2].sum(axis=1), 200 - draws[:, :2].sum(axis=1)
    mean = (draws[:, 0] - draws[:, 1] + late * (draws[:, 2] - draws[:, 3]) / draws[:, 2:4].sum(axis=1)) / (
        early + late
    )
    assert row["std_error"] == pytest.approx(100 * mean.std(), rel=0.05)
    assert row["note"] == "an assumption, not a finding"


def test_the_last_wave_does_not_cover_the_truth_in_a_tilted_world():
    held = []
    for seed in range(60):
        data = tilted(seed).filter(pl.col("has_answered"))
        rng = np.random.default_rng(seed)
        late = rng.random(len(data)) < 1 / (1 + np.exp(0.2 * (data["ltr"].to_numpy() - 6)))
        answers = data.with_columns(wave=pl.Series(np.where(late, 2, 1)))
        row = survey.wave_contrast(answers, wave_column="wave", n_invited=3_000).table.iloc[-1]
        held.append(row["conf_low"] <= TRUTH <= row["conf_high"])
    assert np.mean(held) < 0.5


def test_one_wave_or_too_few_invited_are_refused():
    with pytest.raises(ArgumentError, match="has one wave only"):
        survey.wave_contrast(WAVES.head(10), wave_column="wave")
    with pytest.raises(ArgumentError, match="n_invited=50 is less than the 100 who answered"):
        survey.wave_contrast(WAVES, wave_column="wave", n_invited=50)
