"""From a row a customer and snapshot with events to a row an episode.

What the rules measure changes at such a row, and where a clock runs out before the next. Both are
candidates; those at which the episode is another one remain. Clocks become day numbers that cut the time
between two rows, so that no table of customers × snapshots is ever made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import narwhals.stable.v2 as nw

from cxmeasure._frames import Lazy, fenced
from cxmeasure.lifecycle.reduce.calendar import (
    days_later,
    midnight,
    whole,
    with_date,
    with_day,
    with_snapshot_of,
)
from cxmeasure.lifecycle.reduce.rules import END, NEVER, Measure, Rules

_LONG_AGO: Final = date(1000, 1, 1)
_LATE: Final = date(9000, 1, 1)
_EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Log:
    """What `episode_rows` is told: columns, rules, calendar."""

    customer_column: str
    time_column: str
    event_column: str
    rules: Rules
    words: Mapping[str, Sequence[str]]
    every: str | Sequence[int]
    known_from: date | None
    observed_until: date | None
    contracts_may_overlap: bool = False


def episodes_of(rows: Lazy, log: Log, last: int) -> Lazy:
    """Return one row an episode from one row a customer and snapshot; `last` is the last snapshot."""
    return _named(_changes(_facts(rows, log, last), log, last), log)


def needs(rules: Rules) -> tuple[list[str], list[str], list[str]]:
    """Return the words to count, to date by their last, and to date by their first."""
    counted: list[str] = []
    dated: list[str] = []
    first: list[str] = []
    for measure in rules.measures:
        if measure.kind in ("count", "since", "rhythms"):
            counted += measure.words
        if measure.kind in ("latest", "days", "rhythms"):
            dated += measure.words
        if measure.kind == "rhythms":
            first += measure.words
        if measure.origin:
            dated.append(measure.origin)
    return list(dict.fromkeys(counted)), list(dict.fromkeys(dated)), list(dict.fromkeys(first))


def _facts(rows: Lazy, log: Log, last: int) -> Lazy:
    """Add what the rules measure after each row's events, and the snapshots at which clocks run out."""
    end = date.fromordinal(last + _EPOCH)
    rows = rows.filter(nw.col("snapshot") <= midnight(end))
    counted, dated, first = needs(log.rules)
    over: dict[str, Any] = {"order_by": "snapshot"}
    rows = rows.with_columns(
        *(nw.col(f"last_{w}").fill_null(midnight(_LONG_AGO)).alias(f"latest_{w}") for w in dated),
        *(nw.col(f"first_{w}").fill_null(midnight(_LATE)).alias(f"earliest_{w}") for w in first),
    )
    # All of it in one window: engines sort anew for each.
    rows = rows.with_columns(
        *(
            nw.col(f"n_{w}").cum_sum().over("customer", **over).cast(nw.Int64).alias(f"so_far_{w}")
            for w in counted
        ),
        *(nw.col(f"latest_{w}").cum_max().over("customer", **over) for w in dated),
        *(nw.col(f"earliest_{w}").cum_min().over("customer", **over) for w in first),
        next=nw.col("snapshot").shift(-1).over("customer", **over),
        before=nw.col("snapshot").shift(1).over("customer", **over),
    ).with_columns(nw.col("next").fill_null(midnight(end + timedelta(days=1))))
    rows = _with_bases(rows, log.rules)
    measured = _measured(log.rules)
    rows = rows.with_columns(*measured) if measured else rows
    for i, measure in enumerate(log.rules.measures):
        if measure.is_clock:
            for limit in _ends(log.rules, i):
                rows = with_snapshot_of(_with_due(rows, measure, limit), "due", f"cut_{i}_{limit}", log.every)
    return rows


def _with_bases(rows: Lazy, rules: Rules) -> Lazy:
    """Add, for each measure that counts since an origin, how many there had been before the last one."""
    since = [(i, each) for i, each in enumerate(rules.measures) if each.kind == "since"]
    if not since:
        return rows
    # Counts never fall, so the highest count at a row with the origin is that of the last one.
    bases = {
        f"base_{i}": nw.when(~nw.col(f"last_{each.origin}").is_null())
        .then(nw.col(f"so_far_{each.words[0]}") - nw.col(f"n_{each.words[0]}"))
        .otherwise(nw.lit(0))
        for i, each in since
    }
    rows = rows.with_columns(**bases)
    return rows.with_columns(
        *(nw.col(name).cum_max().over("customer", order_by="snapshot") for name in bases)
    )


def _measured(rules: Rules) -> list[nw.Expr]:
    """Return a column for each measure that only events change; for ``latest of`` the place of the word."""
    columns = []
    for i, measure in enumerate(rules.measures):
        if measure.kind == "count":
            columns.append(nw.col(f"so_far_{measure.words[0]}").alias(f"m_{i}"))
        elif measure.kind == "since":
            columns.append((nw.col(f"so_far_{measure.words[0]}") - nw.col(f"base_{i}")).alias(f"m_{i}"))
        elif measure.kind == "latest":
            columns.append(_latest(measure.words).alias(f"m_{i}"))
    return columns


def _latest(words: Sequence[str]) -> nw.Expr:
    """Return the place of the word that came last; of two at once the one named last."""
    which = nw.lit(len(words))
    top = nw.max_horizontal(*(nw.col(f"latest_{word}") for word in words))
    for place, word in enumerate(words):
        here = nw.col(f"latest_{word}")
        which = nw.when((here == top) & (here > midnight(_LONG_AGO))).then(nw.lit(place)).otherwise(which)
    return which


def _ends(rules: Rules, position: int) -> list[int]:
    """Return the finite limits that the cells of a clock's column name, zero left out."""
    ends = {end for rule in rules.rules for end in rule.conditions[position] if isinstance(end, int)}
    return sorted(ends - {0, END})


