"""Answers of the chapter *NPS, CSAT or CES?*."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from cxmeasure import lantern, survey
from cxmeasure.exercises.checking import Exercise

_ITEMS = ["ltr", "csat", "ces"]
_POLES = {10: 60, 8: 25, 3: 15}
_HALF_YEAR = pd.Timedelta(days=183)


def _ends(method: str) -> list[float]:
    scores = np.repeat(list(_POLES), list(_POLES.values()))
    return list(survey.metric(scores, method=method).table[["conf_low", "conf_high"]].iloc[0])


@cache
def _answers(world: str) -> pd.DataFrame:
    rows = lantern.load("answers", world).query("kind == 'relationship'")
    rows = rows.astype(dict.fromkeys(_ITEMS, float)).sort_values(["customer_id", "answered_at"])
    return pd.DataFrame(rows)


def _correlations(world: str) -> dict[str, float]:
    r = np.corrcoef(_answers(world)[_ITEMS].dropna().to_numpy(), rowvar=False)
    return {f"{a} {b}": float(r[i, j]) for i, a in enumerate(_ITEMS) for j, b in enumerate(_ITEMS)}


def _reliability(item: str, world: str) -> float:
    r = _correlations(world)
    first, second = (name for name in _ITEMS if name != item)
    return r[f"{item} {first}"] * r[f"{item} {second}"] / r[f"{first} {second}"]


def _poles(world: str) -> Any:
    rows = _answers(world)
    turn = rows.groupby("customer_id").cumcount()
    first, second = (rows[turn == k].set_index("customer_id")["ltr"] for k in (0, 1))
    return np.digitize(first.reindex(second.index), [7, 9]), np.digitize(second, [7, 9])


def _moves(world: str) -> list[int]:
    before, after = _poles(world)
    return [int((after > before).sum()), int((after < before).sum())]


def _left_their_pole(world: str) -> list[int]:
    before, after = _poles(world)
    return [int(((before == 0) & (after > 0)).sum()), int(((before == 2) & (after < 2)).sum())]


def _auc(leaves: Any, score: Any) -> float:
    ranks, n = rankdata(-score), int(leaves.sum())
    return float((ranks[leaves].sum() - n * (n + 1) / 2) / (n * (len(leaves) - n)))


@cache
def _later() -> pd.DataFrame:
    left_on = lantern.load("exits").set_index("customer_id")["date"]
    rows = _answers("claimed").dropna(subset=_ITEMS)
    days = rows["customer_id"].map(left_on) - rows["answered_at"]
    rows = rows.assign(leaves=days.between(pd.Timedelta(0), _HALF_YEAR))
    within = rows["answered_at"].between("2024-07-01", pd.Timestamp("2026-01-01") - _HALF_YEAR, "left")
    return rows[within].reset_index(drop=True)


@cache
def _race(first: str, second: str) -> tuple[float, tuple[float, ...], tuple[float, ...]]:
    """Return the AUC difference, its interval, and that of two AUCs taken for independent."""
    rows, rng = _later(), np.random.default_rng(7)
    leaves, scores = rows["leaves"].to_numpy(), rows[[first, second]].to_numpy()
    places = list(rows.groupby("customer_id").indices.values())
    draws = []
    for _ in range(500):
        at = np.concatenate([places[i] for i in rng.integers(len(places), size=len(places))])
        draws.append([_auc(leaves[at], scores[at, k]) for k in (0, 1)])
    drawn = np.array(draws)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    paired = np.quantile(drawn[:, 0] - drawn[:, 1], [0.025, 0.975])
    difference = _auc(leaves, scores[:, 0]) - _auc(leaves, scores[:, 1])
    return difference, tuple(paired.tolist()), (float(low[0] - high[1]), float(high[0] - low[1]))


def _difference(first: str, second: str) -> list[float]:
    difference, paired, _ = _race(first, second)
    return [difference, *paired]


def _as_if_independent(first: str, second: str) -> list[float]:
    difference, _, apart = _race(first, second)
    return [difference, *apart]


EXERCISES = {
    "1": Exercise(
        answer=lambda: _ends("adjusted-wald"),
        tolerance=0.06,
        mistakes={
            "That is the plain Wald interval, without the three imagined answers.": lambda: _ends("wald"),
            "That is the score interval, the default; ask for the other.": lambda: _ends("score"),
        },
    ),
    "2": Exercise(
        answer=lambda: _reliability("ces", "null"),
        tolerance=0.0015,
        mistakes={
            "That is the reliability of *satisfied*.": lambda: _reliability("csat", "null"),
            "That is the reliability of *recommend*.": lambda: _reliability("ltr", "null"),
            "That is the world in which the claim holds.": lambda: _reliability("ces", "claimed"),
            "That is a correlation of two items; the formula takes three.": lambda: _correlations("null")[
                "ltr ces"
            ],
        },
    ),
    "3": Exercise(
        answer=lambda: _moves("null"),
        tolerance=0,
        mistakes={
            "Those are the detractors and the promoters who left their pole; passives move too.": lambda: (
                _left_their_pole("null")
            ),
            "That is the world in which the claim holds.": lambda: _moves("claimed"),
        },
    ),
    "4": Exercise(
        answer=lambda: _difference("ces", "csat"),
        tolerance=0.006,
        mistakes={
            "The difference is right. The interval takes the two AUCs for those of different customers.": (
                lambda: _as_if_independent("ces", "csat")
            ),
            "That is *easy* against *recommend*.": lambda: _difference("ces", "ltr"),
        },
    ),
}
