"""An event log and a rule table → one row an episode, in the caller's engine.

What the rules name is filtered out of the log and becomes a row a customer and snapshot; `plan` goes on
from there.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from cxmeasure._arguments import closest
from cxmeasure._frames import Lazy, adopt, as_number, collect, how_many, listed, refuse_if_empty
from cxmeasure.errors import DataError, TableError
from cxmeasure.lifecycle.reduce.calendar import begun, day_number, with_snapshot_of
from cxmeasure.lifecycle.reduce.plan import Log, episodes_of, needs
from cxmeasure.lifecycle.reduce.rules import END, Rules


def episode_rows(events: Any, log: Log) -> Lazy:
    """Return one row an episode; the docstring of `assign_episodes` says which columns.

    Raises
    ------
    TableError
        If a column is missing, or the log never holds an event that the rules speak of.
    DataError
        If there is no row, a customer, time or event is missing, a time lies after the end, or two
        contracts of a customer overlap.
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
    _refuse_overlap(frame, log)
    return episodes_of(_by_snapshot(frame, log), log, last)


def _checked(frame: Lazy, log: Log) -> int:
    """Return the day number of the last snapshot; refuse what cannot be read."""
    flags = {f"has_{i}": _is_word(log, word) for i, word in enumerate(log.words)}
    seen = frame.with_columns(
        rows=nw.lit(1),
        n_nobody=as_number(nw.col("customer").is_null()),
        n_no_time=as_number(nw.col("at").is_null()),
        n_no_event=as_number(nw.col("event").is_null()),
        **{name: as_number(flag.fill_null(False)) for name, flag in flags.items()},
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


def _refuse_overlap(frame: Lazy, log: Log) -> None:
    """Refuse a start while the contract before it has no end; an end and a start at once are a change."""
    knows_ends = log.rules.has_contracts and log.words["start"] and log.words["end"]
    if log.contracts_may_overlap or not knows_ends:
        return
    starts = frame.filter(_is_word(log, "start")).group_by("customer").agg(n=nw.len())
    # Of one start a customer none can overlap: then the ends need not be read.
    if not (collect(starts.select(nw.col("n").max()))["n"] > 1).any():
        return
    rows = frame.with_columns(starts=_is_word(log, "start"), ends=_is_word(log, "end"))
    rows = rows.filter(nw.col("starts") | nw.col("ends"))
    rows = rows.with_columns(as_number(nw.col("starts")), as_number(nw.col("ends")))
    rows = rows.group_by("customer", "at").agg(nw.col("starts").max(), nw.col("ends").max())
    rows = rows.with_columns(begins=nw.col("starts") - nw.col("ends"))
    over: dict[str, Any] = {"order_by": "at"}
    rows = rows.with_columns(
        before=nw.col("at").shift(1).over("customer", **over),
        began=nw.col("begins").shift(1).over("customer", **over),
    )
    found = rows.filter((nw.col("begins") == 1) & (nw.col("began") == 1)).select("customer", "before", "at")
    first = collect(found.sort("customer", "at").head(1))
    if first.empty:
        return
    n_customers = how_many(found, "customer")
    who = first["customer"].tolist()[0]
    before, at = (pd.Timestamp(first[name].iloc[0]).date().isoformat() for name in ("before", "at"))
    raise DataError(
        f"Customer {who!r} starts a contract on {at} while that of {before} has not ended; "
        f"{n_customers:,} customer{'s do' if n_customers > 1 else ' does'} so. Merge contracts that overlap "
        "into one, add the missing ends, or give contracts_may_overlap=True: then each start begins anew."
    )


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
    """Return one row a customer and snapshot with events that matter: how many of each word, and when.

    What no rule names matters only where it is a customer's first, so the rest is left out first.
    """
    counted, dated, first = needs(log.rules)
    words = list(dict.fromkeys([*counted, *dated, *first]))
    frame = _moments(frame.with_columns(at=nw.col("at").cast(nw.Datetime("us"))), words, log)
    place = {word: i for i, word in enumerate(words)}
    when = {word: nw.when(nw.col(f"is_{place[word]}") == 1).then(nw.col("at")) for word in words}
    frame = frame.with_columns(*(when[word].alias(f"at_{place[word]}") for word in words))
    # A month is told by its first day until few rows are left.
    is_month = log.every == "month"
    frame = (
        frame.with_columns(snapshot=begun(nw.col("at"), "1mo"))
        if is_month
        else with_snapshot_of(frame, "at", "snapshot", log.every)
    )
    rows = frame.group_by("customer", "snapshot").agg(
        *(nw.col(f"is_{place[w]}").sum().alias(f"n_{w}") for w in counted),
        *(nw.col(f"at_{place[w]}").max().alias(f"last_{w}") for w in dated),
        *(nw.col(f"at_{place[w]}").min().alias(f"first_{w}") for w in first),
        nw.col("begins").max(),
        nw.col("at").min(),
    )
    rows = with_snapshot_of(rows, "snapshot", "snapshot", log.every) if is_month else rows
    counts = [nw.col(f"n_{w}").cast(nw.Int64) for w in counted]
    return rows.with_columns(*counts) if counts else rows


def _moments(frame: Lazy, words: Sequence[str], log: Log) -> Lazy:
    """Return the events that the rules name, each customer's first beside them, with a flag a word."""
    begins = [_is_word(log, word) for word in log.rules.begins_with]
    flags = {f"is_{i}": _is_word(log, word) for i, word in enumerate(words)}
    flags["begins"] = nw.any_horizontal(*begins, ignore_nulls=True) if begins else nw.lit(True)
    named = dict.fromkeys(own for word in [*words, *log.rules.begins_with] for own in log.words[word])
    rows = frame.filter(nw.col("event").is_in(list(named) or [""])).with_columns(**flags)
    rows = rows.select("customer", "at", *(as_number(nw.col(name)) for name in flags))
    if any(_is_counted_on(log.rules, word) for word in words):
        # The same event twice counts once.
        rows = rows.group_by("customer", "at").agg(*(nw.col(name).max() for name in flags))
    none = {name: nw.lit(0 if begins or name != "begins" else 1).cast(nw.Int64) for name in flags}
    seen = frame.group_by("customer").agg(nw.col("at").min()).with_columns(**none)
    return nw.concat([rows, seen.select("customer", "at", *flags)])


def _is_counted_on(rules: Rules, word: str) -> bool:
    """Say whether some rule tells two of these events from one."""
    return any(
        measure.kind == "rhythms" or any(isinstance(end, int) and 1 < end < END for end in rule.conditions[i])
        for i, measure in enumerate(rules.measures)
        for rule in rules.rules
        if word in measure.words and measure.kind in ("count", "since", "rhythms")
    )
