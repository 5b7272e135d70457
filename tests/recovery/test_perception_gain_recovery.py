"""`touchpoints.perception_gain` on Lantern's diaries: yes where minds grow sure, no where they never do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cxmeasure import touchpoints

if TYPE_CHECKING:
    from cxmeasure.results import Estimates
    from tests.recovery.conftest import Tables


def written(company: Tables, n_customers: int) -> pd.DataFrame:
    """Return diary entries about own contacts that did not fail, numbered as a firm can from its records."""
    events = company["events"].query("customer_id <= @n_customers")
    events = events.merge(company["touchpoints"][["touchpoint_id", "is_product_use"]], on="touchpoint_id")
    events = events.sort_values(["customer_id", "ts", "event_id"])
    events["number"] = events.groupby(["customer_id", "is_product_use"]).cumcount() + 1
    own = company["diary"].dropna(subset=["event_id"]).astype({"event_id": "int64"})
    ratings = ["event_id", "expectation_before", "performance", "perception_after"]
    return events[~events["failed"]].merge(own[ratings], on="event_id")


def gained(company: Tables) -> Estimates:
    return touchpoints.perception_gain(
        written(company, 6000),
        number_column="number",
        belief_column="is_product_use",
        touchpoint_column="touchpoint_id",
    )


@pytest.fixture(scope="module")
def learning(claimed: Tables) -> Estimates:
    return gained(claimed)


@pytest.fixture(scope="module")
def constant(null: Tables) -> Estimates:
    return gained(null)


def test_the_number_of_a_contact_can_be_counted(claimed: Tables) -> None:
    rows = written(claimed, 2000).merge(claimed["truth_event"][["event_id", "contact_number"]])
    assert (rows["number"] == rows["contact_number"]).mean() > 0.99


def test_the_rule_of_each_world_is_preferred(learning: Estimates, constant: Estimates) -> None:
    for found, rule in ((learning, "declining gain"), (constant, "constant gain")):
        rules = found.details["rules"].set_index("rule")
        print(rules[["log_likelihood", "estimate", "conf_low", "conf_high"]])
        assert rules.index[rules["preferred"]].tolist() == [rule]


def test_gains_are_those_that_were_lived(learning: Estimates, constant: Estimates, claimed: Tables) -> None:
    """Right: the gain at a typical touchpoint. Naive: the change of a rating on its surprise."""
    rows = written(claimed, 6000).dropna(subset=["expectation_before"])
    weight = claimed["truth_touchpoint"].assign(log_weight=lambda t: np.log(t["w"] / t["R"]))
    typical = np.exp(rows.merge(weight, on="touchpoint_id")["log_weight"].mean())
    unsure, course = 0.60, []
    for _ in range(20):
        course.append((unsure + 0.01) / (unsure + 0.01 + 1 / typical))
        unsure = (1 - course[-1]) * (unsure + 0.01)
    for found, true in ((learning, np.array(course)), (constant, np.full(20, 0.2))):
        gains = found.table[found.table["term"] == "gain"]
        off = gains["estimate"] - true[gains["contact"].to_numpy(int) - 1]
        print(pd.concat([gains[["contact", "estimate", "std_error"]], off.rename("off")], axis=1))
        assert (gains["std_error"] < 0.03).all()
        assert (off.abs() < 3.5 * gains["std_error"]).all()
    late = rows[rows["number"] >= 6]
    surprise = late["performance"] - late["expectation_before"]
    naive = np.polyfit(surprise, late["perception_after"] - late["expectation_before"], 1)[0]
    assert naive > course[7] + 0.03


def test_losses_and_moments_of_truth_stand_out_only_where_they_are(
    learning: Estimates, constant: Estimates, claimed: Tables
) -> None:
    ratios = [found.table.set_index("term").loc["loss / gain"] for found in (learning, constant)]
    print(ratios)
    assert 1.35 < ratios[0]["conf_low"] < 1.8 < ratios[0]["conf_high"] * 1.1
    assert ratios[1]["conf_low"] < 1 < ratios[1]["conf_high"] * 1.1
    true = (
        claimed["truth_touchpoint"]
        .assign(sharp=lambda t: t["w"] / t["R"])
        .set_index("touchpoint_id")["sharp"]
    )
    table = learning.details["touchpoints"].set_index("touchpoint")
    assert np.corrcoef(np.log(table["estimate"]), np.log(true.reindex(table.index)))[0, 1] > 0.7
    sure = table.index[table["conf_low"] > 1]
    assert len(sure) >= 2
    assert (true[sure] > 0.95).all()
    alike = constant.details["touchpoints"]
    assert ((alike["conf_low"] > 1) | (alike["conf_high"] < 1)).mean() <= 0.06
