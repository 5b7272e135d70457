"""Adoption: a new way of working spreads along ties between colleagues, and slips back.

Equation 17. The world `null` sets `adoption_gain_threshold_share` to 0 (the gain is a straight line),
`revert_odds_without_support` to 1, and the adoption of a crisis to the everyday rate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from cxmeasure.lantern.catalogue import N_MONTHS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ADOPTION_MONTHS: Final = 24
FIRST_ADOPTION_MONTH: Final = N_MONTHS - ADOPTION_MONTHS + 1
SEEDING_ARMS: Final = ("random", "hub", "broker", "cluster", "managers")
TEAMS: Final = 4
TEAM_SIZE: Final = 10
BRANCH_SIZE: Final = TEAMS * TEAM_SIZE
TEAM: Final = np.repeat(np.arange(TEAMS), TEAM_SIZE)


# Equation 17: arms, ties and seeds


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is treated when: `arm` (24), `ownership_start` (24, month), `crisis` (24 months by 24)."""

    arm: NDArray[np.str_]
    ownership_start: NDArray[np.int64]
    crisis: Bools


@dataclass(frozen=True, slots=True)
class Spread:
    """States by month, branch and person; thresholds and seeds by branch and person."""

    threshold: Floats
    seed: Bools
    adopted: Bools
    trained: Bools
    supported: Bools


def draw_plan(parameters: Mapping[str, float], rng: np.random.Generator) -> Plan:
    """Randomise the seeding arms, the steps of ownership (four branches each) and the crises."""
    arm = rng.permutation(np.resize(SEEDING_ARMS, 24))
    start = rng.permutation(np.repeat(np.arange(16, 34, 3), 4))
    crisis = np.zeros((ADOPTION_MONTHS, 24), dtype=bool)
    first = rng.integers(8, 17, 24)
    hit = rng.permutation(24) < parameters["crisis_branches"]
    month = np.arange(ADOPTION_MONTHS)[:, None]
    crisis |= hit & (month >= first) & (month < first + parameters["crisis_months"])
    return Plan(arm, start, crisis)


def draw_ties(parameters: Mapping[str, float], n_branches: int, rng: np.random.Generator) -> Bools:
    """Draw informal ties, branches by people (40) by people (40), symmetric."""
    chance = np.where(
        TEAM[:, None] == TEAM, parameters["tie_probability_team"], parameters["tie_probability_branch"]
    )
    upper = np.triu(rng.random((n_branches, BRANCH_SIZE, BRANCH_SIZE)) < chance, 1)
    return np.asarray(upper | upper.transpose(0, 2, 1))


def choose_seeds(ties: Bools, arm: NDArray[np.str_], n_seeds: int, rng: np.random.Generator) -> Bools:
    """Choose each branch's seeds by its arm; chance decides between equals.

    Hubs have the most ties, brokers the most ties out of their team, a cluster is one team, managers
    are the four team leads.
    """
    shape = ties.shape[:2]
    luck = rng.random(shape)
    other_team = TEAM[:, None] != TEAM
    merit = {
        "random": np.zeros(shape),
        "hub": ties.sum(axis=2),
        "broker": (ties & other_team).sum(axis=2),
        "cluster": rng.integers(0, TEAMS, (shape[0], 1)) == TEAM,
        "managers": np.broadcast_to(np.arange(BRANCH_SIZE) % TEAM_SIZE == 0, shape),
    }
    score = luck + 2.0 * np.select([(arm == name)[:, None] for name in merit], list(merit.values()))
    rank = np.argsort(np.argsort(-score, axis=1), axis=1)
    return np.asarray(rank < n_seeds)


# Equation 17: thresholds, adoption and reversion, month by month


def spread_adoption(
    parameters: Mapping[str, float],
    ties: Bools,
    arm: NDArray[np.str_],
    rng: np.random.Generator,
    crisis: Bools,
) -> Spread:
    """Let adoption spread for 24 months over all branches at once.

    Parameters
    ----------
    parameters, ties, arm
        Values by name; ties as `draw_ties` returns them; one arm a branch.
    rng
        Generator.
    crisis
        Months by branches.

    Returns
    -------
    Spread
        The state at the end of each month.
    """
    shape = ties.shape[:2]
    concentration = parameters["threshold_concentration"]
    mean = parameters["threshold_mean"]
    threshold = rng.beta(mean * concentration, (1 - mean) * concentration, shape)
    seed = choose_seeds(ties, arm, int(parameters["seeds_per_branch"]), rng)
    neighbours = np.maximum(ties.sum(axis=2), 1)
    now, trained = seed, seed
    withdrawn, restored = parameters["support_withdrawn"], parameters["support_restored"]
    supported = rng.random((shape[0], TEAMS)) < restored / (restored + withdrawn)
    history = []
    for month in range(ADOPTION_MONTHS):
        share = (ties @ now[..., None].astype(float))[..., 0] / neighbours
        luck, change = rng.random(shape), rng.random((shape[0], TEAMS))
        log_odds = np.log(parameters["revert_odds_without_support"]) * ~supported[:, TEAM]
        log_odds = log_odds + np.log(parameters["revert_odds_of_seeds"]) * seed
        leaves = _reversion(parameters, share, threshold, log_odds)
        joins = np.where(
            share >= threshold, parameters["adopt_probability"], _spontaneous(parameters, crisis[month])
        )
        now = np.where(now, luck >= leaves, luck < joins)
        trained = trained | (rng.random(shape) < parameters["training_probability"])
        history.append((now, trained, supported[:, TEAM]))
        supported = np.where(supported, change >= withdrawn, change < restored)
    adopted, has_training, support = (np.stack(states) for states in zip(*history, strict=True))
    return Spread(threshold, seed, adopted, has_training, support)


def _spontaneous(parameters: Mapping[str, float], crisis: Bools) -> Floats:
    everyday, crisis_rate = (
        parameters["spontaneous_probability"],
        parameters["crisis_spontaneous_probability"],
    )
    return np.where(crisis, crisis_rate, everyday)[:, None]


def _reversion(parameters: Mapping[str, float], share: Floats, threshold: Floats, log_odds: Floats) -> Floats:
    base = float(logit(parameters["revert_probability"]))
    return np.where(share < threshold / 2, expit(base + log_odds), 0.0)


# Equation 17: what adoption is good for


def adoption_gain(adoption_share: Floats, parameters: Mapping[str, float]) -> Floats:
    """Return the gain of branch quality: a logistic curve, a straight line, or a mixture of the two."""
    weight = parameters["adoption_gain_threshold_share"]
    distance = (adoption_share - parameters["adoption_gain_location"]) / parameters["adoption_gain_scale"]
    curve = weight * expit(distance) + (1 - weight) * adoption_share
    return np.asarray(parameters["adoption_gain"] * curve)
