"""What holds for retention whatever the numbers."""

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from cxmeasure import lifecycle

UNTIL = "2025-06-30"
LEAN = settings(max_examples=20, deadline=None)


@st.composite
def series(draw: st.DrawFn) -> list[int]:
    """A retention series: it never rises, and three counts at least."""
    first = draw(st.integers(1, 20_000))
    kept = draw(st.lists(st.floats(0, 1), min_size=2, max_size=10))
    counts = [first]
    for share in kept:
        counts.append(int(counts[-1] * share))
    return counts


@st.composite
def contracts(draw: st.DrawFn) -> pd.DataFrame:
    """Contracts of a few customers; some have several, and some still run."""
    n = draw(st.integers(1, 30))
    days = st.integers(0, 800)
    start = pd.Timestamp("2023-01-01") + pd.to_timedelta(
        draw(st.lists(days, min_size=n, max_size=n)), unit="D"
    )
    length = pd.to_timedelta(draw(st.lists(days, min_size=n, max_size=n)), unit="D")
    end = pd.Series(start + length)
    return pd.DataFrame(
        {
            "customer_id": draw(st.lists(st.integers(0, 20), min_size=n, max_size=n)),
            "start_date": start,
            "end_date": end.where(end <= UNTIL),
            "plan": draw(st.lists(st.sampled_from(["basic", "full", None]), min_size=n, max_size=n)),
        }
    )


def survival(counts: Any) -> pd.DataFrame:
    table = lifecycle.projected_retention(counts, horizon=12, n_draws=100).table
    return table[table["term"] == "survival"]


def retention(rows: pd.DataFrame, **choices: Any) -> pd.DataFrame:
    # One customer who has stayed throughout, so that some cohort always has its first period.
    steady = pd.DataFrame(
        {
            "customer_id": [999],
            "start_date": pd.to_datetime(["2023-01-01"]),
            "end_date": pd.to_datetime([None]),
            "plan": ["full"],
        }
    )
    everybody = pd.concat([rows, steady.astype(rows.dtypes.to_dict())], ignore_index=True)
    choices = {"observed_until": UNTIL, "cohort": "year"} | choices
    return lifecycle.cohort_retention(everybody, **choices).table


@LEAN
@given(series())
def test_projected_survival_lies_in_0_to_1_never_rises_and_in_its_interval(counts: list[int]) -> None:
    curve = survival(counts)
    assert curve["estimate"].between(0, 1).all()
    assert (np.diff(curve["estimate"]) <= 1e-12).all()
    assert (curve["conf_low"] <= curve["estimate"]).all()
    assert (curve["estimate"] <= curve["conf_high"]).all()
    assert curve["conf_high"].max() <= 1
    assert curve["conf_low"].min() >= 0
    assert (np.diff(curve["conf_low"]) <= 1e-9).all()
    assert (np.diff(curve["conf_high"]) <= 1e-9).all()


@LEAN
@given(series(), st.integers(2, 50))
def test_more_of_the_same_customers_move_no_estimate_and_narrow_the_interval(
    counts: list[int], factor: int
) -> None:
    once, often = survival(counts), survival([count * factor for count in counts])
    np.testing.assert_allclose(often["estimate"], once["estimate"], atol=1e-6)
    wide, narrow = (curve["conf_high"] - curve["conf_low"] for curve in (once, often))
    assert (narrow <= wide + 1e-6).all()


@LEAN
@given(series())
def test_projection_leaves_its_input_as_it_was(counts: list[int]) -> None:
    given_counts = pd.Series(counts)
    before = given_counts.copy(deep=True)
    survival(given_counts)
    pd.testing.assert_series_equal(given_counts, before)


@LEAN
@given(contracts())
def test_cohort_retention_lies_in_0_to_1_never_rises_and_counts_add_up(rows: pd.DataFrame) -> None:
    table = retention(rows)
    assert table["estimate"].between(0, 1).all()
    assert (table["conf_low"] <= table["estimate"] + 1e-12).all()
    assert (table["estimate"] <= table["conf_high"] + 1e-12).all()
    steps = table.groupby("cohort")["estimate"].diff().dropna()
    assert (steps <= 1e-12).all()
    assert (table["n_left"] <= table["n_at_risk"]).all()
    ended = table.groupby("cohort")[["n_left", "n_censored"]].sum().sum(axis=1)
    assert (ended <= table.groupby("cohort")["n"].first()).all()


@LEAN
@given(contracts(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(rows: pd.DataFrame, random: Any) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(retention(rows.iloc[order]), retention(rows))


@LEAN
@given(contracts())
def test_a_group_alone_has_the_numbers_it_has_among_others(rows: pd.DataFrame) -> None:
    # One contract a customer: with several, the first decides the group.
    rows = rows.drop_duplicates("customer_id")
    together = retention(rows, by=["plan"])
    alone = retention(rows[rows["plan"] == "full"], by=["plan"])
    expected = together[together["plan"] == "full"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, expected, check_dtype=False)


@LEAN
@given(contracts())
def test_a_contract_cut_in_two_is_still_one_stay(rows: pd.DataFrame) -> None:
    last = rows["end_date"].fillna(pd.Timestamp(UNTIL))
    middle = (rows["start_date"] + (last - rows["start_date"]) / 2).dt.floor("D")
    first, second = rows.assign(end_date=middle), rows.assign(start_date=middle)
    cut = pd.concat([first, second], ignore_index=True)
    pd.testing.assert_frame_equal(retention(cut), retention(rows))


@LEAN
@given(contracts())
def test_cohort_retention_leaves_its_input_as_it_was(rows: pd.DataFrame) -> None:
    before = rows.copy(deep=True)
    rows = rows.assign(customer_id=rows["customer_id"])
    lifecycle.cohort_retention(
        pd.concat(
            [rows, rows.assign(customer_id=-1, start_date=pd.Timestamp("2023-01-01"), end_date=pd.NaT)]
        ),
        observed_until=UNTIL,
        cohort="all",
    )
    pd.testing.assert_frame_equal(rows, before)
