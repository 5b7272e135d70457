"""Absorbing Markov chains: what is lost when a state is taken out, exactly, by linear algebra.

Arrays in, arrays out. Chains come stacked, so that all draws of a bootstrap are one computation.
"""

import numpy as np
import numpy.typing as npt

from cxmeasure._stats.intervals import Floats

_MOST = 2**24  # Numbers in the matrices solved at once.


def removal(
    starts: Floats, moves: Floats, wins: Floats, losses: Floats, owners: npt.NDArray[np.intp], n_owners: int
) -> tuple[Floats, Floats]:
    """Return the chance of ending in a win, and the share of it that is lost without each owner's states.

    A path that comes to a removed state is lost. With N = (I − Q)⁻¹, the wins that pass through the states
    C are n_C N_CC⁻¹ v_C, with n the expected visits and v the chance to win from each state.

    Parameters
    ----------
    starts, wins, losses : ndarray of shape (chains, states)
        How often paths start in a state, and end from it in a win or a loss: counts.
    moves : ndarray of shape (chains, states, states)
        How often paths move from the row's state to the column's.
    owners : ndarray of shape (states,)
        Which owner (touchpoint) a state belongs to: the newest touchpoint it remembers.
    n_owners : int

    Returns
    -------
    chance : ndarray of shape (chains,)
        In 0–1.
    effects : ndarray of shape (chains, owners)
        Share of the wins lost, in 0–1; zero in a chain without wins.

    References
    ----------
    Kemeny & Snell (1960), Finite Markov Chains (book, no DOI); Anderl et al. (2016), International Journal
    of Research in Marketing 33:457–474, doi:10.1016/j.ijresmar.2016.03.001 (removal effects).

    Examples
    --------
    A path from a over b wins; one ends lost in b. Without either nothing is won.

    >>> starts, moves = np.array([[1.0, 1.0]]), np.array([[[0.0, 1.0], [0.0, 0.0]]])
    >>> chance, effects = removal(
    ...     starts, moves, np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]]), np.arange(2), 2
    ... )
    >>> chance, effects  # by hand: half win; half of those begin in b
    (array([0.5]), array([[0.5, 1. ]]))
    """
    step = max(1, _MOST // starts.shape[1] ** 2)
    parts = [
        _removal(starts[some], moves[some], wins[some], losses[some], owners, n_owners)
        for some in (slice(at, at + step) for at in range(0, len(starts), step))
    ]
    chance, effects = (np.concatenate(part) for part in zip(*parts, strict=True))
    return chance, effects


def _removal(
    starts: Floats, moves: Floats, wins: Floats, losses: Floats, owners: npt.NDArray[np.intp], n_owners: int
) -> tuple[Floats, Floats]:
    leaving = moves.sum(axis=2) + wins + losses
    per_exit = np.divide(1.0, leaving, out=np.zeros_like(leaving), where=leaving > 0)
    identity = np.eye(starts.shape[1])
    visits = np.linalg.inv(identity - moves * per_exit[:, :, None])
    to_win = np.einsum("mij,mj->mi", visits, wins * per_exit)
    begin = starts / starts.sum(axis=1, keepdims=True)
    seen = np.einsum("mi,mij->mj", begin, visits)
    chance = (begin * to_win).sum(axis=1)
    if n_owners == len(owners):
        through = np.empty((len(starts), n_owners))
        through[:, owners] = seen * to_win / np.diagonal(visits, axis1=1, axis2=2)
    else:
        # Blocks of different sizes: one small solve an owner, all chains at once.
        through = np.stack(
            [_through(visits, seen, to_win, np.flatnonzero(owners == own)) for own in range(n_owners)], axis=1
        )
    effects = np.divide(through, chance[:, None], out=np.zeros_like(through), where=chance[:, None] > 0)
    return chance, np.clip(effects, 0.0, 1.0)


def _through(visits: Floats, seen: Floats, to_win: Floats, block: npt.NDArray[np.intp]) -> Floats:
    inside = visits[:, block[:, None], block]
    through: Floats = (seen[:, block] * np.linalg.solve(inside, to_win[:, block, None])[:, :, 0]).sum(axis=1)
    return through
