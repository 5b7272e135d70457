"""Stays and episodes → counts by the time at which they come under observation, and go or move on."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import narwhals.stable.v2 as nw
import pandas as pd

from cxmeasure._frames import Lazy, as_number, collect
from cxmeasure.lifecycle.reduce.calendar import day_number, whole, with_civil, with_day, with_snapshot
from cxmeasure.lifecycle.reduce.spells import Spells, adopted, checked

NOWHERE: Final = ""
UNSEEN: Final = "(not seen)"
_OPEN: Final = 10**7
_DAYS: Final = {"day": 1, "week": 7, "month": 30.436875}


@dataclass(frozen=True, slots=True)
class Times:
    """What `tally_times` is told.

    Attributes
    ----------
    spells : Spells
        Columns, groups, the unit of time, and the end of the observation.
    is_tenure : bool
        Whether time runs from the customer's first start, not from each start.
    is_snapshot : bool
        Whether starts and ends are snapshots, of which calendar periods are counted, not plain days.
    observed_from : date, optional
        Before this day nothing was recorded but that they were there: they enter late.
    """

    spells: Spells
    is_tenure: bool
    is_snapshot: bool
    observed_from: date | None
    is_reason: bool = False
    """Whether the column of episodes holds why a stay ended; a missing one is a reason of its own."""


NO_REASON: Final = "(none given)"
THERE: Final = "(still there)"


def tally_times(rows: Any, times: Times) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return counts of equal times, and how many rows could not be used.

    One row a group × ``state`` × ``entry`` × ``exit`` × ``next`` with its ``n``: in the state, under
    observation after ``entry`` periods, until ``exit``, then ``next``: empty when no longer observed,
    ``(not seen)`` when over but followed by nothing.
    """
    frame, names = adopted(rows, times.spells)
    frame = with_day(with_day(frame, "start", "from"), "end", "to")
    if times.is_reason:
        frame = frame.with_columns(nw.col("episode").fill_null(NO_REASON))
    frame = frame.with_columns(to=nw.col("to").fill_null(_OPEN))
    order: dict[str, Any] = {"order_by": ["from", "to"]}
    frame = frame.with_columns(
        reach=nw.col("to").shift(1).over("customer", **order),
        is_vague=1 - nw.col("is_start_known") if "is_start_known" in names else nw.lit(0),
    )
    last = checked(frame, times.spells, names)
    if times.is_snapshot:
        # What no snapshot sees is no state to be in.
        for column in ("from", "to"):
            frame = with_snapshot(frame, column, column, times.spells.every)
        frame = frame.filter(nw.col("from") < nw.col("to"))
    frame = _with_next(frame, times)
    frame = _in_periods(frame, times, last)
    if times.is_reason:
        frame = frame.with_columns(episode=nw.lit(THERE))
    is_seen = nw.col("exit") > nw.col("entry")
    frame = frame.with_columns(
        fate=nw.when(nw.col("is_vague") == 1)
        .then(nw.lit(2))
        .when(is_seen)
        .then(nw.lit(0))
        .otherwise(nw.lit(1)),
        next=nw.when(nw.col("is_over") == 1).then(nw.col("next")).otherwise(nw.lit(NOWHERE)),
    )
    keys = [f"by_{i}" for i in range(len(times.spells.by))]
    group = [*keys, "episode", "entry", "exit", "next", "fate"]
    tally = collect(frame.group_by(*group).agg(n=nw.len()))
    numbers = ["entry", "exit", "fate", "n"]
    tally[numbers] = tally[numbers].astype("int64")
    tally["next"] = tally["next"].fillna(NOWHERE)
    dropped = {
        "n_rows": int(tally["n"].sum()),
        "n_unknown_start": int(tally.loc[tally["fate"] == 2, "n"].sum()),
        "n_never_at_risk": int(tally.loc[tally["fate"] == 1, "n"].sum()),
    }
    tally = tally[tally["fate"] == 0].drop(columns="fate").rename(columns={"episode": "state"})
    sort = [*keys, "state", "entry", "exit", "next"]
    return tally.sort_values(sort, kind="stable", ignore_index=True), dropped


def _with_next(frame: Lazy, times: Times) -> Lazy:
    """Add where each row leads, and the day from which its time runs."""
    if times.is_reason:
        return frame.with_columns(next=nw.col("episode"), origin=nw.col("from"))
    order: dict[str, Any] = {"order_by": "from"}
    frame = frame.with_columns(
        next=nw.col("episode").shift(-1).over("customer", **order),
        then=nw.col("from").shift(-1).over("customer", **order),
        origin=nw.col("from").min().over("customer") if times.is_tenure else nw.col("from"),
    )
    if times.is_tenure:
        frame = frame.with_columns(nw.col("is_vague").max().over("customer"))
    follows = nw.col("then") == nw.col("to")
    return frame.with_columns(next=nw.when(follows).then(nw.col("next")).otherwise(nw.lit(UNSEEN)))


def _in_periods(frame: Lazy, times: Times, last: int) -> Lazy:
    """Add ``entry`` and ``exit`` in whole periods since the origin, and whether the stay was over then."""
    seen = day_number(times.observed_from) if times.observed_from is not None else -_OPEN
    frame = frame.with_columns(
        late=nw.max_horizontal("from", nw.lit(seen)),
        away=nw.min_horizontal("to", nw.lit(last)),
        is_over=as_number(nw.col("to") <= last),
    )
    every = str(times.spells.every)
    if times.is_snapshot:
        for column in ("origin", "late", "away"):
            frame = _with_index(frame, column, every)
        return frame.with_columns(
            entry=nw.col("late_index") - nw.col("origin_index"),
            exit=nw.col("away_index") - nw.col("origin_index"),
        )
    # In thousandths of a day, so that a mean month divides alike on every engine.
    length = round(_DAYS[every] * 1000)
    before = (nw.col("late") - nw.col("origin")) * 1000
    stayed = (nw.col("away") - nw.col("origin")) * 1000
    return frame.with_columns(
        # An end on the first day of the observation is seen, so the period began the day before.
        entry=whole(nw.max_horizontal(before - 1000, nw.lit(0)) + length - 1, length),
        exit=nw.when(nw.col("is_over") == 1)
        .then(nw.max_horizontal(whole(stayed + length - 1, length), nw.lit(1)))
        .otherwise(whole(stayed, length)),
    )


def _with_index(frame: Lazy, column: str, every: str) -> Lazy:
    if every == "day":
        return frame.with_columns(nw.col(column).alias(f"{column}_index"))
    if every == "week":
        return frame.with_columns(whole(nw.col(column) + 3, 7).alias(f"{column}_index"))
    frame = with_civil(frame, column, f"{column}_")
    index = nw.col(f"{column}_year") * 12 + nw.col(f"{column}_month")
    return frame.with_columns(index.alias(f"{column}_index"))


def states_of(*names: "pd.Series[str]") -> list[str]:
    """Return the states that customers are or go to, in order."""
    return sorted({str(name) for series in names for name in series} - {NOWHERE, UNSEEN})
