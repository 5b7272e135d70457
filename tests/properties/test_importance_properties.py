"""What holds for shares of R² whatever the customers say."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxmeasure import touchpoints

SOME = settings(max_examples=25, deadline=None)


@st.composite
def customers_and_drivers(draw: st.DrawFn) -> tuple[pd.DataFrame, list[str]]:
    """Ratings on a 0–10 scale of 12 to 260 customers: ties, weak and strong relations, no constant."""
    n_drivers, n = draw(st.integers(1, 5)), draw(st.integers(12, 260))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    common = draw(st.floats(0, 3)) * rng.standard_normal((n, 1))
    ratings = np.clip(np.round(5 + common + 2 * rng.standard_normal((n, n_drivers))), 0, 10)
    ratings[0], ratings[1] = 0, np.arange(1, n_drivers + 1)
    drivers = [f"d{i}" for i in range(n_drivers)]
    overall = np.round(ratings @ rng.normal(size=n_drivers) + 3 * rng.standard_normal(n), 1)
    overall[0] += 20
    return pd.DataFrame(ratings, columns=drivers).assign(overall=overall), drivers


def shares_of(customers: Any, drivers: list[str], **choices: Any) -> Any:
    choices = {"n_boot": 20, "rng": np.random.default_rng(1)} | choices
    return touchpoints.importance(pl.from_pandas(customers), outcome="overall", drivers=drivers, **choices)


@SOME
@given(customers_and_drivers(), st.sampled_from(["lmg", "johnson"]))
def test_shares_are_not_negative_and_sum_to_r2_in_every_draw(
    given_: tuple[pd.DataFrame, list[str]], method: str
) -> None:
    customers, drivers = given_
    result = shares_of(customers, drivers, method=method)
    r2 = result.details["r2"].iloc[0]
    fitted = np.linalg.lstsq(
        np.column_stack([np.ones(len(customers)), customers[drivers]]), customers["overall"], rcond=None
    )
    outcome = customers["overall"] - customers["overall"].mean()
    assert r2.estimate == pytest.approx(1 - fitted[1].sum() / (outcome @ outcome), abs=1e-9)
    assert result.table["estimate"].sum() == pytest.approx(r2.estimate, abs=1e-12)
    assert result.table["share_of_r2"].sum() == pytest.approx(1, abs=1e-12)
    assert (result.table["estimate"] >= 0).all()
    assert (result.draws >= 0).all()
    assert (result.draws.sum(axis=1) <= 1 + 1e-12).all()
    assert result.table["conf_low"].le(result.table["conf_high"]).all()


@SOME
@given(customers_and_drivers(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_of_drivers_changes_nothing(
    given_: tuple[pd.DataFrame, list[str]], random: Any
) -> None:
    customers, drivers = given_
    first = shares_of(customers, drivers)
    shuffled = random.sample(drivers, len(drivers))
    rows = random.sample(range(len(customers)), len(customers))
    second = shares_of(customers.iloc[rows], shuffled)
    again = second.table.set_index("term").loc[drivers].reset_index()[first.table.columns]
    # Shares that are equal but for rounding may be ranked either way.
    ranks = ["rank", "rank_low", "rank_high"]
    pd.testing.assert_frame_equal(first.table.drop(columns=ranks), again.drop(columns=ranks), atol=1e-11)


@SOME
@given(customers_and_drivers())
def test_names_units_and_offsets_change_no_estimate(given_: tuple[pd.DataFrame, list[str]]) -> None:
    customers, drivers = given_
    renamed = {name: f"z{9 - i} of the whole" for i, name in enumerate(drivers)}
    moved = customers.rename(columns=renamed)
    moved[renamed[drivers[0]]] = moved[renamed[drivers[0]]] * -1e-8
    moved["overall"] = moved["overall"] * 16 + 2.0**30
    first = shares_of(customers, drivers, n_boot=0).table["estimate"]
    second = shares_of(moved, list(renamed.values()), n_boot=0).table["estimate"]
    np.testing.assert_allclose(first, second, atol=1e-8)


@SOME
@given(customers_and_drivers())
def test_a_table_given_twice_over_changes_no_estimate(given_: tuple[pd.DataFrame, list[str]]) -> None:
    customers, drivers = given_
    first = shares_of(customers, drivers).table
    second = shares_of(pd.concat([customers, customers]), drivers).table
    np.testing.assert_allclose(first["estimate"], second["estimate"], atol=1e-12)
    assert (second["n"] == 2 * first["n"]).all()


@SOME
@given(customers_and_drivers())
def test_general_dominance_is_lmg(given_: tuple[pd.DataFrame, list[str]]) -> None:
    customers, drivers = given_
    pd.testing.assert_frame_equal(
        shares_of(customers, drivers).table, shares_of(customers, drivers, method="dominance").table
    )


@SOME
@given(customers_and_drivers())
def test_rows_and_their_correlations_agree(given_: tuple[pd.DataFrame, list[str]]) -> None:
    customers, drivers = given_
    from_matrix = touchpoints.importance(correlations=customers.corr(), outcome="overall", drivers=drivers)
    from_rows = shares_of(customers, drivers)
    np.testing.assert_allclose(from_rows.table["estimate"], from_matrix.table["estimate"], atol=1e-11)


@SOME
@given(customers_and_drivers())
def test_what_was_given_is_left_as_it_was(given_: tuple[pd.DataFrame, list[str]]) -> None:
    customers, drivers = given_
    matrix = customers.corr()
    before, matrix_before = customers.copy(deep=True), matrix.copy(deep=True)
    touchpoints.importance(customers, outcome="overall", drivers=drivers, n_boot=5)
    touchpoints.importance(correlations=matrix, outcome="overall", drivers=drivers, n=99, n_boot=5)
    pd.testing.assert_frame_equal(customers, before)
    pd.testing.assert_frame_equal(matrix, matrix_before)
