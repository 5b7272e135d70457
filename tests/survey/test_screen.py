"""survey.screen: each flag by hand and on every engine, and what it finds where we know who cheated."""

import sys
from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from cxmeasure import survey

sys.path.insert(0, str(Path(__file__).parents[1]))
from engines import ENGINES, on_engine

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ibis", "ignore::FutureWarning:ibis")

ITEMS = ["q1", "q2", "q3", "q4"]
ROWS = pd.DataFrame(
    {
        "row": range(8),
        "invitation": [1, 1, 2, 3, 3, 4, 5, None],
        "sent_at": pd.to_datetime(["2025-01-01 12:00:00"] * 8),
        "answered_at": pd.to_datetime(
            [
                "2025-01-01 12:00:05",  # 5 s, and repeated by the next
                "2025-01-02 09:00:00",
                "2025-01-01 11:59:00",  # before it was sent
                "2025-01-01 12:00:30",  # at the limit: not too soon
                "2025-01-01 12:00:30",  # the same again: one of the two is kept
                "2025-01-03 12:00:00",
                None,
                "2025-01-01 13:00:00",
            ]
        ),
        "seconds": [30.0, 90, 29, 90, 90, 120, None, 90],
        "q1": [5.0, 1, 3, 2, 2, 4, 4, 1],
        "q2": [5.0, 5, 3, 2, 2, None, None, 2],
        "q3": [5.0, 1, 3, 2, 2, 4, None, 1],
        "q4": [5.0, 5, 1, 4, 4, 4, 4, 2],
        "ltr": [10, 9, 10, 8, 8, 3, 10, 0],
    }
)
CHOICES = {
    "key_columns": ["invitation"],
    "sent_column": "sent_at",
    "answered_column": "answered_at",
    "duration_column": "seconds",
    "item_columns": ITEMS,
    "longest_run": 3,
    "least_variability": 0.5,
}


def flags(scores):
    """Return the flagged rows as pandas, in the order of the input."""
    rows = nw.from_native(scores.rows)
    rows = rows.collect("pandas") if isinstance(rows, nw.LazyFrame) else rows
    return rows.to_pandas().sort_values("row", ignore_index=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_each_flag_by_hand_on_every_engine(engine, tmp_path):
    scores = survey.screen(on_engine(engine, ROWS, tmp_path), **CHOICES)
    found = flags(scores)
    # Of invitation 3 either row may go: they are the same in all that decides.
    assert found["is_duplicate"].tolist()[:3] == [True, False, False]
    assert found["is_duplicate"].iloc[3:5].sum() == 1
    assert not found["is_duplicate"].iloc[5:].any()
    assert found.index[found["is_too_soon"].astype(bool)].tolist() == [0, 2]
    # The median is 90; a third of it 30, which is not below 30.
    assert found.index[found["is_speeder"].astype(bool)].tolist() == [2]
    # Row 5 has three equal answers and a gap; row 6 two only.
    assert found.index[found["is_straight_line"].astype(bool)].tolist() == [0, 5]
    assert found.index[found["is_long_run"].astype(bool)].tolist() == [0, 2, 3, 4, 5]
    # Row 7: 1, 2, 1, 2 has a standard deviation of .5; row 6, two equal answers, of 0.
    assert found.index[found["is_low_variability"].astype(bool)].tolist() == [0, 5, 6, 7]
    assert len(found) == len(ROWS)
    assert set(ROWS.columns) < set(found.columns)


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_come_back_in_the_engine_they_came_in(engine, tmp_path):
    rows = on_engine(engine, ROWS, tmp_path)
    back = survey.screen(rows, duration_column="seconds").rows
    if engine != "parquet":
        assert type(back).__module__.split(".")[0] == type(rows).__module__.split(".")[0]


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_the_summary_is_the_same_on_every_engine(engine, tmp_path):
    choices = {**CHOICES, "longest_run": 4, "least_variability": None}
    expected = survey.screen(ROWS, **choices).summary.table
    found = survey.screen(on_engine(engine, ROWS, tmp_path), **choices).summary.table
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_the_scores_with_and_without_by_hand():
    # Eight answers: 4 promoters of 8, 2 detractors: 25; without the speeder 3 of 7 less 2 of 7.
    table = survey.screen(ROWS, duration_column="seconds").summary.table.set_index("term")
    assert table.loc["all", "estimate"] == pytest.approx(25)
    assert table.loc["kept", "estimate"] == pytest.approx(100 / 7)
    assert table.loc["kept less all", "estimate"] == pytest.approx(100 / 7 - 25)
    assert table.loc["speeder", "estimate"] == pytest.approx(1 / 8)
    plain = survey.metric(ROWS).table.iloc[0]
    assert table.loc["all", ["conf_low", "conf_high"]].tolist() == plain[["conf_low", "conf_high"]].tolist()


def test_the_error_of_the_difference_by_hand():
    # Kept 10, 3 and flagged 10: kept 0, all 1/3. In the difference a kept +1 weighs 1/2 − 1/3 of (1 − 0) …
    answers = pd.DataFrame({"s": [60, 60, 5], "ltr": [10, 3, 10]})
    row = survey.screen(answers, duration_column="s").summary.table.set_index("term").loc["kept less all"]
    parts = [(1 - 0) / 2 - (1 - 1 / 3) / 3, (-1 - 0) / 2 - (-1 - 1 / 3) / 3, -(1 - 1 / 3) / 3]
    assert row["std_error"] == pytest.approx(100 * np.linalg.norm(parts))


def test_no_flag_no_difference():
    answers = pd.DataFrame({"s": [60.0] * 20, "ltr": [10, 3] * 10})
    table = survey.screen(answers, duration_column="s").summary.table.set_index("term")
    assert table.loc["kept less all", ["estimate", "std_error"]].tolist() == [0, 0]
    assert table.loc["flagged", "estimate"] == 0


def test_details_say_what_one_flag_alone_finds():
    found = survey.screen(ROWS, **CHOICES).summary.details["flags"].set_index("flag")
    assert found.loc["straight line", "n_flagged"] == 2
    assert found.loc["low variability", "n_by_this_alone"] == 2
    assert found.loc["speeder", "score_of_flagged"] == 100


def test_patterns_have_the_numbers_of_the_package_and_of_paper():
    patterns = survey.screen(ROWS, **CHOICES).summary.details["patterns"]
    row = patterns[patterns["q1"].eq(3)].iloc[0]
    assert row["longest_run"] == 3
    assert row["variability"] == pytest.approx(np.std([3, 3, 3, 1]))


def test_simple_flags_need_no_extra_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "ier", None)
    found = flags(survey.screen(ROWS, item_columns=ITEMS, duration_column="seconds"))
    assert found["is_straight_line"].sum() == 2


