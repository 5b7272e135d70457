"""Value and time by episode: the published chain, a second computation, and intervals that cover."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxmeasure import lifecycle
from cxmeasure.errors import ArgumentError, CxmeasureError, DataError, EstimationError, TableError

NAMES = ["become", "am", "stay", "leave"]
SHARES = np.array([[0.6, 0.3, 0, 0.1], [0, 0.8, 0.15, 0.05], [0, 0.1, 0.87, 0.03], [0, 0, 0, 1.0]])
REWARD = {"become": 5.0, "am": 12.0, "stay": 15.0}


def square(values: Any, names: list[str] = NAMES) -> pd.DataFrame:
    return pd.DataFrame(values, index=names, columns=names)


def found(moves: Any, **choices: Any) -> pd.DataFrame:
    choices = {"reward": REWARD, "discount_per_period": 0.01} | choices
    return lifecycle.episode_value(moves, **choices).table.set_index(["term", "episode"])


def test_published_drunkards_walk() -> None:
    # Grinstead & Snell, Introduction to Probability, examples 11.13 to 11.19.
    names = ["1", "2", "3", "home", "bar"]
    moves = np.zeros((5, 5))
    moves[:3, :3] = [[0, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0]]
    moves[0, 3] = moves[2, 4] = 0.5
    moves[3, 3] = moves[4, 4] = 1
    result = lifecycle.episode_value(
        square(moves, names), reward={"1": 1, "2": 1, "3": 1}, discount_per_period=0
    )
    assert result.table["estimate"].tolist() == pytest.approx([3, 4, 3, 3, 4, 3], abs=1e-12)
    visits = [[1.5, 1, 0.5], [1, 2, 1], [0.5, 1, 1.5]]
    assert result.details["visits"].to_numpy() == pytest.approx(np.array(visits), abs=1e-12)
    ends = [[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]]
    assert result.details["ends"].to_numpy() == pytest.approx(np.array(ends), abs=1e-12)


def test_second_computation_period_by_period() -> None:
    here, value, periods = np.eye(4)[:3], np.zeros(3), np.zeros(3)
    rewards = np.array([REWARD.get(name, 0) for name in NAMES])
    for period in range(4000):
        value += 1.01**-period * here @ rewards
        periods += 1 - here[:, 3]
        here = here @ SHARES
    table = found(square(SHARES))
    assert table.loc["value", "estimate"].tolist() == pytest.approx(value.tolist(), rel=1e-9)
    assert table.loc["periods_to_leaving", "estimate"].tolist() == pytest.approx(periods.tolist(), rel=1e-9)
    assert table["std_error"].isna().all()


def test_intervals_cover_in_two_thousand_samples() -> None:
    rng, truth = np.random.default_rng(20), found(square(SHARES))["estimate"].to_numpy()
    samples = np.stack([rng.multinomial(800, row, size=400) for row in SHARES], axis=1)
    covered = []
    for counts in samples:
        table = found(square(counts))
        covered.append((table["conf_low"].to_numpy() <= truth) & (truth <= table["conf_high"].to_numpy()))
    share = np.mean(covered, axis=0)
    assert ((share > 0.915) & (share < 0.985)).all(), share


def test_second_computation_standard_error_by_differences() -> None:
    counts = np.array([[60, 30, 0, 10], [0, 400, 75, 25], [0, 50, 435, 15], [0, 0, 0, 1]])
    table, total = found(square(counts)), counts.sum(axis=1)
    shares = counts / total[:, None]
    step, gradient = 1e-6, np.zeros((6, 3, 4))
    for row in range(3):
        for column in range(4):
            changed = shares.copy()
            changed[row, column] += step
            parts = []
            for worth, pay in ((1 / 1.01, [5, 12, 15]), (1, [1, 1, 1])):
                parts.append(np.linalg.solve(np.eye(3) - worth * changed[:3, :3], pay))
                plain = np.linalg.solve(np.eye(3) - worth * shares[:3, :3], pay)
                parts[-1] = (parts[-1] - plain) / step
            gradient[:, row, column] = np.concatenate(parts)
    variance = np.zeros(6)
    for row in range(3):
        scatter = (np.diag(shares[row]) - np.outer(shares[row], shares[row])) / total[row]
        variance += np.einsum("qi,ij,qj->q", gradient[:, row], scatter, gradient[:, row])
    assert table["std_error"].to_numpy() == pytest.approx(np.sqrt(variance), rel=1e-4)


def test_an_end_that_some_come_back_from_can_be_named() -> None:
    back = SHARES.copy()
    back[3] = [0.02, 0, 0, 0.98]
    assert found(square(back), leaving=["leave"])["estimate"].tolist() == pytest.approx(
        found(square(SHARES))["estimate"].tolist()
    )


def test_transitions_can_be_handed_on() -> None:
    rows = [
        (i, name, f"2024-0{1 + j}-05", f"2024-0{2 + j}-05") for i in range(9) for j, name in enumerate(NAMES)
    ]
    episodes = pd.DataFrame(rows, columns=["customer_id", "episode", "start", "end"])
    episodes[["start", "end"]] = episodes[["start", "end"]].apply(pd.to_datetime)
    moves = lifecycle.transitions(episodes)
    assert found(moves)["estimate"].loc["periods_to_leaving"].to_dict() == {"am": 2, "become": 3, "stay": 1}


COUNTS = square(np.array([[60, 30, 0, 10], [0, 400, 75, 25], [0, 50, 435, 15], [0, 0, 0, 1]]))
BAD: dict[str, tuple[type[CxmeasureError], dict[str, Any]]] = {
    "no table": (TableError, {"moves": [[1]]}),
    "no square": (TableError, {"moves": COUNTS.head(2)}),
    "text": (TableError, {"moves": COUNTS.astype(str).replace("0", "none")}),
    "a negative count": (DataError, {"moves": COUNTS - 1}),
    "probabilities that miss one": (DataError, {"moves": square(SHARES * 0.9)}),
    "no way out": (EstimationError, {"moves": square(np.full((4, 4), 5))}),
    "a state that lasts for ever": (EstimationError, {"moves": COUNTS + np.eye(4), "leaving": ["become"]}),
    "an unknown reward": (ArgumentError, {"reward": {"loyal": 3}}),
    "a reward that is no mapping": (ArgumentError, {"reward": 3}),
    "an infinite reward": (DataError, {"reward": {"am": np.inf}}),
    "a discount below zero": (ArgumentError, {"discount_per_period": -0.1}),
    "an unknown end": (ArgumentError, {"leaving": ["left"]}),
    "nothing but ends": (ArgumentError, {"leaving": NAMES}),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_refused_in_prose(fault: str) -> None:
    error, choices = BAD[fault]
    with pytest.raises(error, match=r"[.?]$"):
        lifecycle.episode_value(**{"moves": COUNTS, "reward": REWARD, "discount_per_period": 0.01} | choices)
