"""`touchpoints.scores`: what pooling does, how often its intervals hold, what it refuses, what it draws."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxmeasure import touchpoints
from cxmeasure._stats import pooling
from cxmeasure.errors import ArgumentError, DataError, EstimationError

sys.path.insert(0, str(Path(__file__).parents[1]))

from engines import ENGINES, on_engine

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ibis", "ignore::FutureWarning:ibis")


def contacts(n: int = 400, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    place = rng.integers(0, 6, n)
    score = np.clip(np.round(3.6 + np.linspace(-0.8, 0.8, 6)[place] + rng.standard_normal(n)), 1, 5)
    return pd.DataFrame(
        {"touchpoint": np.array(list("abcdef"))[place], "csat": score, "customer_id": rng.integers(0, 90, n)}
    )


def scored(events: Any, **choices: Any) -> pd.DataFrame:
    return touchpoints.scores(events, **choices).table


def test_a_tally_counts_as_pandas_does() -> None:
    events = contacts()
    events.loc[3:9, "csat"] = np.nan
    tally = touchpoints.tally_scores(events, customer_column="customer_id").set_index("touchpoint")
    by = events.groupby("touchpoint")["csat"]
    assert tally["n"].tolist() == by.count().tolist()
    assert tally["n_missing"].sum() == 7
    np.testing.assert_allclose(tally["mean"], by.mean())
    np.testing.assert_allclose(tally["squares"], by.var(ddof=1) * (by.count() - 1))
    known = events.dropna()
    each = known.groupby(["touchpoint", "customer_id"])["csat"].agg(["mean", "size"]).reset_index()
    each["about"] = each["size"] * (each["mean"] - each["touchpoint"].map(by.mean())) ** 2
    np.testing.assert_allclose(tally["between"], each.groupby("touchpoint")["about"].sum())
    assert tally["n_squared"].tolist() == (each["size"] ** 2).groupby(each["touchpoint"]).sum().tolist()


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same_scores(engine: str, tmp_path: Path) -> None:
    events = contacts(120)
    expected = scored(events, customer_column="customer_id", rng=np.random.default_rng(2))
    found = scored(
        on_engine(engine, events, tmp_path), customer_column="customer_id", rng=np.random.default_rng(2)
    )
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9, check_dtype=False)


def test_a_unanimous_touchpoint_of_two_answers_does_not_top_the_ranking_for_sure() -> None:
    events = contacts()
    two = pd.DataFrame({"touchpoint": ["z", "z"], "csat": [5.0, 5.0], "customer_id": [1, 2]})
    for choices in ({}, {"metric": "share", "threshold": 4}):
        table = scored(pd.concat([events, two]), k=1, rng=np.random.default_rng(1), **choices)
        row = table[table["touchpoint"] == "z"].iloc[0]
        assert row["estimate"] < row["raw"]
        assert row["conf_high"] - row["conf_low"] > 0.3
        assert row["probability_best"] < 0.8
        assert row["note"] == "fewer than 10 answers"


def test_groups_that_do_not_differ_are_said_not_to() -> None:
    events = pd.DataFrame({"touchpoint": list("abc") * 20, "csat": np.repeat([3, 4, 5, 4], 15)})
    found = touchpoints.scores(events)
    assert found.details["spread"]["note"].iloc[0] == "estimated as zero (REML)"
    assert found.table["note"].str.contains("no more than chance").all()
    title = " ".join(touchpoints.chart.scores(found).title.text)
    assert title == "The touchpoints differ no more than chance makes them differ"


def test_two_groups_are_not_pooled_and_one_answer_is_no_trouble() -> None:
    events = pd.DataFrame({"touchpoint": ["a", "a", "a", "b"], "csat": [3, 4, 5, 2]})
    table = scored(events)
    np.testing.assert_allclose(table["estimate"], table["raw"])
    np.testing.assert_allclose(table["std_error"], [1 / np.sqrt(3), 1.0], rtol=1e-6)
    assert table["note"].str.contains("fewer than 10").all()


def test_a_touchpoint_without_an_answer_gets_what_the_others_say() -> None:
    events = contacts()
    events.loc[events["touchpoint"] == "a", "csat"] = np.nan
    row = scored(events).iloc[0]
    others = scored(events[events["touchpoint"] != "a"])
    assert row["n"] == 0
    assert row["note"] == "no answers: what the others say"
    assert np.isnan(row["raw"])
    assert row["estimate"] == pytest.approx(others["raw"].mean(), abs=0.1)
    assert row["conf_high"] - row["conf_low"] > (others["conf_high"] - others["conf_low"]).max()


def test_customers_who_score_twice_count_less_than_twice() -> None:
    once = contacts(300).assign(customer_id=range(300))
    twice = pd.concat([once, once])
    table = scored(twice, customer_column="customer_id")
    alone = scored(once)
    np.testing.assert_allclose(table["n_effective"], alone["n"], rtol=0.02)
    np.testing.assert_allclose(table["std_error"], alone["std_error"], rtol=0.05)


def test_probabilities_of_the_worst_sum_to_k_and_nps_is_in_points() -> None:
    events = contacts().assign(csat=lambda frame: 2 * frame["csat"])
    found = touchpoints.scores(events, metric="nps", k=2, rng=np.random.default_rng(3))
    assert found.table["probability_worst"].sum() == pytest.approx(2)
    assert found.table["probability_worst"].idxmax() == 0
    assert found.table["raw"].between(-100, 100).all()
    assert found.draws is not None
    assert found.draws.shape == (2000, 6)
    np.testing.assert_allclose(found.draws.mean(axis=0), found.table["estimate"], atol=1.5)


def test_integrating_the_spread_agrees_with_a_second_computation_by_simulation() -> None:
    values, precisions = np.array([1.0, 2.0, 4.0, 2.5]), np.array([4.0, 1.0, 2.0, 3.0])
    known = pooling.integrated(values, precisions, np.full(4, 1e6))
    rng = np.random.default_rng(4)
    spread = 60 * rng.random(400_000)
    likelihood = pooling.restricted_likelihood(values, precisions, spread)[0]
    weight = np.exp(likelihood - likelihood.max())
    assert known.weights @ known.spreads * (known.spreads < 60).sum() > 0
    inside = known.spreads < 60
    mean = (known.weights * known.spreads)[inside].sum() / known.weights[inside].sum()
    assert mean == pytest.approx(weight @ spread / weight.sum(), rel=0.03)
    drawn = known.draws(200_000, rng)
    mean, deviation, low, high = known.summary(0.9)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.01)
    np.testing.assert_allclose(np.quantile(drawn, 0.05, axis=0), low, atol=0.02)
    np.testing.assert_allclose(np.quantile(drawn, 0.95, axis=0), high, atol=0.02)
    np.testing.assert_allclose(drawn.std(axis=0), deviation, atol=0.02)


@pytest.mark.parametrize(("metric", "least"), [("share", 0.93), ("nps", 0.93), ("mean", 0.93)])
def test_intervals_hold_in_93_of_100_groups_or_more(metric: str, least: float) -> None:
    rng = np.random.default_rng(8)
    held = []
    for _ in range(40):
        n = rng.integers(2, 40, 24)
        at = np.repeat(np.arange(24), n)
        parts = rng.dirichlet([4, 3, 2], 24)
        kind = (rng.random(len(at))[:, None] > parts.cumsum(axis=1)[at]).sum(axis=1).clip(max=2)
        if metric == "mean":
            true = 3 + 0.4 * rng.standard_normal(24)
            score, choices = true[at] + rng.standard_normal(len(at)), {}
        elif metric == "nps":
            true, score = 100 * (parts[:, 0] - parts[:, 2]), np.array([10, 8, 3])[kind]
            choices = {"metric": "nps"}
        else:
            true, score, choices = parts[:, 0], kind == 0, {"metric": "share", "threshold": 1}
        events = pd.DataFrame({"touchpoint": at, "csat": np.asarray(score, dtype=float)})
        table = scored(events, n_draws=0, **choices)
        held.append(((table["conf_low"] <= true) & (true <= table["conf_high"])).mean())
    assert np.mean(held) >= least


def test_names_with_markup_quotes_commas_or_nothing_travel_unharmed() -> None:
    names = ["<script>alert(1)</script>", 'the "desk", upstairs', "", "o'clock"]
    events = pd.DataFrame({"touchpoint": names * 5, "csat": [1, 2, 3, 4, 5] * 4})
    found = touchpoints.scores(events)
    assert set(found.table["touchpoint"]) == set(names)
    assert "<script>" not in found._repr_html_()
    assert touchpoints.chart.scores(found).to_dict()["description"]


@pytest.mark.parametrize(
    ("events", "choices", "error", "said"),
    [
        (contacts().head(0), {}, DataError, "no rows"),
        (contacts(), {"scale": (1, 4)}, DataError, "outside 1 to 4"),
        (contacts(), {"metric": "npss"}, ArgumentError, "Did you mean 'nps'"),
        (contacts(), {"metric": "share"}, ArgumentError, "needs a threshold"),
        (contacts(), {"spread": "rml"}, ArgumentError, "Did you mean 'reml'"),
        (contacts().drop_duplicates("touchpoint"), {}, EstimationError, "No group has two answers"),
    ],
)
def test_what_cannot_be_used_is_refused(events: Any, choices: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        touchpoints.scores(events, **choices)
