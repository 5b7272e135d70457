"""Episodes → how many customers were in which one between which snapshots, and where they went next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from cxmeasure._frames import Kind, Lazy, adopt, as_number, collect, opened, refuse_if_empty
from cxmeasure.errors import DataError
from cxmeasure.lifecycle.reduce.calendar import (
    begun,
    day_number,
    days_of,
    midnight,
    snapshot_days,
    whole,
    with_day,
    with_period,
)

GONE: Final = ""
_OPEN: Final = 10**7
_FAR: Final = date(2200, 1, 1)


@dataclass(frozen=True, slots=True)
class Spells:
    """What `tally_spells` is told: columns, snapshots, and what splits the customers."""

    customer_column: str
    episode_column: str
    start_column: str
    end_column: str
    by: Sequence[str]
    every: str | Sequence[int]
    cohort: str
    observed_until: date | None
    name: str = "episodes"

    @property
    def keys(self) -> list[str]:
        """Return the inside names of the columns of `by`, and the cohort where there is one."""
        return [f"by_{i}" for i in range(len(self.by))] + (["cohort"] if self.cohort != "all" else [])


def tally_spells(episodes: Any, spells: Spells) -> tuple[pd.DataFrame, int]:
    """Return counts of equal spells, and the day number of the last snapshot.

    One row a group × episode × ``start`` (first snapshot in it) × ``end`` (first snapshot no longer in
    it, or after the last) × ``next`` (the episode at ``end``, empty where there is none) with its ``n``.

    Raises
    ------
    DataError
        If there is no row, a customer, episode or start is missing, an end lies before its start, or
        two episodes of a customer overlap.
    """
    frame, names = adopted(episodes, spells)
    frame = _in_days(frame, names)
    frame = frame.with_columns(reach=nw.col("to").shift(1).over("customer", order_by=["from", "to"]))
    frame, sums, tops = _with_flags(frame, names, midnight(_FAR))
    frame = with_period(with_period(frame, "from", "start", spells.every), "to", "end", spells.every)
    frame = frame.with_columns(is_seen=as_number(nw.col("start") < nw.col("end")))
    frame = _with_cohort(_with_next(frame), spells.cohort)
    keys = [*spells.keys, "episode", "start", "end", "next"]
    group = frame.group_by(*keys, "is_seen")
    # Counted and checked in one query: a lazy table may stand for a whole log.
    tally = collect(group.agg(*(nw.col(x).sum() for x in sums), *(nw.col(x).max() for x in tops)))
    for name in tops:
        tally[name] = days_of(tally[name])
    last = _refused(tally[sums].sum(), tally[tops].max(), spells)
    for name in ("start", "end"):
        tally[name] = snapshot_days(tally[name], spells.every)
    tally = tally[(tally["is_seen"] == 1) & (tally["start"] <= last)].rename(columns={"rows": "n"})
    tally["next"] = tally["next"].where(tally["end"] <= last, GONE).fillna(GONE)
    tally["end"] = tally["end"].clip(upper=last + 1)
    tally[["start", "end", "n"]] = tally[["start", "end", "n"]].astype("int64")
    return tally.groupby(keys, dropna=False)["n"].sum().reset_index(), last


def _in_days(frame: Lazy, names: Sequence[str]) -> Lazy:
    """Add ``from`` and ``to`` at 0:00 of their days; of what has no end a far one."""
    whole = {"from": "start", "to": "end"} | ({"until_day": "until"} if "until" in names else {})
    at = {into: begun(nw.col(name).cast(nw.Datetime("us")), "1d") for into, name in whole.items()}
    return frame.with_columns(**at).with_columns(nw.col("to").fill_null(midnight(_FAR)))


def _with_next(frame: Lazy) -> Lazy:
    """Add the episode that begins at the snapshot at which one ends; what no snapshot sees is passed over."""
    over: dict[str, Any] = {"order_by": "start"}
    frame = frame.with_columns(
        next=nw.col("episode").shift(-1).over("customer", "is_seen", **over),
        then=nw.col("start").shift(-1).over("customer", "is_seen", **over),
    )
    follows = nw.col("then") == nw.col("end")
    return frame.with_columns(next=nw.when(follows).then(nw.col("next")).otherwise(nw.lit(GONE)))


def adopted(episodes: Any, spells: Spells) -> tuple[Lazy, list[str]]:
    """Return the episodes with the columns of their roles, and which optional ones are there."""
    roles: dict[str, tuple[str, Kind]] = {
        "customer": (spells.customer_column, "key"),
        "episode": (spells.episode_column, "text"),
        "start": (spells.start_column, "time"),
        "end": (spells.end_column, "time"),
    }
    roles |= {f"by_{i}": (column, "any") for i, column in enumerate(spells.by)}
    known = list(opened(episodes, name=spells.name).collect_schema())
    optional: dict[str, tuple[str, Kind]] = {
        "until": ("observed_until", "time"),
        "is_start_known": ("is_start_known", "flag"),
    }
    roles |= {role: needs for role, needs in optional.items() if needs[0] in known}
    frame = adopt(episodes, roles, name=spells.name)
    return frame, [role for role in optional if role in roles]


def checked(frame: Lazy, spells: Spells, names: Sequence[str]) -> int:
    """Return the last snapshot of the observation; refuse rows that cannot be episodes."""
    if "until" in names:
        frame = with_day(frame, "until", "until_day")
    seen, sums, tops = _with_flags(frame, names, nw.lit(_OPEN))
    row = collect(seen.select(*(nw.col(x).sum() for x in sums), *(nw.col(x).max() for x in tops))).iloc[0]
    return _refused(row[sums], row[tops], spells)


def _with_flags(frame: Lazy, names: Sequence[str], far: nw.Expr) -> tuple[Lazy, list[str], list[str]]:
    """Add what is wrong with each row as 0 or 1, and the last days it knows of; return their names."""
    flags = {
        "n_nobody": nw.col("customer").is_null(),
        "n_nowhere": nw.col("episode").is_null(),
        "n_no_start": nw.col("from").is_null(),
        "n_backwards": nw.col("to") < nw.col("from"),
        "n_overlap": nw.col("from") < nw.col("reach"),
    }
    frame = frame.with_columns(
        rows=nw.lit(1),
        began=nw.col("from"),
        ended=nw.when(nw.col("to") < far).then(nw.col("to")),
        **{name: as_number(flag.fill_null(False)) for name, flag in flags.items()},
    )
    tops = ["began", "ended", *(["until_day"] if "until" in names else [])]
    return frame, ["rows", *flags], tops


def _refused(counts: "pd.Series[Any]", tops: "pd.Series[Any]", spells: Spells) -> int:
    n_rows = 0 if pd.isna(counts["rows"]) else int(counts["rows"])
    refuse_if_empty(n_rows, name=spells.name)
    complaints = {
        "n_nobody": f"have no {spells.customer_column!r}; each needs its customer.",
        "n_nowhere": f"have no {spells.episode_column!r}; say which episode it was.",
        "n_no_start": f"have no {spells.start_column!r}; give the first day in it.",
        "n_backwards": f"end before they start ({spells.end_column!r} before {spells.start_column!r}); "
        "correct them or leave them out.",
        "n_overlap": "start before the customer's last one ended; a customer is in one at a time.",
    }
    for name, complaint in complaints.items():
        if counts[name]:
            raise DataError(f"{int(counts[name]):,} of the {n_rows:,} {spells.name} {complaint}")
    if spells.observed_until is not None:
        return day_number(spells.observed_until)
    known = tops.astype(float).to_numpy()
    return int(known[-1] if "until_day" in tops.index and not np.isnan(known[-1]) else np.nanmax(known))


def _with_cohort(frame: Lazy, cohort: str) -> Lazy:
    if cohort == "all":
        return frame
    frame = frame.with_columns(first=nw.col("from").min().over("customer"))
    first = nw.col("first").dt
    year, month = first.year().cast(nw.Int64), first.month().cast(nw.Int64)
    number = {
        "month": year * 100 + month,
        "quarter": year * 100 + whole(month + 2, 3),
        "year": year,
    }[cohort]
    return frame.with_columns(cohort=number)
