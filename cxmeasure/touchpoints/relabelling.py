"""What would removal effects be by chance? Touchpoints shuffled over all steps, or ends over all paths."""

from typing import Any

import numpy as np
import numpy.typing as npt

from cxmeasure._stats import chains
from cxmeasure._stats.intervals import Floats
from cxmeasure.touchpoints.reduce.paths import Moves

MOST_STATES = 1_000
"""A chain of more states than this is not relabelled: each draw inverts a matrix of their square."""


def labels_by_lot(counts: Moves, order: int, n_null: int, rng: np.random.Generator) -> Floats:
    """Return the effects after shuffling the touchpoints over all steps, once a row.

    Lengths and outcomes of paths stay. The chain of each draw has the states that its own paths have; no
    row where these would be more than `MOST_STATES`.
    """
    paths, n_terms = counts.paths, len(counts.touched)
    steps = np.repeat(paths["steps"].to_numpy(), paths["n"])
    won = np.repeat(paths["won"].to_numpy(), paths["n"])
    last = np.cumsum(steps) - 1
    first = last - steps + 1
    labels = np.repeat(np.arange(n_terms), counts.touched["steps"])
    goes_on = np.delete(np.arange(len(labels)), last)
    place = np.arange(len(labels)) - np.repeat(first, steps)
    effects = np.empty((n_null, n_terms))
    # One shuffle at a time: all at once would take the steps times the shuffles in memory.
    for draw in range(n_null):
        states, at = _remembered(rng.permutation(labels), place, order, n_terms)
        n = len(states)
        if n > MOST_STATES:
            return np.empty((0, n_terms))
        ends, starts = at[last], np.bincount(at[first], minlength=n).astype(float)
        moves = np.bincount(at[goes_on] * n + at[goes_on + 1], minlength=n**2).reshape(n, n).astype(float)
        wins, losses = (np.bincount(ends, who, n).astype(float) for who in (won, 1 - won))
        effects[draw] = chains.removal(
            starts[None],
            moves[None],
            wins[None],
            losses[None],
            states // (n_terms + 1) ** (order - 1),
            n_terms,
        )[1][0]
    return effects


def _remembered(
    labels: npt.NDArray[Any], place: npt.NDArray[Any], order: int, n_terms: int
) -> tuple[npt.NDArray[Any], npt.NDArray[np.intp]]:
    """Return the distinct states, the newest touchpoint their leading digit, and the state at each step."""
    keys = labels.copy()
    for back in range(1, order):
        before = np.where(place >= back, np.roll(labels, back) + 1, 0)
        keys = keys * (n_terms + 1) + before
    return np.unique(keys, return_inverse=True)


def ends_by_lot(
    starts: Floats,
    table: Floats,
    owners: npt.NDArray[np.intp],
    n_owners: int,
    n_null: int,
    rng: np.random.Generator,
) -> Floats:
    """Return the effects after dealing the outcomes to the paths by lot, once a row; every path stays.

    `table` has shape (states, states + 2): moves to each state, then wins and losses.
    """
    ended = table[:, -2:].sum(axis=1).round().astype(np.int64)
    n_won = round(float(table[:, -2].sum()))
    effects = np.empty((n_null, n_owners))
    for draw in range(n_null):
        wins = rng.multivariate_hypergeometric(ended, n_won, method="marginals").astype(float)
        effects[draw] = chains.removal(
            starts[None], table[None, :, :-2], wins[None], (ended - wins)[None], owners, n_owners
        )[1][0]
    return effects
