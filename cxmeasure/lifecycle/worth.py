"""What is a customer in each episode worth, and for how long? An absorbing chain, solved exactly."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats import intervals
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError, DataError, EstimationError, TableError
from cxmeasure.lifecycle import absorbing
from cxmeasure.results import Estimates


def episode_value(
    moves: Any,
    *,
    reward: Mapping[str, float],
    discount_per_period: float,
    leaving: Sequence[str] | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate the value still to come from a customer in each episode, and the time until leaving.

    Parameters
    ----------
    moves : pandas.DataFrame, or Estimates of `transitions`
        A square table, from row to column, under the same names: counts of moves, which give intervals,
        or probabilities, which do not.
    reward : mapping of str to float
        What a customer brings in each period in an episode; 0 where an episode is not named.
    discount_per_period : float
        Interest a period, 0 or more: what comes k periods from now counts (1 + interest)^−k.
    leaving : sequence of str, optional
        Episodes at which the count ends, also if some come back; by default those that nobody leaves.
    conf_level : float
        Level of the interval, in 0–1.

    Returns
    -------
    Estimates
        Rows ``value`` and ``periods_to_leaving`` for each ``episode``; ``n`` is the number of moves
        observed from it. ``details["visits"]``: expected periods in each episode; ``details["ends"]``:
        where it ends.

    Raises
    ------
    ArgumentError, TableError, DataError
        If the table is not square, a name is unknown, or a number cannot be a count or a probability.
    EstimationError
        If some episode has no way out.

    Notes
    -----
    The value counts the period begun in the episode itself, at full worth. With counts, each row of
    moves is multinomial and the standard error is the delta method's, exact in its derivative:
    dv = δ(I − δP)⁻¹ dP v. The reward is taken as known. The interval of the periods is symmetric on the
    log, so that it stays above zero. With few moves out the intervals hold less than they promise: at 40
    moves from an episode, two of them away, that of the value held in .87 of 961 simulated samples, that of
    the periods in .94; at 400 moves both in .95.

    References
    ----------
    Pfeifer & Carraway (2000), Journal of Interactive Marketing 14(2):43–55,
    doi:10.1002/(SICI)1520-6653(200021)14:2<43::AID-DIR4>3.0.CO;2-H.

    Examples
    --------
    By hand: half leave each period, so 2 periods are expected, and 10 + 5 + 2.5 + … = 20 to come.

    >>> import pandas as pd
    >>> counts = pd.DataFrame({"am": [50, 0], "leave": [50, 1]}, index=["am", "leave"])
    >>> result = episode_value(counts, reward={"am": 10}, discount_per_period=0.0)
    >>> result.table[["term", "episode", "n", "estimate", "std_error"]].round(2)
                     term episode    n  estimate  std_error
    0               value      am  100      20.0        2.0
    1  periods_to_leaving      am  100       2.0        0.2
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    if isinstance(discount_per_period, bool) or not 0 <= discount_per_period < np.inf:
        raise ArgumentError(
            f"discount_per_period={discount_per_period!r} is out of range; give 0 or more, such as 0.01."
        )
    square = _square(moves)
    names = [str(name) for name in square.index]
    counts, shares = _shares(square)
    is_end = _ends(names, shares, leaving)
    brings = _rewards(names, reward)
    lost = absorbing.without_way_out(shares, is_end)
    if lost.any():
        stuck = [name for name, is_lost in zip(names, lost, strict=True) if is_lost]
        raise EstimationError(
            f"From {stuck[0]!r} no path leads to an end, so it lasts for ever; name the episodes of leaving, "
            "leaving=['leave'], or observe longer."
        )
    keep = ~is_end
    among, total = shares[np.ix_(keep, keep)], counts[keep]
    worth = 1 / (1 + discount_per_period)
    # An end pays once, when it is reached.
    payment = brings[keep] + worth * shares[np.ix_(keep, is_end)] @ brings[is_end]
    value = absorbing.fundamental(among, worth) @ payment
    periods = absorbing.fundamental(among) @ np.ones(len(among))
    whole = np.where(is_end, brings, 0.0)
    whole[keep] = value
    lasting = np.zeros(len(names))
    lasting[keep] = periods
    rows = [
        _rows("value", value, _error(shares, keep, total, worth, whole), total, conf_level),
        _rows("periods_to_leaving", periods, _error(shares, keep, total, 1.0, lasting), total, conf_level),
    ]
    stays = [name for name, is_kept in zip(names, keep, strict=True) if is_kept]
    table = pd.concat(rows, ignore_index=True).assign(episode=stays * 2)
    ends = [name for name in names if name not in stays]
    where = absorbing.fundamental(among) @ shares[np.ix_(keep, is_end)]
    return Estimates(
        table=table,
        estimand="Value still to come from a customer who begins a period in this episode, and periods "
        "until leaving",
        method="Absorbing Markov chain (Pfeifer & Carraway 2000, doi:10.1002/(SICI)1520-6653(200021)14:2"
        "<43::AID-DIR4>3.0.CO;2-H), delta-method interval",
        assumptions=(
            "Where a customer goes next depends on the episode alone, not on how they came there.",
            "Moves and rewards stay as they were while the moves were counted.",
            "The rewards are known numbers; their own uncertainty is not in the interval.",
        ),
        conf_level=conf_level,
        details={
            "visits": pd.DataFrame(absorbing.fundamental(among), index=stays, columns=stays),
            "ends": pd.DataFrame(where, index=stays, columns=ends),
        },
    )


def _square(moves: Any) -> pd.DataFrame:
    if isinstance(moves, Estimates):
        if "counts" not in moves.details:
            raise ArgumentError(
                "These transitions are split by groups; leave out by=, cohort= and calendar=."
            )
        moves = moves.details["counts"]
    if not isinstance(moves, pd.DataFrame):
        raise TableError(
            f"moves must be a square table of counts or probabilities; received {type(moves).__name__}."
        )
    if set(moves.index) != set(moves.columns) or not moves.index.is_unique or not len(moves):
        raise TableError("moves must have the same names, each once, on rows and columns.")
    return moves[list(moves.index)]


def _shares(square: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the number of moves from each episode (NaN where unknown) and the probabilities."""
    try:
        values = square.to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise TableError("moves must hold numbers: counts of moves, or probabilities.") from None
    if not np.isfinite(values).all() or (values < 0).any():
        raise DataError(
            "moves holds a number that is missing, infinite or negative; give counts of zero or more."
        )
    total = values.sum(axis=1)
    if np.allclose(total[total > 0], 1, atol=1e-8) and (values != np.round(values)).any():
        return np.full(len(values), np.nan), values
    if (values != np.round(values)).any() and (total <= 1 + 1e-8).all():
        at = int(np.argmax(np.abs(total - 1)))
        raise DataError(
            f"The probabilities from {square.index[at]!r} add up to {total[at]:.4g}; they must add up to 1."
        )
    shares = np.divide(values, total[:, None], out=np.zeros_like(values), where=total[:, None] > 0)
    if (total <= 1).all():
        return np.full(len(values), np.nan), shares
    return total, shares