def _with_due(rows: Lazy, measure: Measure, end: int) -> Lazy:
    """Add the day on which a clock reaches `end` as the column ``due``."""
    word = measure.words[0]
    if measure.kind == "days":
        return rows.with_columns(due=days_later(nw.col(f"latest_{word}"), end))
    rows = with_day(with_day(rows, f"latest_{word}", "last_day"), f"earliest_{word}", "first_day")
    n = nw.max_horizontal(f"so_far_{word}", nw.lit(1))
    span = nw.max_horizontal(nw.col("last_day") - nw.col("first_day"), nw.lit(0))
    # Rounded up: the first whole day on which that many rhythms are over.
    due = nw.col("last_day") + whole((measure.days + span) * end + n - 1, n)
    return with_date(rows.with_columns(due_number=due), "due_number", "due").drop(
        "last_day", "first_day", "due_number"
    )


def _changes(active: Lazy, log: Log, last: int) -> Lazy:
    """Return one row an episode: customer, rule and start as numbers, and the next episode's."""
    rules = log.rules
    cuts = [f"cut_{i}_{end}" for i, m in enumerate(rules.measures) if m.is_clock for end in _ends(rules, i)]
    is_vague = nw.col("begins") == 0
    if log.known_from is not None:
        is_vague = is_vague | (nw.col("at") < midnight(log.known_from))
    rows = active.with_columns(is_vague=is_vague & nw.col("before").is_null())
    rows = _at_points(rows, cuts) if cuts else rows.with_columns(start=nw.col("snapshot"))
    rows = fenced(rows.select("customer", "is_vague", "start", rule=_rule_at(rules, "start")))
    rows = rows.with_columns(
        episode=_numbered([rules.episodes.index(r.episode) for r in rules.rules], "rule")
    )
    over: dict[str, Any] = {"order_by": "start"}
    rows = rows.with_columns(came_from=nw.col("episode").shift(1).over("customer", **over))
    rows = rows.filter(nw.col("came_from").is_null() | (nw.col("came_from") != nw.col("episode")))
    return rows.with_columns(
        end=nw.col("start").shift(-1).over("customer", **over),
        next_episode=nw.col("episode").shift(-1).over("customer", **over),
    ).with_columns(
        is_vague=nw.col("came_from").is_null() & nw.col("is_vague"),
        until=nw.lit(date.fromordinal(last + _EPOCH)),
    )


def _at_points(rows: Lazy, cuts: Sequence[str]) -> Lazy:
    """Return a row for each snapshot, ``start``, and for each at which a clock runs out before the next."""
    # A constant to explode, and text at that: not unpivot, which narwhals runs on a DuckDB connection of
    # its own; nor a computed list, which DuckDB computes once more to see whether it is empty.
    places = nw.lit(" ".join(map(str, range(len(cuts) + 1)))).str.split(" ")
    rows = rows.with_columns(place=places).explode("place", empty_as_null=False, keep_nulls=False)
    start: nw.Expr = nw.when(nw.col("place") == "0").then(nw.col("snapshot"))
    for i, cut in enumerate(cuts, start=1):
        start = nw.when(nw.col("place") == str(i)).then(nw.col(cut)).otherwise(start)
    rows = fenced(rows.with_columns(start=start))
    is_between = (nw.col("start") > nw.col("snapshot")) & (nw.col("start") < nw.col("next"))
    return rows.filter((nw.col("place") == "0") | is_between)


def _rule_at(rules: Rules, at: str) -> nw.Expr:
    """Return the place of the one rule that holds at the snapshot in column `at`."""
    which = nw.lit(0)
    for place, rule in enumerate(rules.rules):
        holds = nw.lit(True)
        for i, (measure, condition) in enumerate(zip(rules.measures, rule.conditions, strict=True)):
            if isinstance(condition, frozenset):
                known = [*measure.words, NEVER]
                holds = holds & nw.col(f"m_{i}").is_in([known.index(word) for word in sorted(condition)])
                continue
            low, high = condition
            if measure.is_clock:
                holds = holds & (nw.col(f"cut_{i}_{low}") <= nw.col(at)) if low else holds
                holds = holds & (nw.col(f"cut_{i}_{high}") > nw.col(at)) if high != END else holds
            else:
                holds = holds & (nw.col(f"m_{i}") >= low) if low else holds
                holds = holds & (nw.col(f"m_{i}") < high) if high != END else holds
        which = nw.when(holds).then(nw.lit(place)).otherwise(which)
    return which


def _numbered(values: Sequence[Any], column: str) -> nw.Expr:
    """Return `values[column]`, missing where the column is."""
    at = nw.col(column)
    chain: nw.Expr = nw.when(at == 0).then(nw.lit(values[0]))
    for place, value in enumerate(values[1:], start=1):
        chain = nw.when(at == place).then(nw.lit(value)).otherwise(chain)
    return chain


def _named(rows: Lazy, log: Log) -> Lazy:
    """Return the episodes under the names that a reader sees."""
    episodes, names = log.rules.episodes, [rule.name for rule in log.rules.rules]
    rows = rows.with_columns(
        episode=_numbered(episodes, "episode"),
        next_episode=_numbered(episodes, "next_episode"),
        rule=_numbered(names, "rule"),
        is_start_known=~nw.col("is_vague"),
        is_open=nw.col("end").is_null(),
    )
    return rows.select(
        nw.col("customer").alias(log.customer_column),
        "episode",
        "start",
        "end",
        "rule",
        "next_episode",
        "is_start_known",
        "is_open",
        nw.col("until").alias("observed_until"),
    )
