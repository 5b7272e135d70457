"""Identities of counts, shares and chains, and what weights may change, whatever the rows."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxmeasure import lifecycle, survey, touchpoints

sys.path.insert(0, str(Path(__file__).parents[1]))
from trust.calls import CALLS, Call
from trust.outcomes import plain, same

LEAN = settings(max_examples=15, deadline=None, derandomize=True)
UNTIL = "2024-12-31"
ENDS = pd.date_range("2024-01-31", periods=11, freq="ME")
STATES = ("become", "am", "stay")

life = st.tuples(st.integers(0, 7), st.lists(st.integers(1, 4), min_size=1, max_size=3), st.booleans())
lives = st.lists(life, min_size=2, max_size=12)
answer = st.tuples(
    st.sampled_from([0, 3, 6, 7, 8, 9, 10]),
    st.booleans(),
    st.sampled_from("ab"),
    st.sampled_from([0.5, 1.0, 3.0]),
)
answers = st.lists(answer, min_size=1, max_size=30).map(
    lambda rows: pd.DataFrame(rows, columns=["score", "has_answered", "plan", "w"])
)


def episodes_of(drawn: list[tuple[int, list[int], bool]]) -> pl.DataFrame:
    """Return the episodes of customers who begin at a month's end, stay in each some months, may leave."""
    rows = []
    for customer, (begins, months, has_left) in enumerate(drawn):
        at = np.minimum(begins + np.cumsum([0, *months]), len(ENDS) - 1)
        for k, state in enumerate(STATES[: len(months)]):
            if at[k] < at[k + 1]:
                rows.append((customer, state, ENDS[at[k]], ENDS[at[k + 1]]))
        if not has_left or at[-1] == len(ENDS) - 1:
            rows[-1] = (*rows[-1][:3], None)
    frame = pd.DataFrame(rows, columns=["customer_id", "episode", "start", "end"])
    return pl.from_pandas(frame.astype({"start": "datetime64[us]", "end": "datetime64[us]"}))


@LEAN
@given(lives)
def test_occupancy_sums_to_the_number_alive_and_its_shares_to_one(
    drawn: list[tuple[int, list[int], bool]],
) -> None:
    episodes = episodes_of(drawn)
    table = lifecycle.occupancy(episodes, observed_until=UNTIL).table
    rows = episodes.to_pandas()
    for snapshot, here in table.groupby("snapshot"):
        at = pd.Timestamp(snapshot)
        alive = ((rows["start"] <= at) & (rows["end"].isna() | (rows["end"] > at))).sum()
        assert here["n_here"].sum() == here["n"].iloc[0] == alive
        assert here["estimate"].sum() == pytest.approx(1)
    assert (table["conf_low"] <= table["estimate"] + 1e-9).all()
    assert (table["estimate"] <= table["conf_high"] + 1e-9).all()


@LEAN
@given(lives.filter(lambda drawn: any(months[0] > 1 for _, months, _ in drawn)))
def test_rows_of_transitions_and_states_of_a_period_sum_to_one(
    drawn: list[tuple[int, list[int], bool]],
) -> None:
    moves = lifecycle.transitions(episodes_of(drawn), observed_until=UNTIL).table
    for _, leaving in moves.groupby("from_episode"):
        assert leaving["estimate"].sum() == pytest.approx(1)
        assert leaving["n_moved"].sum() == leaving["n"].iloc[0]
    # No month of a life is lost: who is seen at two ends of a month in a row moves, or stays, once.
    assert moves["n_moved"].sum() == moves.drop_duplicates("from_episode")["n"].sum()
    states = lifecycle.state_probabilities(episodes_of(drawn), observed_until=UNTIL).table
    assert np.allclose(states.groupby("period")["estimate"].sum(), 1)
    assert states["estimate"].between(-1e-12, 1 + 1e-12).all()


def test_a_day_a_week_and_a_month_see_the_same_customers_where_they_meet() -> None:
    call = CALLS["occupancy"]
    shown = {every: call(call.rows, by=[], every=every).table for every in ("day", "month")}
    month = shown["month"].set_index(["snapshot", "episode"])["n_here"]
    day = shown["day"].set_index(["snapshot", "episode"])["n_here"].reindex(month.index)
    pd.testing.assert_series_equal(day, month, check_dtype=False)


