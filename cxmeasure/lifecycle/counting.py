"""Kaplan–Meier's and Aalen–Johansen's arithmetic on counts: groups, then time. Arrays in and out."""

import numpy as np
import numpy.typing as npt

from cxmeasure._stats import intervals
from cxmeasure._stats.intervals import Floats

Counts = npt.NDArray[np.int64]


def at_risk_and_moves(
    group: Counts,
    state: Counts,
    entry: Counts,
    leave: Counts,
    target: Counts,
    n: Counts,
    shape: tuple[int, int],
) -> tuple[Counts, Counts]:
    """Return who is at risk in each period, and who moves in it.

    Parameters
    ----------
    group, state, entry, leave, target, n : ndarray
        One element a kind of spell: under observation after `entry` periods, until `leave`, then to
        `target` (−1: not known).
    shape : (int, int)
        Groups and states.

    Returns
    -------
    at_risk : ndarray of shape (groups, periods, states)
    moves : ndarray of shape (groups, periods, states, states)
    """
    n_groups, n_states = shape
    n_periods = int(leave.max())
    change = np.zeros((n_groups, n_periods + 1, n_states), dtype=np.int64)
    np.add.at(change, (group, entry, state), n)
    np.add.at(change, (group, leave, state), -n)
    moves = np.zeros((n_groups, n_periods, n_states, n_states), dtype=np.int64)
    goes = target >= 0
    np.add.at(moves, (group[goes], leave[goes] - 1, state[goes], target[goes]), n[goes])
    return np.cumsum(change, axis=1)[:, :-1], moves


def aalen_johansen(at_risk: Counts, moves: Counts, begin: Floats, n_begin: Counts) -> tuple[Floats, Floats]:
    """Return state probabilities and their covariance after each period, from period 0 on.

    The increment of a period is the multinomial share of those at risk who moved, so moves at the same
    time need no order: ties are exact. Covariances are Greenwood's, p′dV p summed forward.

    Parameters
    ----------
    at_risk : ndarray of shape (groups, periods, states)
    moves : ndarray of shape (groups, periods, states, states)
    begin : ndarray of shape (groups, states)
        Shares in each state at the start.
    n_begin : ndarray of shape (groups,)
        Customers these shares come from; 0 where they are known.

    Returns
    -------
    probability : ndarray of shape (groups, periods + 1, states)
        NaN from the period on in which nobody was at risk in a state that could still be left.
    covariance : ndarray of shape (groups, periods + 1, states, states)

    References
    ----------
    Aalen & Johansen (1978), Scandinavian Journal of Statistics 5:141–150 (no DOI);
    Andersen, Borgan, Gill & Keiding (1993), section IV.4, doi:10.1007/978-1-4612-4348-9.
    """
    _, n_periods, n_states = at_risk.shape
    p = begin.copy()
    spread = _multinomial(begin) / np.maximum(n_begin, 1)[:, None, None] * (n_begin > 0)[:, None, None]
    probability, covariance = [p], [spread]
    is_left = moves.any(axis=(1, 3))
    for period in range(n_periods):
        y = at_risk[:, period]
        step = moves[:, period] / np.maximum(y, 1)[..., None]
        diagonal = np.arange(n_states)
        step[:, diagonal, diagonal] += 1 - step.sum(axis=2)
        weight = np.where(y > 0, p**2 / np.maximum(y, 1), 0.0)
        scatter = np.einsum("gs,gsij->gij", weight, _multinomial(step))
        spread = step.transpose(0, 2, 1) @ spread @ step + scatter
        is_unknown = (is_left & (y == 0) & (p > 1e-12)).any(axis=1) | (y.sum(axis=1) == 0)
        p = np.einsum("gs,gst->gt", p, step)
        p = np.where(is_unknown[:, None], np.nan, p)
        probability.append(p)
        covariance.append(spread)
    return np.stack(probability, axis=1), np.stack(covariance, axis=1)


def _multinomial(shares: Floats) -> Floats:
    """Return diag(p) − pp′ on the last axis."""
    n = shares.shape[-1]
    outer: Floats = shares[..., :, None] * np.eye(n) - shares[..., :, None] * shares[..., None, :]
    return outer


def limits(share: Floats, variance: Floats, at_risk: Floats, conf_level: float) -> tuple[Floats, Floats]:
    """Return Wilson's interval on the effective number p(1 − p)/Var, or on those at risk at 0 and 1."""
    is_inner = (share > 1e-12) & (share < 1 - 1e-12) & (variance > 0)
    effective = np.where(is_inner, share * (1 - share) / np.where(is_inner, variance, 1.0), at_risk)
    effective = np.maximum(effective, 1.0)
    return intervals.wilson(np.clip(share, 0, 1) * effective, effective, conf_level)
