"""change, control_chart and sample_size: by hand, exact sums, and the signals of noise."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from cxmeasure import survey
from cxmeasure.errors import ArgumentError, DataError
from cxmeasure.survey import comparing

RNG = np.random.default_rng(1)
ANSWERS = pd.DataFrame(
    {
        "month": np.repeat(["old", "new"], 300),
        "plan": RNG.choice(["a", "b", "c"], 600),
        "ltr": RNG.integers(0, 11, 600),
        "w": RNG.uniform(0.5, 2, 600),
    }
)
PERIODS = {"period_column": "month", "before": "old", "after": "new", "segment_columns": ["plan"]}


def split(answers=ANSWERS, **choices):
    return survey.change(answers, **{**PERIODS, **choices})


@pytest.mark.parametrize("metric", ["nps", "mean"])
@pytest.mark.parametrize("weight_column", [None, "w"])
def test_within_and_mix_add_up_to_the_change_exactly(metric, weight_column):
    result = split(metric=metric, weight_column=weight_column)
    change, within, mix = result.table["estimate"]
    assert within + mix == pytest.approx(change, abs=1e-10)
    segments = result.details["segments"]
    assert segments["within"].sum() == pytest.approx(within)
    assert segments["mix"].sum() == pytest.approx(mix)
    table = survey.metric(ANSWERS, by=["month"], metric=metric, weight_column=weight_column).table
    new, old = table.set_index("month").loc[["new", "old"], "estimate"]
    assert change == pytest.approx(new - old)


def test_the_split_by_hand():
    answers = pd.DataFrame(
        {
            "month": ["old"] * 4 + ["new"] * 4,
            "plan": ["a", "a", "a", "b", "a", "b", "b", "b"],
            "score": [4, 4, 4, 8, 6, 8, 8, 8],
        }
    )
    # Shares .75 .25 → .25 .75; means 4 8 → 6 8. Within = .5 × 2 = 1; mix = 5 × −.5 + 8 × .5 = 1.5.
    table = split(answers, score_column="score", metric="mean").table
    assert table["estimate"].tolist() == [2.5, 1.0, 1.5]


def test_with_one_segment_all_of_it_is_within():
    table = split(ANSWERS.assign(plan="a")).table.set_index("term")
    assert table.loc["mix", "estimate"] == 0
    assert table.loc["mix", "std_error"] == pytest.approx(0, abs=1e-12)
    assert table.loc["within", "std_error"] == pytest.approx(table.loc["change", "std_error"])


def test_linearised_errors_are_those_of_a_bootstrap():
    # Segments that differ in score, and shares that differ between periods.
    rng, draws = np.random.default_rng(2), []
    plan = np.where(rng.random(600) < np.where(ANSWERS["month"] == "old", 0.7, 0.4), "a", "b")
    score = np.clip(np.where(plan == "a", ANSWERS["ltr"] + 3, ANSWERS["ltr"]), 0, 10)
    answers = ANSWERS.assign(plan=plan, ltr=score)
    table = split(answers).table
    old, new = (pl.from_pandas(answers[answers["month"] == name]) for name in ("old", "new"))
    for _ in range(200):
        again = pl.concat([side[rng.integers(0, 300, 300)] for side in (old, new)])
        draws.append(split(again).table["estimate"].to_numpy())
    np.testing.assert_allclose(table["std_error"], np.std(draws, axis=0), rtol=0.15)


def test_weights_times_a_thousand_change_nothing():
    first = split(weight_column="w").table
    second = split(ANSWERS.assign(w=ANSWERS["w"] * 1000), weight_column="w").table
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize(
    ("answers", "choices", "error", "sentence"),
    [
        (ANSWERS, {"after": "newer"}, DataError, "no answer in 'newer'; it holds"),
        (ANSWERS, {"after": "old"}, ArgumentError, "two different periods"),
        (ANSWERS, {"segment_columns": []}, ArgumentError, "at least one column of segments"),
        (
            ANSWERS.assign(plan=np.where(ANSWERS["month"] == "new", "gold", "a")),
            {},
            DataError,
            "The segment with plan = a has answers in 'old' only",
        ),
        (ANSWERS.rename(columns={"plan": "mix"}), {"segment_columns": ["mix"]}, ArgumentError, "of its own"),
    ],
)  # fmt: skip
def test_what_cannot_be_split_is_refused(answers, choices, error, sentence):
    with pytest.raises(error, match=sentence):
        split(answers, **choices)


# -------------------------------------------------------------------------------- control_chart


def months(n_months, per_month, shift_at=None, seed=3, shift=2.5):
    rng = np.random.default_rng(seed)
    month = np.repeat(np.arange(n_months), per_month)
    score = np.clip(np.round(rng.normal(7.5, 2, len(month))), 0, 10)
    if shift_at is not None:
        score = np.where(month == shift_at, np.clip(score - shift, 0, 10), score).round()
    return pl.DataFrame({"month": month, "ltr": score})


def chart(answers, **choices):
    return survey.control_chart(answers, period_column="month", **choices)


def test_xmr_limits_by_hand():
    answers = pd.DataFrame({"month": range(6), "ltr": [5, 6, 5, 6, 5, 6]})
    row = chart(answers, metric="mean", method="xmr").table.iloc[0]
    assert row["centre"] == pytest.approx(5.5)
    # Moving ranges are all 1; three of them over 1.128 is 2.66, Wheeler's constant.
    assert row["limit_high"] - row["centre"] == pytest.approx(2.659, abs=1e-3)


def test_a_shifted_month_is_a_signal_and_the_only_one():
    table = chart(months(24, 200, shift_at=10)).table
    assert table.loc[table["signal"] != "", "month"].tolist() == [10]


def test_eight_in_a_row_are_a_signal_where_no_point_leaves_the_limits():
    scores = [5, 7, 5, 7, 5, 7, 5, 7, *[6.6, 6.4] * 5]
    table = chart(pd.DataFrame({"month": range(18), "ltr": scores}), metric="mean", method="xmr").table
    assert table["signal"].iloc[-1] == "run of 8"
    assert not (table["signal"] == "beyond limits").any()


def test_laney_limits_are_wider_where_answers_are_few_and_xmr_limits_are_not():
    answers = pl.concat([months(12, 400), months(6, 20).with_columns(pl.col("month") + 12)])
    wide, even = chart(answers).table, chart(answers, method="xmr").table
    reach = wide["limit_high"] - wide["centre"]
    assert reach.iloc[-1] / reach.iloc[0] == pytest.approx(np.sqrt(20))
    assert np.ptp(even["limit_high"]) == 0


def test_the_printed_rate_of_false_signals_is_the_rate_of_quiet_charts_that_signal():
    promised = chart(months(24, 60)).details["false_signals"].set_index("rule")["chance"]["either"]
    quiet = [(chart(months(24, 60, seed=seed)).table["signal"] != "").any() for seed in range(150)]
    assert np.mean(quiet) == pytest.approx(promised, abs=0.09)


def test_a_baseline_keeps_a_late_shift_out_of_the_limits():
    answers = months(24, 100).with_columns(
        ltr=pl.when(pl.col("month") >= 18).then((pl.col("ltr") - 1).clip(0)).otherwise(pl.col("ltr"))
    )
    first, whole = chart(answers, baseline=18).table, chart(answers).table
    assert first["centre"].iloc[0] > whole["centre"].iloc[0]
    assert (first["signal"].iloc[18:] != "").sum() >= (whole["signal"].iloc[18:] != "").sum()


@pytest.mark.parametrize(
    ("answers", "choices", "error", "sentence"),
    [
        (months(5, 10), {}, DataError, "5 periods are too few"),
        (months(8, 10).with_columns(month=pl.col("month").replace(0, None)), {}, DataError, "for 10"),
        (
            months(8, 10).with_columns(ltr=pl.when(pl.col("month") > 0).then("ltr")),
            {},
            DataError,
            "The period 0 has no score",
        ),
        (months(8, 10), {"baseline": 20}, ArgumentError, "must be from 6 to the 8 periods"),
        (months(8, 10), {"method": "shewhart"}, ArgumentError, "choose one of 'laney', 'xmr'"),
        (months(8, 10), {"run": 1}, ArgumentError, "at least 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_charted_is_refused(answers, choices, error, sentence):
    with pytest.raises(error, match=sentence):
        chart(answers, **choices)


# ---------------------------------------------------------------------------------- sample_size


def size(**choices):
    return survey.sample_size(**choices).table["estimate"].tolist()


def test_chapter_exercise_five_points():
    assert size(half_width=5, promoter_share=0.4, detractor_share=0.25) == [965]


def test_sizes_by_hand():
    assert size(metric="share", half_width=0.03, share=0.5) == [1068]
    assert size(metric="mean", half_width=0.1, standard_deviation=1) == [385]
    assert size(metric="share", half_width=0.03, share=0.5, design_effect=1.5) == [1601]
    # (1.96 + .8416)² × 2 × .25 / .05² = 1569.8 in each group.
    assert size(metric="share", difference=0.05, share=0.5) == [1570]
    # 1067.07 / (1 + 1066.07 / 2000) = 696.06.
    assert size(metric="share", half_width=0.03, share=0.5, population_size=2000) == [697]
    assert size(half_width=5, response_rate=0.2) == [965, 4825]


def test_a_survey_of_that_size_has_that_width():
    n = int(size(half_width=5)[0])
    shares = [round(n * 0.4), n - round(n * 0.4) - round(n * 0.25), round(n * 0.25)]
    row = survey.metric([10] * shares[0] + [8] * shares[1] + [3] * shares[2], method="wald").table.iloc[0]
    assert (row["conf_high"] - row["conf_low"]) / 2 == pytest.approx(5, abs=0.01)


@pytest.mark.slow
def test_a_difference_of_that_size_is_found_as_often_as_promised():
    n = int(size(difference=15)[0])
    rng, surveys = np.random.default_rng(3), 3_000
    tables = []
    for shares in ([0.4, 0.35, 0.25], [0.475, 0.35, 0.175]):
        rows = pl.DataFrame(
            {
                "ltr": rng.choice([10, 8, 3], p=shares, size=surveys * n),
                "survey": np.repeat(np.arange(surveys), n),
            }
        )
        tables.append(survey.metric(rows, by=["survey"], method="wald").table)
    z = (tables[1]["estimate"] - tables[0]["estimate"]) / np.hypot(
        tables[0]["std_error"], tables[1]["std_error"]
    )
    assert (z.abs() > 1.96).mean() == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({}, "one of the two"),
        ({"half_width": 5, "difference": 5}, "one of the two"),
        ({"half_width": 0}, "half_width=0 is out of range"),
        ({"half_width": 5, "promoter_share": 0.8, "detractor_share": 0.4}, "at most everybody"),
        ({"metric": "mean", "half_width": 1}, "standard_deviation=None is out of range"),
        ({"half_width": 5, "design_effect": 0.5}, "give 1 or more"),
        ({"difference": 5, "population_size": 100}, "belongs to half_width"),
        ({"half_width": 5, "response_rate": 20}, "between 0 and 1"),
    ],
)
def test_what_has_no_size_is_refused(choices, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        survey.sample_size(**choices)


def test_the_error_of_the_parts_by_hand_where_segments_are_small():
    # Before: a 10, 3 (mean 0), b 8, 8 (0); after: a 10, 8 (.5), b 3, 3 (−1). Shares are all .5, so the mix is
    # .5 · b: centred levels of (m₀ + m₁)/2 = .25, −.5 are ±.375, squared over n = 4 in each period.
    answers = pd.DataFrame(
        {"t": [0] * 4 + [1] * 4, "s": ["a", "a", "b", "b"] * 2, "ltr": [10, 3, 8, 8, 10, 8, 3, 3]}
    )
    table = survey.change(answers, period_column="t", before=0, after=1, segment_columns=["s"]).table
    error = table.set_index("term")["std_error"] / 100
    assert error["mix"] == pytest.approx(np.sqrt(2 * 0.375**2 / 4))
    # Within: variances with the divisor n − 1 are 2, 0 and .5, 0, over n = 2, times .5²; and the centred
    # levels (m₁ − m₀)/2 = .25, −.5 again.
    assert error["within"] == pytest.approx(np.sqrt(0.25 * (2 + 0.5) / 2 + 2 * 0.375**2 / 4))


def test_a_segment_with_one_answer_gets_the_variance_of_the_others():
    answers = pd.DataFrame({"t": [0] * 3 + [1] * 3, "s": ["a", "a", "b"] * 2, "ltr": [10, 3, 8] * 2})
    table = survey.change(answers, period_column="t", before=0, after=1, segment_columns=["s"]).table
    # b's variance is taken for a's, 2: within = Σ share² · 2/n, in each period.
    expected = 2 * ((2 / 3) ** 2 * 2 / 2 + (1 / 3) ** 2 * 2 / 1)
    assert table.set_index("term").loc["within", "std_error"] / 100 == pytest.approx(np.sqrt(expected))


def test_the_error_of_the_mix_is_not_too_small_where_segments_hardly_differ():
    # Five segments that score alike, 60 answers a period, and shares that shift: with the divisor n errors
    # were 5 % too small. The sums come from here, not from an engine: 3,000 samples in a second.
    rng, value = np.random.default_rng(4), np.array([1.0, 0.0, -1.0])
    shares, classes = ([0.3, 0.2, 0.2, 0.2, 0.1], [0.1, 0.2, 0.2, 0.2, 0.3]), np.array([0.5, 0.3, 0.2])
    mixes, variances = [], []
    for _ in range(3_000):
        sides = []
        for share in shares:
            cells = rng.multinomial(60, np.outer(share, classes).ravel()).reshape(5, 3).astype(float)
            n, first, second = cells.sum(axis=1), cells @ value, cells @ value**2
            side = dict(
                zip(("n", "w", "w2", "wf", "w2f", "w2ff"), (n, n, n, first, first, second), strict=True)
            )
            sides.append(side | {"share": n / 60, "lean": first / np.maximum(n, 1)})
        if min(side["n"].min() for side in sides) > 0:
            share, mean = (np.stack([side[name] for side in sides]) for name in ("share", "lean"))
            mixes.append(float(mean.mean(axis=0) @ (share[1] - share[0])))
            variances.append(comparing._errors(sides, share, mean)[2] ** 2)
    assert np.sqrt(np.mean(variances)) / np.std(mixes) >= 0.98
