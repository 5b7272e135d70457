"""Absorbing Markov chains, exactly: visits, where it ends, and whether it can. Arrays in, arrays out."""

import numpy as np
import numpy.typing as npt

from cxmeasure._stats.intervals import Floats

Flags = npt.NDArray[np.bool_]


def fundamental(moves: Floats, discount: float = 1.0) -> Floats:
    """Return the expected (discounted) number of periods in each state, by the state started from.

    Parameters
    ----------
    moves : ndarray of shape (states, states)
        Probabilities of moves among states that can be left; what a row lacks to one leads to the end.
    discount : float
        What a period from now is worth, in 0–1.

    References
    ----------
    Kemeny & Snell (1960), Finite Markov Chains, ch. 3 (book, no DOI).

    Examples
    --------
    The drunkard's walk (Grinstead & Snell, example 11.13):

    >>> fundamental(np.array([[0, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0]]))
    array([[1.5, 1. , 0.5],
           [1. , 2. , 1. ],
           [0.5, 1. , 1.5]])
    """
    return np.asarray(np.linalg.inv(np.eye(len(moves)) - discount * moves))


def without_way_out(moves: Floats, is_end: Flags) -> Flags:
    """Say of each state whether no path leads from it to an end.

    Parameters
    ----------
    moves : ndarray of shape (states, states)
        Probabilities of all moves.
    is_end : ndarray of shape (states,)
        Whether the state is an end.

    Examples
    --------
    >>> moves = np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    >>> without_way_out(moves, np.array([False, False, True]))
    array([ True,  True, False])
    """
    reach = is_end
    for _ in range(len(moves)):
        reach = reach | (moves[:, reach] > 0).any(axis=1)
    return ~reach