def _ends(names: Sequence[str], shares: Floats, leaving: Sequence[str] | None) -> Any:
    if leaving is None:
        is_end = (np.diag(shares) >= 1 - 1e-12) | (shares.sum(axis=1) == 0)
        if not is_end.any():
            raise EstimationError(
                "Every episode is left again, so nothing ends; name those of leaving, leaving=['leave']."
            )
        return is_end
    ends = _arguments.names(leaving, name="leaving")
    for name in ends:
        _arguments.choice(name, names, name="leaving")
    if not ends or len(ends) == len(names):
        raise ArgumentError(f"leaving={ends!r} must name some of the episodes, not none or all of them.")
    return np.array([name in ends for name in names])


def _rewards(names: Sequence[str], reward: Mapping[str, float]) -> Floats:
    if not isinstance(reward, Mapping):
        raise ArgumentError(f"reward={reward!r} must be a mapping of episode to number: {{'am': 14.9}}.")
    for name in reward:
        _arguments.choice(name, names, name="reward")
    given = np.array([reward.get(name, 0.0) for name in names], dtype=float)
    if not np.isfinite(given).all():
        raise DataError("reward holds a number that is missing or infinite; give one for each episode.")
    return given


def _error(shares: Floats, keep: Any, total: Floats, worth: float, value: Floats) -> Floats:
    """Return the delta-method error of what `value` is, from the multinomial scatter of each row."""
    spread = shares[keep] @ value**2 - (shares[keep] @ value) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        scatter = np.maximum(spread, 0) / total
    weights = absorbing.fundamental(shares[np.ix_(keep, keep)], worth)
    return np.asarray(np.sqrt(worth**2 * (weights**2) @ scatter))


def _rows(term: str, estimate: Floats, error: Floats, total: Floats, conf_level: float) -> pd.DataFrame:
    z = intervals.z_value(conf_level)
    is_time = term == "periods_to_leaving"
    half = np.exp(z * error / estimate) if is_time else z * error
    is_known = np.isfinite(total).all()
    return pd.DataFrame(
        {
            "term": term,
            "n": pd.Series(total).astype("Int64"),
            "estimate": estimate,
            "std_error": error,
            "conf_low": estimate / half if is_time else estimate - half,
            "conf_high": estimate * half if is_time else estimate + half,
            "unit": "periods" if is_time else "reward",
            "note": "" if is_known else "probabilities given: no interval",
        }
    )
