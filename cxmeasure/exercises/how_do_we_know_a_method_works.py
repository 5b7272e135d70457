"""Answers of the chapter *How do we know a method works?*."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, t

from cxmeasure import lantern
from cxmeasure.exercises.checking import Exercise
from cxmeasure.lantern.firms import PRACTICES, simulate_firms

Floats = NDArray[np.float64]

_BONUS = PRACTICES.index("score_bonus")
_STUDIES = 300


@lru_cache(maxsize=2)
def _study(world: str) -> dict[str, Floats]:
    """Return the simulated studies of the page: arrays of study, firm and column."""
    parameters = {str(name): float(value) for name, value in lantern.truth(world)["value"].items()}
    rng = np.random.default_rng(2)
    firms = [simulate_firms(parameters, rng)["firms120"] for _ in range(_STUDIES)]
    columns = {
        "told": [f"{name}_a" for name in PRACTICES],
        "seen": [f"{name}_b" for name in PRACTICES],
        "rating": ["performance_self"],
        "ledger": ["performance_ledger"],
    }
    return {what: np.stack([one[names].to_numpy(float) for one in firms]) for what, names in columns.items()}


def _limits(outcome: Floats, drivers: Floats) -> tuple[Floats, Floats]:
    """Return both ends of the 95% interval of each slope, study by study."""
    design = np.concatenate([np.ones_like(outcome), drivers], axis=2)
    across = design.swapaxes(1, 2)
    inverse = np.linalg.inv(across @ design)
    slopes = inverse @ across @ outcome
    left = outcome.shape[1] - design.shape[2]
    noise = ((outcome - design @ slopes) ** 2).sum(axis=(1, 2)) / left
    half = t.ppf(0.975, left) * np.sqrt(noise[:, None] * np.diagonal(inverse, axis1=1, axis2=2))
    return slopes[:, 1:, 0] - half[:, 1:], slopes[:, 1:, 0] + half[:, 1:]


@lru_cache(maxsize=8)
def _any_of_five(world: str, *, above_only: bool) -> float:
    drawn = _study(world)
    low, high = _limits(drawn["ledger"], drawn["seen"])
    found = (low > 0) if above_only else (low > 0) | (high < 0)
    return float(found.any(axis=1).mean())


@lru_cache(maxsize=2)
def _one_of_five() -> float:
    drawn = _study("null")
    low, high = _limits(drawn["ledger"], drawn["seen"])
    return float(((low > 0) | (high < 0)).mean())


@lru_cache(maxsize=4)
def _harm(*, with_rating: bool, low_end: bool = False) -> float:
    drawn = _study("null")
    told = np.concatenate([drawn["told"], drawn["rating"]], axis=2) if with_rating else drawn["told"]
    low, high = _limits(drawn["ledger"], told)
    return float(((low if low_end else high)[:, _BONUS] < 0).mean())


@lru_cache(maxsize=1)
def _ratings() -> tuple[Floats, ...]:
    """Return the answers about each of the ten most rated touchpoints."""
    answers = lantern.load("answers").query("kind == 'transaction'")[["event_id", "csat"]].dropna()
    rated = answers.merge(lantern.load("events")[["event_id", "touchpoint_id"]])
    rated = rated.merge(lantern.load("touchpoints")[["touchpoint_id", "name"]])
    ten = sorted(rated["name"].value_counts().index[:10])
    return tuple(rated.loc[rated["name"] == name, "csat"].to_numpy(float) for name in ten)


@lru_cache(maxsize=4)
def _overrated(answers: int, *, against_the_best: bool = False) -> float:
    ratings = _ratings()
    level = np.array([values.mean() for values in ratings])
    rng = np.random.default_rng(3)
    drawn = np.stack([rng.choice(values, (2000, answers)) for values in ratings], axis=1)
    said = drawn.mean(axis=2)
    true = level.max() if against_the_best else level[said.argmax(axis=1)].mean()
    return float(said.max(axis=1).mean() - true)


def _successes(tail: float) -> int:
    return next(n for n in range(1, 1000) if beta.ppf(tail, n, 1) > 0.8)


EXERCISES = {
    "1": Exercise(
        answer=lambda: _any_of_five("null", above_only=False),
        tolerance=0.005,
        mistakes={
            "That is the share of single intervals; asked for is at least one of the five.": _one_of_five,
            "Those above zero only; an interval below zero is a false finding too.": lambda: _any_of_five(
                "null", above_only=True
            ),
            "That is the world as claimed, in which two practices work.": lambda: _any_of_five(
                "claimed", above_only=False
            ),
        },
    ),
    "2": Exercise(
        answer=lambda: _harm(with_rating=True),
        tolerance=0.005,
        mistakes={
            "That is without the rating in the model.": lambda: _harm(with_rating=False),
            "That counts intervals that begin below zero; they must end below it.": lambda: _harm(
                with_rating=True, low_end=True
            ),
        },
    ),
    "3": Exercise(
        answer=lambda: _overrated(15),
        tolerance=0.012,
        mistakes={
            "That takes the best true level; take the true level of the one that won.": lambda: _overrated(
                15, against_the_best=True
            ),
            "That is a report on 40 answers each.": lambda: _overrated(40),
        },
    ),
    "4": Exercise(
        answer=lambda: _successes(0.025),
        tolerance=0,
        mistakes={"That is the one-sided limit, with .05 in one tail.": lambda: _successes(0.05)},
    ),
}
