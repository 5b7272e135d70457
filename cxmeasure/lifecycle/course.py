"""Counts by time, as arrays, for curves of where customers are, how long they stay, and why they go."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import EstimationError
from cxmeasure.lifecycle import counting
from cxmeasure.lifecycle.calendar_days import EVERY, day_of
from cxmeasure.lifecycle.counting import Counts
from cxmeasure.lifecycle.opening import groups_of, spells_asked
from cxmeasure.lifecycle.reduce import THERE, UNSEEN, Times, states_of, tally_times

LATE: Final = "Those already there when the observation began go on like others of their tenure."
ALIKE: Final = "Who is no longer observed would have gone on like those who are."
_OWN = ("episode", "reason", "period", "n_at_risk", "n_left", "n_here")
_TOO_FEW = 10


@dataclass(frozen=True, slots=True)
class Course:
    """Counts of equal times as numbers, with the names behind them."""

    groups: pd.DataFrame
    states: list[str]
    at_risk: Counts
    moves: Counts
    begins: Counts
    dropped: dict[str, int]
    is_late: bool


def opened(
    rows: Any,
    columns: tuple[str, str, str, str],
    by: Sequence[str],
    every: str,
    observed_from: date | str | None,
    observed_until: date | str | None,
    *,
    is_tenure: bool,
    conf_level: float,
    is_reason: bool = False,
) -> Course:
    """Return the counts of `rows` by time, from the arguments of a function.

    Raises
    ------
    EstimationError
        If nothing was observed for a whole period, or nobody from the start.
    """
    spells = spells_asked(
        columns,
        by,
        _arguments.choice(every, EVERY, name="every"),
        observed_until,
        own=_OWN,
        name="stays" if is_reason else "episodes",
    )
    since = day_of(observed_from, name="observed_from")
    times = Times(spells, is_tenure, not is_reason, since, is_reason)
    _arguments.share(conf_level, name="conf_level")
    return _counted(rows, times)


def _counted(rows: Any, times: Times) -> Course:
    tally, dropped = tally_times(rows, times)
    if tally.empty:
        raise EstimationError(
            f"None of the {dropped['n_rows']:,} {times.spells.name} was observed for one whole "
            f"{times.spells.every} from a known start; observe longer, or give a shorter every=."
        )
    states = states_of(tally["state"], tally["next"])
    if times.is_reason:
        states = [THERE, *(name for name in states if name != THERE)]
    place = {name: at for at, name in enumerate(states)}
    groups, group_at = groups_of(tally, times.spells)
    n = tally["n"].to_numpy()
    state = tally["state"].map(place).to_numpy().astype(np.int64)
    target = tally["next"].map(place).fillna(-1).to_numpy().astype(np.int64)
    entry, leave = tally["entry"].to_numpy(), tally["exit"].to_numpy()
    if not times.is_tenure:
        # Where an episode leads does not matter to how long it lasted.
        target[(tally["next"] == UNSEEN).to_numpy()] = 0
    shape = (len(groups), len(states))
    at_risk, moves = counting.at_risk_and_moves(group_at, state, entry, leave, target, n, shape)
    begins = np.zeros(shape, dtype=np.int64)
    if times.is_tenure:
        np.add.at(begins, (group_at[entry == 0], state[entry == 0]), n[entry == 0])
    else:
        np.add.at(begins, (group_at, state), n)
    if times.is_tenure and not begins.any():
        raise EstimationError(
            "Nobody was observed from the start, so no share can be followed from there; give an earlier "
            "observed_from=."
        )
    return Course(groups, states, at_risk, moves, begins, dropped, times.observed_from is not None)


def filled(
    table: pd.DataFrame, share: Floats, variance: Floats, at_risk: Counts, conf_level: float
) -> pd.DataFrame:
    """Add the shares with their errors and intervals."""
    low, high = counting.limits(share, variance, at_risk.astype(float), conf_level)
    return table.assign(
        estimate=share,
        std_error=np.sqrt(np.maximum(variance, 0)),
        conf_low=low,
        conf_high=high,
        unit="share",
        note=np.where(at_risk < _TOO_FEW, f"fewer than {_TOO_FEW} at risk", ""),
    )