def test_a_weighted_score_uses_the_weights():
    answers = pd.DataFrame({"s": [60.0, 60, 5], "ltr": [10, 3, 10], "w": [3.0, 1, 1]})
    scores = survey.screen(answers, duration_column="s", weight_column="w")
    assert scores.summary.table["estimate"].head(2).tolist() == [60, 50]


def people(rng, n, careless):
    """Return answers of which the first `careless` were clicked through at random, fast, in a line."""
    is_careless = np.arange(n) < careless
    mood = rng.normal(0, 1, n)
    items = np.clip(np.round(3 + mood[:, None] + rng.normal(0, 0.9, (n, 8))), 1, 5)
    items[is_careless] = rng.integers(1, 6, careless)[:, None]
    score = np.clip(np.round(7.5 + 2 * mood + rng.normal(0, 1, n)), 0, 10)
    score[is_careless] = rng.integers(0, 11, careless)
    seconds = np.exp(rng.normal(np.where(is_careless, 2.0, 5.0), 0.5))
    frame = pd.DataFrame(items, columns=[f"q{i}" for i in range(8)])
    return frame.assign(ltr=score, seconds=seconds, is_careless=is_careless)


def test_the_careless_are_found_and_few_of_the_careful_are_suspected():
    rng = np.random.default_rng(5)
    answers = people(rng, 2_000, 200)
    found = survey.screen(
        answers, duration_column="seconds", item_columns=[f"q{i}" for i in range(8)], longest_run=7
    ).rows
    assert found.loc[answers["is_careless"], "is_flagged"].mean() > 0.95
    # In theory 1.4 % of careful durations are below a third of the median, a few more draw lines.
    assert found.loc[~answers["is_careless"], "is_flagged"].mean() < 0.05


def test_the_score_of_the_kept_covers_the_careful_and_that_of_all_does_not():
    rng = np.random.default_rng(6)
    truth = survey.metric(people(rng, 400_000, 0)).table["estimate"][0]
    kept, everyone = [], []
    for _ in range(40):
        table = survey.screen(people(rng, 1_500, 450), duration_column="seconds").summary.table
        for held, row in zip((everyone, kept), table.head(2).itertuples(), strict=True):
            held.append(row.conf_low <= truth <= row.conf_high)
    assert np.mean(kept) >= 0.85
    assert np.mean(everyone) < 0.5


def test_where_flags_have_nothing_to_do_with_scores_the_difference_covers_zero():
    rng = np.random.default_rng(7)
    held = []
    for _ in range(80):
        answers = pd.DataFrame({"s": rng.lognormal(0, 1, 300), "ltr": rng.choice([10, 8, 3], 300)})
        row = survey.screen(answers, duration_column="s").summary.table.iloc[2]
        held.append(row["conf_low"] <= 0 <= row["conf_high"])
    assert np.mean(held) >= 0.87  # of 80, at 95 %: fewer is one chance in five hundred