@LEAN
@given(answers, answers)
def test_tallies_of_two_halves_add_up_to_the_tally_of_the_whole(
    one: pd.DataFrame, other: pd.DataFrame
) -> None:
    both = pd.concat([one, other], ignore_index=True)
    tallies = [
        touchpoints.tally_scores(pl.from_pandas(rows), score_column="score", by=["plan"]).set_index("plan")
        for rows in (one, other, both)
    ]
    for tally in tallies:
        tally["total"] = tally["n"] * tally["mean"]
        tally["squared"] = tally["squares"] + tally["n"] * tally["mean"] ** 2
    sums = ["n", "n_missing", "total", "squared"]
    added = tallies[0][sums].add(tallies[1][sums], fill_value=0)
    pd.testing.assert_frame_equal(added, tallies[2][sums], check_dtype=False, atol=1e-8)
    invited = [
        survey.tally_responses(pl.from_pandas(rows), covariate_columns=["plan"], weight_column="w").set_index(
            "plan"
        )
        for rows in (one, other, both)
    ]
    pd.testing.assert_frame_equal(invited[0].add(invited[1], fill_value=0), invited[2], check_dtype=False)


def judged_by(score: pd.Series) -> bool:
    return bool((score >= 9).any() and (score <= 6).any() and score.between(7, 8).any())


@LEAN
@given(answers.filter(lambda rows: judged_by(rows["score"]) and rows["has_answered"].any()))
def test_the_bias_of_nps_is_its_parts(rows: pd.DataFrame) -> None:
    table = survey.nps_bias(pl.from_pandas(rows), score_column="score", weight_column="w").table
    part = table.set_index("term")["estimate"]
    answered = rows[rows["has_answered"]]
    true, seen = (
        100
        * np.average(np.where(each["score"] >= 9, 1, np.where(each["score"] <= 6, -1, 0)), weights=each["w"])
        for each in (rows, answered)
    )
    assert part["true"] == pytest.approx(true, abs=1e-9)
    assert part["observed"] == pytest.approx(seen, abs=1e-9)
    assert part["bias"] == pytest.approx(seen - true, abs=1e-9)
    assert part["observed"] == pytest.approx(part["true"] * part["amplification"] + part["tilt"], abs=1e-9)


@LEAN
@given(answers)
def test_the_worst_cases_hold_the_score_of_everybody_and_close_as_more_answer(rows: pd.DataFrame) -> None:
    heard = rows.assign(ltr=rows["score"].where(rows["has_answered"]))
    if heard["ltr"].isna().all():
        heard.loc[0, "ltr"] = rows["score"][0]
    bounds = survey.worst_case_bounds(pl.from_pandas(heard)).table.set_index("term")["estimate"]
    everybody = survey.metric(pl.from_pandas(rows), score_column="score").table["estimate"][0]
    assert bounds["lowest"] - 1e-9 <= everybody <= bounds["highest"] + 1e-9
    share = heard["ltr"].isna().mean()
    assert bounds["highest"] - bounds["lowest"] == pytest.approx(200 * share)


ERRORS = ("std_error", "statistic", "p_value", "conf_low", "conf_high")
WITH_ROBUST_ERRORS = ("response_propensity", "response_curve")
"""With weights their errors are robust ones (Huber, White), also where all weights are one."""
WITH_POPULATION = ("r_indicator",)
"""The sum of its weights says how large the population is, as its docstring tells."""
WEIGHTED = [name for name, call in CALLS.items() if call.columns.get("weight_column") == "w"]


def without_weights(call: Call) -> Call:
    return replace(
        call, columns={name: column for name, column in call.columns.items() if name != "weight_column"}
    )


def numbers(call: Call, rows: pd.DataFrame) -> pd.DataFrame:
    return plain(call(pl.from_pandas(rows)))


@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_of_one_are_no_weights(name: str) -> None:
    call = CALLS[name]
    one, none = (numbers(each, call.rows.assign(w=1.0)) for each in (call, without_weights(call)))
    shared = [
        column
        for column in none.columns
        if column in one.columns and not (name in WITH_ROBUST_ERRORS and column in ERRORS)
    ]
    assert same(("a result", one[shared]), ("a result", none[shared])), f"{one[shared]}\n{none[shared]}"


@pytest.mark.parametrize("name", [name for name in WEIGHTED if name not in WITH_POPULATION])
def test_weights_doubled_change_nothing_but_sums_of_weights(name: str) -> None:
    call = CALLS[name]
    once, twice = (numbers(call, call.rows.assign(w=call.rows["w"] * factor)) for factor in (1, 2))
    for column, factor in {"weight_invited": 2, "weight_responded": 2, "weight_squares": 4}.items():
        if column in once:
            once[column] = once[column] * factor
    assert same(("a result", once), ("a result", twice)), f"{once}\n{twice}"
