"""`touchpoints.perception_gain`: by hand, a second computation, engines, coverage, silence, refusals."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from cxmeasure import touchpoints
from cxmeasure._stats import updating
from cxmeasure.errors import ArgumentError, DataError, EstimationError, TableError

sys.path.insert(0, str(Path(__file__).parents[1]))

from engines import ENGINES, on_engine

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ibis", "ignore::FutureWarning:ibis")

RATINGS = ["expectation_before", "performance", "perception_after"]


def diary(
    n: int = 250, seed: int = 1, *, constant: float | None = None, loss: float = 1.8, error: float = 0.3
) -> pd.DataFrame:
    """Return diaries of 14 contacts each with three touchpoints, one of them four times as informative."""
    rng = np.random.default_rng(seed)
    belief, unsure = rng.normal(0.2, 0.5, n), 0.6
    parts = []
    for number in range(1, 15):
        touchpoint = rng.integers(0, 3, n)
        weight = np.array([1.0, 1.0, 4.0])[touchpoint]
        unsure += 0.01
        gain = unsure / (unsure + 1 / weight) if constant is None else np.full(n, constant)
        experience = rng.normal(0.2, 1.0, n)
        gap = experience - belief
        after = belief + gain * np.where(gap < 0, loss, 1) * gap * 2 / (1 + loss)
        seen = np.stack([belief, experience, after - 0.1], axis=1) + error * rng.normal(size=(n, 3))
        names = np.array(["<b>app</b>", "letter", "call"])[touchpoint]
        rows = pd.DataFrame(seen, columns=RATINGS).assign(
            customer_id=np.arange(n), ts=number, number=number, touchpoint=names
        )
        parts.append(rows)
        belief, unsure = after, unsure / (1 + unsure)
    return pd.concat(parts, ignore_index=True)


def gained(entries: Any, **choices: Any) -> Any:
    return touchpoints.perception_gain(entries, **choices)


def by_term(found: Any) -> pd.DataFrame:
    table: pd.DataFrame = found.table.set_index("term")
    return table


def test_one_update_by_hand() -> None:
    """Prior .2 with variance .6, noise 1, signal 1: K = .6 / 1.6 = .375, belief .5, variance .375; then
    K = .375 / 1.375 = .2727, and with a signal twice as sharp .375 / .875 = .4286."""
    steps = updating.gains("declining gain", np.log([0.6, 1e-12]), np.array([1, 2]))
    assert steps == pytest.approx([0.375, 0.375 / 1.375])
    assert 0.2 + steps[0] * (1 - 0.2) == pytest.approx(0.5)
    sharp = updating.gains("declining gain", np.log([0.6, 1e-12]), np.array([2]), np.log([2.0]))
    assert sharp == pytest.approx([0.375 / 0.875])
    assert updating.gains("running mean", np.empty(0), np.array([1, 3])) == pytest.approx([1 / 2, 1 / 4])


def test_without_error_it_is_least_squares_with_two_slopes() -> None:
    rows = diary(100, constant=0.3, error=1e-4)
    rows["perception_after"] += np.random.default_rng(3).normal(0, 0.2, len(rows))
    gap = rows["performance"] - rows["expectation_before"]
    design = sm.add_constant(np.stack([gap.clip(lower=0), gap.clip(upper=0)], axis=1))
    _, up, down = sm.OLS(rows["perception_after"] - rows["expectation_before"], design).fit().params
    ratings = updating.Ratings(
        rows[RATINGS[:2]].to_numpy(),
        rows["perception_after"].to_numpy(),
        rows["number"].to_numpy(),
        np.zeros(len(rows), dtype=np.intp),
        rows["customer_id"].to_numpy(),
    )
    # Held at hardly any error, for ratings after alone cannot tell little error from a little less.
    fitted = updating.fit("constant gain", ratings, 1)
    assert np.exp(fitted.theta[1]) == pytest.approx(down / up, rel=0.05)
    assert 1 / (1 + np.exp(-fitted.theta[2])) == pytest.approx((up + down) / 2, rel=0.05)


def test_the_change_on_its_surprise_overstates_the_gain_and_this_does_not() -> None:
    rows = diary(600, constant=0.15, loss=1.0)
    surprise = rows["performance"] - rows["expectation_before"]
    change = rows["perception_after"] - rows["expectation_before"]
    naive = np.polyfit(surprise, change, 1)[0]
    found = by_term(gained(rows, number_column="number")).loc["constant gain"]
    assert naive > 0.15 + 0.03
    assert found["conf_low"] < 0.15 < found["conf_high"] < naive


def test_the_rule_is_found_intervals_hold_and_no_fall_is_seen_where_there_is_none() -> None:
    held, preferred, falls = [], [], []
    for seed in range(4):
        found = gained(diary(seed=seed), number_column="number")
        preferred.append(found.details["rules"].query("preferred")["rule"].iloc[0])
        flat = gained(diary(seed=seed, constant=0.2, loss=1.0), number_column="number")
        falls.append(flat.details["rules"].query("preferred")["rule"].iloc[0])
        numbers = by_term(flat)
        true = pd.Series({"constant gain": 0.2, "loss / gain": 1.0, "error of a rating": 0.3, "shift": -0.1})
        numbers = numbers.loc[true.index]
        held.append(((numbers["conf_low"] <= true) & (true <= numbers["conf_high"])).to_numpy())
        gains = flat.table[flat.table["term"] == "gain"]
        held.append(((gains["conf_low"] <= 0.2) & (gains["conf_high"] >= 0.2)).to_numpy())
    assert preferred == ["declining gain"] * 4
    assert falls == ["constant gain"] * 4
    # The gains of one diary stand or fall together: four diaries can say no more.
    assert np.mean(np.concatenate(held)) >= 0.75


def test_the_informative_touchpoint_moves_most_and_none_stands_out_where_all_are_alike() -> None:
    rows = diary(500)
    found = gained(rows, number_column="number", touchpoint_column="touchpoint")
    table = found.details["touchpoints"].set_index("touchpoint")
    assert table["estimate"].idxmax() == "call"
    ratio = table.loc["call", "estimate"] / table.loc["letter", "estimate"]
    assert 2.8 < ratio < 5.5
    assert table.loc["call", "conf_low"] > table["conf_high"].drop("call").max()
    assert by_term(found).loc["loss / gain", "conf_low"] > 1
    flat = gained(diary(500, constant=0.2), number_column="number", touchpoint_column="touchpoint")
    alike = flat.details["touchpoints"]
    assert ((alike["conf_low"] < 1) & (alike["conf_high"] > 1)).all()
    assert "<b>" not in found._repr_html_()


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gains_alike(engine: str, tmp_path: Path) -> None:
    rows = diary(12)
    found = gained(on_engine(engine, rows, tmp_path)).table
    pd.testing.assert_frame_equal(found, gained(rows).table, rtol=1e-6, check_dtype=False)


def test_entries_without_a_rating_are_counted_and_still_number_the_contacts() -> None:
    rows = diary(60)
    rows.loc[rows["customer_id"] % 3 == 0, "expectation_before"] = np.nan
    rows.loc[rows["number"] == 2, "perception_after"] = np.nan
    found = gained(rows)
    numbered = gained(rows, number_column="number")
    assert found.table["n_missing"].eq(20 * 14 + 40).all()
    pd.testing.assert_frame_equal(found.table, numbered.table)


def test_it_is_drawn_with_its_finding() -> None:
    chart = touchpoints.chart.perception_gain(gained(diary(), number_column="number"))
    assert chart.title.text == ["The more contacts, the less one of them moves a mind"]
    assert "Contact 1: 0." in chart.description


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"expectation_before": np.nan}, DataError, "a belief is needed before and after"),
        ({"perception_after": np.nan}, DataError, "'perception_after' is missing in all 840"),
        ({"performance": np.inf}, DataError, "840 entries hold an infinite rating"),
        ({"performance": 1.0}, EstimationError, "does not vary"),
        ({"customer_id": 1}, EstimationError, "1 customer;"),
        ({"number": 3}, EstimationError, "All entries are of contact 3"),
        ({"number": 0.5}, DataError, "numbers are whole and begin at 1"),
        ({"touchpoint": "app"}, EstimationError, "at least three"),
    ],
)
def test_what_cannot_be_used_is_refused(change: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        gained(diary(60).assign(**change), number_column="number", touchpoint_column="touchpoint")


def test_what_is_no_column_is_refused() -> None:
    with pytest.raises(TableError, match="has no column 'expectation'"):
        gained(diary(20), before_column="expectation")
    with pytest.raises(ArgumentError, match="a column of its own"):
        gained(diary(20), before_column="performance")
