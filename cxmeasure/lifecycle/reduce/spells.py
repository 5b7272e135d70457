"""Episodes → how many customers were in which one between which snapshots, and where they went next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from cxmeasure._frames import Kind, Lazy, adopt, collect, refuse_if_empty
from cxmeasure.errors import DataError
from cxmeasure.lifecycle.reduce.calendar import day_number, with_civil, with_day, with_snapshot

GONE: Final = ""
_OPEN: Final = 10**7


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
    frame = with_day(with_day(frame, "start", "from"), "end", "to")
    order: dict[str, Any] = {"order_by": ["from", "to"]}
    frame = frame.with_columns(to=nw.col("to").fill_null(_OPEN))
    frame = frame.with_columns(reach=nw.col("to").shift(1).over("customer", **order))
    frame = frame.with_columns(first=nw.col("from").min().over("customer"))
    last = checked(frame, spells, names)
    frame = with_snapshot(with_snapshot(frame, "from", "start", spells.every), "to", "end", spells.every)
    frame = frame.with_columns(end=nw.min_horizontal("end", nw.lit(last + 1)))
    frame = frame.filter(nw.col("start") < nw.col("end"))
    over: dict[str, Any] = {"order_by": "start"}
    frame = frame.with_columns(
        next=nw.col("episode").shift(-1).over("customer", **over),
        then=nw.col("start").shift(-1).over("customer", **over),
    )
    frame = frame.with_columns(
        next=nw.when(nw.col("then") == nw.col("end")).then(nw.col("next")).otherwise(nw.lit(GONE))
    )
    frame = _with_cohort(frame, spells.cohort)
    keys = [*spells.keys, "episode", "start", "end", "next"]
    tally = collect(frame.group_by(*keys).agg(n=nw.len()))
    tally["next"] = tally["next"].fillna(GONE)
    tally[["start", "end", "n"]] = tally[["start", "end", "n"]].astype("int64")
    return tally.sort_values(keys, kind="stable", ignore_index=True), last


def adopted(episodes: Any, spells: Spells) -> tuple[Lazy, list[str]]:
    """Return the episodes with the columns of their roles, and which optional ones are there."""
    roles: dict[str, tuple[str, Kind]] = {
        "customer": (spells.customer_column, "key"),
        "episode": (spells.episode_column, "text"),
        "start": (spells.start_column, "time"),
        "end": (spells.end_column, "time"),
    }
    roles |= {f"by_{i}": (column, "any") for i, column in enumerate(spells.by)}
    known = _columns(episodes)
    optional: dict[str, tuple[str, Kind]] = {
        "until": ("observed_until", "time"),
        "is_start_known": ("is_start_known", "flag"),
    }
    roles |= {role: needs for role, needs in optional.items() if needs[0] in known}
    frame = adopt(episodes, roles, name=spells.name)
    return frame, [role for role in optional if role in roles]


def _columns(episodes: Any) -> list[str]:
    if isinstance(episodes, str):
        return _of_files(episodes)
    try:
        return list(nw.from_native(episodes).collect_schema())
    except (TypeError, ValueError, nw.exceptions.NarwhalsError):
        return []


def _of_files(path: str) -> list[str]:
    import duckdb

    try:
        return list(nw.scan_parquet(path, backend="duckdb").collect_schema())
    except duckdb.Error:
        return []


def checked(frame: Lazy, spells: Spells, names: Sequence[str]) -> int:
    """Return the last snapshot of the observation; refuse rows that cannot be episodes."""
    flags = {
        "n_nobody": nw.col("customer").is_null(),
        "n_nowhere": nw.col("episode").is_null(),
        "n_no_start": nw.col("from").is_null(),
        "n_backwards": nw.col("to") < nw.col("from"),
        "n_overlap": nw.col("from") < nw.col("reach"),
    }
    seen = frame.with_columns(
        rows=nw.lit(1),
        ended=nw.when(nw.col("to") < _OPEN).then(nw.col("to")),
        **{name: flag.fill_null(False).cast(nw.Int64) for name, flag in flags.items()},
    )
    if "until" in names:
        seen = with_day(seen, "until", "until_day")
    tops = ["from", "ended", *(["until_day"] if "until" in names else [])]
    sums = [nw.col(name).sum() for name in ("rows", *flags)]
    row = collect(seen.select(*sums, *(nw.col(name).max() for name in tops))).iloc[0]
    refuse_if_empty(0 if pd.isna(row["rows"]) else int(row["rows"]), name=spells.name)
    complaints = {
        "n_nobody": f"have no {spells.customer_column!r}; each needs its customer.",
        "n_nowhere": f"have no {spells.episode_column!r}; say which episode it was.",
        "n_no_start": f"have no {spells.start_column!r}; give the first day in it.",
        "n_backwards": f"end before they start ({spells.end_column!r} before {spells.start_column!r}); "
        "correct them or leave them out.",
        "n_overlap": "start before the customer's last one ended; a customer is in one at a time.",
    }
    for name, complaint in complaints.items():
        if row[name]:
            raise DataError(f"{int(row[name]):,} of the {int(row['rows']):,} {spells.name} {complaint}")
    if spells.observed_until is not None:
        return day_number(spells.observed_until)
    known = [float(row[name]) for name in tops]
    return int(known[-1] if "until" in names and not np.isnan(known[-1]) else np.nanmax(known))


def _with_cohort(frame: Lazy, cohort: str) -> Lazy:
    if cohort == "all":
        return frame
    frame = with_civil(frame, "first", "first_")
    year, month = nw.col("first_year"), nw.col("first_month")
    number = {
        "month": year * 100 + month,
        "quarter": year * 100 + (month + 2) // 3,
        "year": year,
    }[cohort]
    return frame.with_columns(cohort=number)
