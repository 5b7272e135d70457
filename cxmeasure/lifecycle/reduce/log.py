"""An event log and a rule table → one row an episode, in the caller's engine.

One pass over the log makes a row a customer and snapshot with an event; `plan` goes on from there.
"""

from datetime import date
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from cxmeasure._arguments import closest
from cxmeasure._frames import Lazy, adopt, collect, listed, refuse_if_empty
from cxmeasure.errors import DataError, TableError
from cxmeasure.lifecycle.reduce.calendar import day_number, with_day, with_snapshot
from cxmeasure.lifecycle.reduce.plan import SECONDS_A_DAY, Log, episodes_of, needs
from cxmeasure.lifecycle.reduce.rules import END, Rules


def episode_rows(events: Any, log: Log) -> Lazy:
    """Return one row an episode; the docstring of `assign_episodes` says which columns.

    Raises
    ------
    TableError
        If a column is missing, or the log never holds an event that the rules speak of.
    DataError
        If there is no row, a customer, time or event is missing, or a time lies after the end.
    """
    frame = adopt(
        events,
        {
            "customer": (log.customer_column, "key"),
            "at": (log.time_column, "time"),
            "event": (log.event_column, "text"),
        },
        name="events",
    )
    last = _checked(frame, log)
    return episodes_of(_by_snapshot(frame, log), log, last)


def _checked(frame: Lazy, log: Log) -> int:
    """Return the day number of the last snapshot; refuse what cannot be read."""
    flags = {f"has_{i}": _is_word(log, word) for i, word in enumerate(log.words)}
    seen = frame.with_columns(
        rows=nw.lit(1),
        n_nobody=nw.col("customer").is_null().cast(nw.Int64),
        n_no_time=nw.col("at").is_null().cast(nw.Int64),
        n_no_event=nw.col("event").is_null().cast(nw.Int64),
        **{name: flag.fill_null(False).cast(nw.Int64) for name, flag in flags.items()},
    )
    sums = ["rows", "n_nobody", "n_no_time", "n_no_event"]
    totals = [*(nw.col(name).sum() for name in sums), *(nw.col(name).max() for name in flags)]
    row = collect(seen.select(*totals, nw.col("at").max())).iloc[0]
    refuse_if_empty(0 if pd.isna(row["rows"]) else int(row["rows"]), name="events")
    complaints = {
        "n_nobody": f"have no {log.customer_column!r}; every event needs its customer.",
        "n_no_time": f"have no {log.time_column!r}; without a time an event has no place in a life.",
        "n_no_event": f"have no {log.event_column!r}; say of each what it was.",
    }
    for name, complaint in complaints.items():
        if row[name]:
            raise DataError(f"{int(row[name]):,} of the {int(row['rows']):,} events {complaint}")
    absent = [word for i, word in enumerate(log.words) if not row[f"has_{i}"] and log.words[word]]
    if absent:
        raise TableError(_unknown_word(frame, absent[0], log))
    return _last_snapshot(pd.Timestamp(row["at"]).date(), log)


def _is_word(log: Log, word: str) -> nw.Expr:
    return nw.col("event").is_in(list(log.words[word]) or [""])


def _unknown_word(frame: Lazy, word: str, log: Log) -> str:
    known = sorted(collect(frame.select("event").unique())["event"].dropna().astype(str))
    own = list(log.words[word])
    said = f"words says {own[0]!r} for {word!r}" if own != [word] else f"The rules speak of {word!r}"
    return (
        f"{said}, which {log.event_column!r} never holds; it holds "
        f"{listed(known, most=8)}.{closest(own[0], known)} Name yours, words={{{word!r}: ['...']}}, or none, "
        f"words={{{word!r}: []}}."
    )


def _last_snapshot(latest: date, log: Log) -> int:
    until = log.observed_until
    if until is not None and latest > until:
        raise DataError(
            f"The latest event is of {latest.isoformat()}, after observed_until={until.isoformat()}; "
            "leave later events out."
        )
    if until is None and latest > date.today():  # noqa: DTZ011 - calendar days are compared
        raise DataError(
            f"The latest event is of {latest.isoformat()}, in the future; correct it or give observed_until=."
        )
    if not isinstance(log.every, str):
        end = day_number(until or latest)
        due = [day for day in log.every if day <= end]
        if not due:
            raise DataError(f"No snapshot of every= lies on or before {until or latest}; give earlier ones.")
        return due[-1]
    if until is None:
        return _snapshot_of(latest, log.every)
    # The last snapshot that the observation reached.
    return max(
        day for day in (_snapshot_of(until, log.every), _before(until, log.every)) if day <= day_number(until)
    )


