"""`touchpoints.removal_effects`: exact on every engine, any memory, loops; silent where nothing differs."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxmeasure import touchpoints
from cxmeasure.errors import ArgumentError, DataError, EstimationError

sys.path.insert(0, str(Path(__file__).parents[1]))

from engines import ENGINES, on_engine

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ibis", "ignore::FutureWarning:ibis")


def steps_of(n: int = 400, seed: int = 1, helpful: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    length = rng.integers(1, 7, n)
    customer = np.repeat(np.arange(n), length)
    touchpoint = rng.choice(list("abcde"), len(customer), p=[0.3, 0.25, 0.2, 0.15, 0.1])
    seen = pd.Series(touchpoint == "e").groupby(customer).any().to_numpy()
    won = rng.random(n) < 0.2 + helpful * seen
    order = np.arange(len(customer))
    return pd.DataFrame(
        {"customer_id": customer, "touchpoint": touchpoint, "ts": order, "converted": won[customer]}
    ).sample(frac=1, random_state=seed)


def effects_of(events: Any, **choices: Any) -> pd.DataFrame:
    return touchpoints.removal_effects(events, **{"n_boot": 0, "n_null": 0} | choices).table


def walked(events: pd.DataFrame, order: int) -> dict[str, float]:
    """Compute removal effects by walking the chain step by step: a second, slow computation."""
    ways: dict[Any, dict[Any, float]] = {}
    ordered = events.sort_values("ts")
    for _, path in ordered.groupby("customer_id"):
        names, state = path["touchpoint"].tolist(), ()
        for name in names:
            ahead = (name, *state)[:order]
            ways.setdefault(state, {}).setdefault(ahead, 0.0)
            ways[state][ahead] += 1
            state = ahead
        end = "won" if path["converted"].any() else "lost"
        ways.setdefault(state, {}).setdefault(end, 0.0)
        ways[state][end] += 1

    def chance(without: str) -> float:
        now, won = {(): 1.0}, 0.0
        for _ in range(600):
            later: dict[Any, float] = {}
            for state, mass in now.items():
                total = sum(ways[state].values())
                for ahead, n in ways[state].items():
                    if ahead == "won":
                        won += mass * n / total
                    elif ahead != "lost" and ahead[0] != without:
                        later[ahead] = later.get(ahead, 0.0) + mass * n / total
            now = later
        return won

    return {name: 1 - chance(name) / chance("nobody") for name in sorted(events["touchpoint"].unique())}


@pytest.mark.parametrize("order", [1, 2, 3])
def test_effects_agree_with_walking_the_chain_step_by_step(order: int) -> None:
    events = steps_of(60)
    table = effects_of(events, order=order)
    assert dict(zip(table["term"], table["estimate"], strict=True)) == pytest.approx(walked(events, order))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same_effects_and_intervals(engine: str, tmp_path: Path) -> None:
    events = steps_of(40)
    choices: dict[str, Any] = {"n_boot": 30, "n_null": 10, "order": 1}
    expected = effects_of(events, **choices, rng=np.random.default_rng(2))
    found = effects_of(on_engine(engine, events, tmp_path), **choices, rng=np.random.default_rng(2))
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9, check_dtype=False)


def test_a_loop_of_any_length_is_summed_to_its_end() -> None:
    rows = [(1, "a", 1, False), (1, "a", 2, False), (1, "a", 3, False), (2, "a", 1, True), (3, "b", 1, True)]
    table = effects_of(pd.DataFrame(rows, columns=["customer_id", "touchpoint", "ts", "converted"]))
    # From a: 2 of 4 stay, 1 wins, 1 is lost: half win. Two of three start there: 1/3 of 2/3 goes through a.
    assert table["estimate"].tolist() == pytest.approx([0.5, 0.5])


def test_when_all_succeed_the_loss_is_the_share_of_paths_that_pass() -> None:
    events = steps_of(50).assign(converted=True).drop_duplicates("customer_id")
    table = effects_of(events)
    np.testing.assert_allclose(table["estimate"], table["n"] / 50)


def test_a_path_still_open_is_left_out_and_counted() -> None:
    events = steps_of(50).astype({"converted": "boolean"})
    opened = pd.concat(
        [events, pd.DataFrame({"customer_id": [99, 99], "touchpoint": ["a", "z"], "ts": [1, 2]})]
    ).astype({"converted": "boolean"})
    table = effects_of(opened)
    assert (table["n_missing"] == 1).all()
    pd.testing.assert_frame_equal(
        table.drop(columns="n_missing"), effects_of(events).drop(columns="n_missing")
    )


def test_a_helpful_touchpoint_differs_from_a_relabelled_one_and_the_rest_does_not() -> None:
    p_values = []
    for seed in range(12):
        events = steps_of(500, seed=seed, helpful=0.35)
        choices: dict[str, Any] = {"n_null": 100, "rng": np.random.default_rng(seed)}
        p_values.append(effects_of(events, **choices).set_index("term")["p_value"])
    rates = (pd.concat(p_values, axis=1) < 0.05).mean(axis=1)
    assert rates["e"] == 1.0
    null = [
        effects_of(steps_of(500, seed=seed), n_null=100, rng=np.random.default_rng(seed))["p_value"]
        for seed in range(12)
    ]
    assert (pd.concat(null) < 0.05).mean() <= 0.12


def test_with_a_longer_memory_too_only_what_helps_differs_from_chance() -> None:
    rates = {}
    for helpful in (0.35, 0.0):
        found = [
            effects_of(
                steps_of(500, seed=seed, helpful=helpful),
                order=2,
                n_null=60,
                rng=np.random.default_rng(seed),
            ).set_index("term")
            for seed in range(10)
        ]
        small = [each[["p_value", "ends_p_value"]] < 0.05 for each in found]
        rates[helpful] = pd.concat(small).groupby(level=0).mean()
    assert (rates[0.35].loc["e"] >= 0.8).all()
    assert (rates[0.0].mean() <= 0.12).all()


def scripted(n: int = 600, seed: int = 1, helpful: float = 0.0) -> pd.DataFrame:
    """Journeys that come to each of six touchpoints in its turn, or pass it over; all run to their end."""
    rng = np.random.default_rng(seed)
    taken = rng.random((n, 6)) < [0.9, 0.5, 0.7, 0.3, 0.6, 0.8]
    taken[~taken.any(axis=1), 0] = True
    journey, step = np.nonzero(taken)
    won = rng.random(n) < 0.4 + helpful * taken[:, 5]
    names = np.array(list("abcdef"))[step]
    return pd.DataFrame({"customer_id": journey, "touchpoint": names, "ts": step, "converted": won[journey]})


def test_a_script_differs_from_shuffled_touchpoints_but_not_from_ends_dealt_by_lot() -> None:
    for helpful in (0.0, 0.35):
        found = pd.concat(
            effects_of(scripted(seed=seed, helpful=helpful), n_null=60, rng=np.random.default_rng(seed))
            for seed in range(10)
        ).set_index("term")
        small = (found[["p_value", "ends_p_value"]] < 0.05).groupby(level=0).mean()
        assert small["p_value"].mean() > 0.8
        if helpful:
            assert small.loc["f", "ends_p_value"] >= 0.9
        else:
            assert small["ends_p_value"].mean() <= 0.12


def test_the_display_says_what_the_comparison_finds_and_why_it_is_missing() -> None:
    found = touchpoints.removal_effects(scripted(60), n_boot=0, n_null=20, rng=np.random.default_rng(1))
    assert "because it finds the script" in repr(found)
    assert found.table[["p_value", "ends_p_value"]].notna().all(axis=None)
    rng = np.random.default_rng(2)
    many = steps_of(500).assign(touchpoint=lambda rows: rng.integers(0, 60, len(rows)).astype(str))
    wide = touchpoints.removal_effects(many, order=2, n_boot=0, n_null=2, rng=rng)
    assert wide.table["p_value"].isna().all()
    assert wide.table["ends_p_value"].notna().all()
    assert "over 1,000 states" in repr(wide)


def test_bootstrap_intervals_hold_the_effect_of_a_large_company() -> None:
    truth = effects_of(steps_of(40_000, seed=99, helpful=0.3))["estimate"].to_numpy()
    held = []
    for seed in range(16):
        table = effects_of(steps_of(300, seed=seed, helpful=0.3), n_boot=200, rng=np.random.default_rng(seed))
        held.append(((table["conf_low"] <= truth) & (truth <= table["conf_high"])).mean())
    assert np.mean(held) >= 0.9


def test_the_chart_says_what_differs() -> None:
    found = touchpoints.removal_effects(steps_of(500, helpful=0.35), rng=np.random.default_rng(1))
    chart = touchpoints.chart.removal_effects(found)
    assert "differ from chance" in " ".join(chart.title.text)
    assert "e 0." in chart.to_dict()["description"]
    assert found.details["conversion"]["estimate"].iloc[0] == pytest.approx(
        steps_of(500, helpful=0.35).groupby("customer_id")["converted"].max().mean(), abs=0.02
    )


@pytest.mark.parametrize(
    ("change", "choices", "error", "said"),
    [
        ({"ts": 1}, {}, DataError, "which came first is not known"),
        ({"ts": np.nan}, {}, DataError, "is missing in"),
        ({"converted": False}, {}, EstimationError, "No path succeeded"),
        ({}, {"order": 0}, ArgumentError, "at least 1"),
    ],
)
def test_what_cannot_be_used_is_refused(change: Any, choices: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        touchpoints.removal_effects(
            steps_of(50).assign(**change).astype({"touchpoint": "str"} if not change else {}), **choices
        )
