"""`investment_ranking`: closed forms where there are some, the quadrant's regret, refusals."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from cxmeasure import touchpoints
from cxmeasure.errors import ArgumentError, DataError

OPTIONS = pd.DataFrame(
    {
        "option": ["app", "shop", '<b>"mail"</b>'],
        "evidence": ["experiment", "association", "association"],
        "reach": [1000, 400, 2000],
        "change": [0.2, 0.5, 0.1],
        "change_std_error": [0.05, 0.2, 0.05],
        "slope": [0.05, 0.08, 0.01],
        "slope_std_error": [0.01, 0.04, 0.02],
        "value": [100, 100, 100],
        "cost": [400, 700, 600],
        "score": [4.0, 3.0, 2.0],
    }
)


def ranked(options: Any = OPTIONS, **choices: Any) -> Any:
    return touchpoints.investment_ranking(options, **{"rng": np.random.default_rng(1)} | choices)


def test_means_and_errors_are_exact_and_draws_agree_with_them() -> None:
    found = ranked(n_draws=200_000)
    table = found.table.set_index("term")
    assert table.loc["app", "estimate"] == pytest.approx(1000 * 0.2 * 0.05 * 100 - 400)
    by_hand = 1e5 * np.sqrt((0.2**2 + 0.05**2) * (0.05**2 + 0.01**2) - (0.2 * 0.05) ** 2)
    assert table.loc["app", "std_error"] == pytest.approx(by_hand)
    np.testing.assert_allclose(found.draws.mean(axis=0), found.table["estimate"], atol=6)
    np.testing.assert_allclose(found.draws.std(axis=0), found.table["std_error"], rtol=0.02)


def test_two_normal_returns_have_the_closed_forms_of_decision_theory() -> None:
    two = OPTIONS.head(2).assign(change_std_error=0.0)
    found = ranked(two, n_draws=400_000)
    a, b = found.table["estimate"]
    s_a, s_b = found.table["std_error"]
    gap, spread = a - b, np.hypot(s_a, s_b)
    # By the order of means: shop returns 900, app 600.
    assert found.details["pairs"]["probability_ahead"].item() == pytest.approx(
        norm.cdf(-gap / spread), abs=0.005
    )
    alone = ranked(two.head(1), n_draws=400_000)
    z = a / s_a
    knowing_one = s_a * (norm.pdf(z) - z * norm.cdf(-z))
    choice = alone.details["choice"].set_index("term")["estimate"]
    assert choice["value of perfect information"] == pytest.approx(knowing_one, abs=1)


def test_draws_stand_in_the_order_of_the_table_and_pairs_are_counted_from_them() -> None:
    found = ranked(OPTIONS.sort_values("cost"))
    names = found.table["term"].tolist()
    assert names == sorted(OPTIONS["option"])
    assert dict(zip(names, found.table["evidence"], strict=True)) == dict(
        zip(OPTIONS["option"], OPTIONS["evidence"], strict=True)
    )
    for pair in found.details["pairs"].itertuples():
        first, second = (found.draws[:, names.index(name)] for name in (pair.option, pair.other))
        assert pair.probability_ahead == (first > second).mean()
    np.testing.assert_allclose(found.draws.mean(axis=0), found.table["estimate"], atol=30)


def test_slopes_of_one_model_are_drawn_together() -> None:
    names = OPTIONS["option"].tolist()
    one = np.array([0.01, 0.04, 0.02])
    together = pd.DataFrame(np.outer(one, one), index=names, columns=names)
    sure = OPTIONS.assign(change_std_error=0.0)
    drawn = ranked(sure, slope_covariance=together).draws
    assert np.corrcoef(drawn, rowvar=False).min() > 0.999
    apart = ranked(sure).draws
    assert abs(np.corrcoef(apart, rowvar=False)[0, 1]) < 0.05


def test_the_quadrant_pays_for_what_it_does_not_ask() -> None:
    found = ranked(has_score=True)
    choice = found.details["choice"].set_index("term")
    assert choice.loc["best choice", "note"] == "shop"
    assert choice.loc["regret of the quadrant's choice", "note"] == "shop"
    costly = OPTIONS.assign(cost=[400, 5000, 600])
    choice = ranked(costly, has_score=True).details["choice"].set_index("term")
    assert choice.loc["best choice", "note"] == "app"
    assert choice.loc["regret of the quadrant's choice", "estimate"] > 3000


def test_probabilities_of_the_best_leave_room_for_doing_nothing() -> None:
    table = ranked().table
    assert 0.5 < table["probability_best"].sum() < 1
    assert (table["expected_regret"] > 0).all()
    ruined = ranked(OPTIONS.assign(cost=1e6))
    assert ruined.table["probability_best"].sum() == 0
    assert ruined.details["choice"]["note"].iloc[0] == "do nothing"
    assert touchpoints.chart.investment_ranking(ruined).title.text == [
        "No option is expected to return what it costs"
    ]


def test_it_says_which_slopes_are_associations_and_escapes_names() -> None:
    found = ranked()
    assert found.table["note"].str.contains("may not be causal").sum() == 2
    assert "2 of 3 options" in found.assumptions[-1]
    assert "<b>" not in found._repr_html_()


@pytest.mark.parametrize(
    ("change", "choices", "error", "said"),
    [
        ({"evidence": "hearsay"}, {}, DataError, "'hearsay' is not known"),
        ({"change_std_error": -1.0}, {}, DataError, "below zero"),
        ({"cost": np.nan}, {}, DataError, "missing, infinite"),
        ({"option": "app"}, {}, DataError, "a name of its own"),
        ({}, {"errors": ["chance"]}, ArgumentError, "'chance' is none of"),
        ({}, {"slope_covariance": pd.DataFrame(np.eye(2))}, ArgumentError, "once on rows"),
    ],
)
def test_what_cannot_be_used_is_refused(change: Any, choices: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        ranked(OPTIONS.assign(**change), **choices)