def _snapshot_of(day: date, every: str) -> int:
    if every == "month":
        return day_number((pd.Timestamp(day) + pd.offsets.MonthEnd(0)).date())
    return day_number(day) if every == "day" else (day_number(day) + 3) // 7 * 7 + 3


def _before(day: date, every: str) -> int:
    if every == "month":
        return day_number((pd.Timestamp(day).replace(day=1) - pd.Timedelta(days=1)).date())
    return day_number(day) - 1 if every == "day" else (day_number(day) + 3) // 7 * 7 - 4


def _by_snapshot(frame: Lazy, log: Log) -> Lazy:
    """Return one row a customer and snapshot with events: how many of each word, and when."""
    counted, dated, first = needs(log.rules)
    words = dict.fromkeys([*counted, *dated, *first])
    is_begin = [_is_word(log, word) for word in log.rules.begins_with]
    frame = frame.with_columns(at=nw.col("at").cast(nw.Datetime("us")))
    frame = with_snapshot(with_day(frame, "at", "day"), "day", "snapshot", log.every)
    place = {word: i for i, word in enumerate(words)}
    frame = frame.with_columns(
        *(_is_word(log, word).alias(f"is_{place[word]}") for word in words),
        begins=nw.any_horizontal(*is_begin, ignore_nulls=True).cast(nw.Int64) if is_begin else nw.lit(1),
    )
    frame = frame.with_columns(
        *(nw.when(nw.col(f"is_{place[w]}")).then(nw.col("at")).alias(f"at_{place[w]}") for w in words)
    )
    # Counting different times is slow, and where only none or any matters no one needs it.
    several = [word for word in counted if _is_counted_on(log.rules, word)]
    sums = [nw.col(f"at_{place[w]}").n_unique().alias(f"u_{place[w]}") for w in several]
    filled = [nw.col(f"at_{place[w]}").count().alias(f"f_{place[w]}") for w in counted]
    lasts = [nw.col(f"at_{place[w]}").max().alias(f"last_{place[w]}") for w in dated]
    firsts = [nw.col(f"at_{place[w]}").min().alias(f"first_{place[w]}") for w in first]
    rows = frame.group_by("customer", "snapshot").agg(
        *sums, *filled, *lasts, *firsts, nw.col("begins").max(), nw.col("day").min(), n_rows=nw.len()
    )
    # The same event twice counts once: distinct times, less one for the missing among them.
    is_part = {w: nw.col(f"f_{place[w]}").cast(nw.Int64) < nw.col("n_rows").cast(nw.Int64) for w in several}
    distinct = [
        (nw.col(f"u_{place[w]}").cast(nw.Int64) - is_part[w].cast(nw.Int64)).alias(f"n_{w}") for w in several
    ]
    distinct += [nw.col(f"f_{place[w]}").cast(nw.Int64).alias(f"n_{w}") for w in counted if w not in several]
    rows = rows.with_columns(*distinct) if distinct else rows
    for word in dated:
        rows = _with_seconds(rows, f"last_{place[word]}", f"last_{word}")
    for word in first:
        rows = _with_seconds(rows, f"first_{place[word]}", f"first_{word}")
    kept = [f"n_{w}" for w in counted] + [f"last_{w}" for w in dated] + [f"first_{w}" for w in first]
    return rows.select("customer", "snapshot", "begins", "day", *kept)


def _with_seconds(frame: Lazy, column: str, into: str) -> Lazy:
    frame = with_day(frame, column, f"{into}_days")
    at = nw.col(column).dt
    parts = {"hour": at.hour(), "minute": at.minute(), "second": at.second()}
    frame = frame.with_columns(**{f"{into}_{name}": part.cast(nw.Int64) for name, part in parts.items()})
    hours, minutes = nw.col(f"{into}_hour") * 3600, nw.col(f"{into}_minute") * 60
    total = nw.col(f"{into}_days") * SECONDS_A_DAY + hours + minutes + nw.col(f"{into}_second")
    return frame.with_columns(total.alias(into))


def _is_counted_on(rules: Rules, word: str) -> bool:
    """Say whether some rule tells two of these events from one."""
    return any(
        measure.kind == "rhythms" or any(isinstance(end, int) and 1 < end < END for end in rule.conditions[i])
        for i, measure in enumerate(rules.measures)
        for rule in rules.rules
        if word in measure.words and measure.kind in ("count", "since", "rhythms")
    )
