"""Which records mean which episode: a decision table, read and checked before anything runs.

A table has one row a rule (its name, the episode it leads to, a cell a measure) and one column a measure:

    latest of start, renewal, end     which of these events came last, or never
    n renewal                         how many of them so far
    n renewal since start             how many since the last of those
    days since start                  whole days since the last one; never is longest ago
    rhythms since purchase (90 days)  that silence in units of the customer's own rhythm: the mean gap
                                      between the purchases so far, with one gap of 90 days to begin with

A cell is empty (anything goes), ``3``, ``1 to 3``, ``>= 4``, ``< 60``, or for ``latest of`` the words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxmeasure.errors import ArgumentError

NEVER: Final = "never"
END: Final = 10**9
"""No upper limit; also how long ago lies what never happened."""

_MOST_CASES: Final = 200_000
_WORD = r"[^\s,()]+(?: [^\s,()]+)*?"
_HEADINGS = {
    "latest": re.compile(rf"latest of (?P<words>{_WORD}(?:, {_WORD})*)"),
    "since": re.compile(rf"n (?P<words>{_WORD}) since (?P<origin>{_WORD})"),
    "count": re.compile(rf"n (?P<words>{_WORD})"),
    "days": re.compile(rf"days since (?P<words>{_WORD})"),
    "rhythms": re.compile(rf"rhythms since (?P<words>{_WORD}) \((?P<days>[1-9]\d*) days\)"),
}
_CELL = re.compile(r"(?P<only>\d+)|(?P<low>\d+) to (?P<high>\d+)|>= ?(?P<least>\d+)|< ?(?P<most>\d+)")

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Measure:
    """A column of a rule table: what is measured, of which events."""

    heading: str
    kind: str
    words: tuple[str, ...]
    origin: str = ""
    days: int = 0

    @property
    def is_clock(self) -> bool:
        """Whether it changes by waiting alone."""
        return self.kind in ("days", "rhythms")


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of a rule table: its conditions as one pair (from, below) a measure, or words."""

    name: str
    episode: str
    conditions: tuple[tuple[int, int] | frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """A rule table that holds: every case meets exactly one rule.

    Attributes
    ----------
    table : pandas.DataFrame
        The table as written: ``rule``, ``episode``, and a column a measure. A copy, free to be changed.
    begins_with : tuple of str
        Events with which a customer's record can begin. Whose record begins otherwise was there before.
    """

    measures: tuple[Measure, ...]
    rules: tuple[Rule, ...]
    cells: tuple[tuple[str, ...], ...]
    begins_with: tuple[str, ...] = ()

    @property
    def table(self) -> pd.DataFrame:
        """Return the table as written."""
        rows = [(rule.name, rule.episode, *cells) for rule, cells in zip(self.rules, self.cells, strict=True)]
        return pd.DataFrame(rows, columns=["rule", "episode", *(each.heading for each in self.measures)])

    @property
    def words(self) -> tuple[str, ...]:
        """Return the events that the rules speak of."""
        named = [word for each in self.measures for word in (*each.words, each.origin) if word]
        return tuple(dict.fromkeys([*named, *self.begins_with]))

    @property
    def episodes(self) -> tuple[str, ...]:
        """Return the episodes in the order in which the table first names them."""
        return tuple(dict.fromkeys(rule.episode for rule in self.rules))

    @property
    def has_contracts(self) -> bool:
        """Whether they speak of contracts: a ``latest of`` names both ``start`` and ``end``."""
        return any({"start", "end"} <= {*each.words} for each in self.measures if each.kind == "latest")

    def __repr__(self) -> str:
        return self.table.to_string(index=False)

    def _repr_html_(self) -> str:
        return self.table.map(escape).to_html(index=False, border=0, classes="cx-estimates", escape=False)


def read_rules(table: Any, *, begins_with: Sequence[str] = ()) -> Rules:
    """Return a table of rules as `Rules`, or refuse it.

    Parameters
    ----------
    table : Rules or pandas.DataFrame
        Columns ``rule``, ``episode``, then a column a measure.
    begins_with : sequence of str
        Events with which a customer's record can begin.

    Raises
    ------
    ArgumentError
        If a heading or cell cannot be read, a rule can never fire, two rules fire in the same case, or
        none does.
    """
    if isinstance(table, Rules):
        return table
    if not isinstance(table, pd.DataFrame) or list(table.columns[:2]) != ["rule", "episode"]:
        raise ArgumentError(
            "rules must be a table with the columns 'rule', 'episode' and one a measure, like "
            f"lifecycle.WITH_CONTRACTS.table; received {_received(table)}."
        )
    measures = tuple(_measure(str(heading)) for heading in table.columns[2:])
    cells = tuple(tuple(map(_plain, row)) for row in table.iloc[:, 2:].itertuples(index=False, name=None))
    names = zip(table["rule"].astype(str), table["episode"].astype(str), strict=True)
    rules = tuple(
        Rule(
            name,
            episode,
            tuple(_condition(measure, cell, name) for measure, cell in zip(measures, row, strict=True)),
        )
        for (name, episode), row in zip(names, cells, strict=True)
    )
    _check(measures, rules)
    return Rules(measures, rules, cells, tuple(begins_with))


def _received(table: Any) -> str:
    if isinstance(table, pd.DataFrame):
        return f"a table with the columns {', '.join(map(repr, list(table.columns)[:4]))}"
    return type(table).__name__


def _plain(cell: Any) -> str:
    return "" if cell is None or cell is pd.NA or cell != cell else str(cell).strip()


def _measure(heading: str) -> Measure:
    for kind, form in _HEADINGS.items():
        if found := form.fullmatch(heading.strip()):
            parts = found.groupdict()
            words = tuple(parts["words"].split(", "))
            return Measure(heading, kind, words, parts.get("origin") or "", int(parts.get("days") or 0))
    raise ArgumentError(
        f"rules: the column {heading!r} is no measure; write 'latest of start, end', 'n renewal', "
        "'n renewal since start', 'days since start' or 'rhythms since purchase (90 days)'."
    )


def _condition(measure: Measure, cell: str, rule: str) -> tuple[int, int] | frozenset[str]:
    if measure.kind == "latest":
        return _words(measure, cell, rule)
    if not cell:
        return 0, END
    found = _CELL.fullmatch(cell)
    if not found:
        raise ArgumentError(
            f"rules: {rule!r} has {cell!r} under {measure.heading!r}; write '3', '1 to 3', '>= 4' or '< 60', "
            "or leave it empty."
        )
    part = {name: int(text) for name, text in found.groupdict().items() if text}
    low = part.get("only", part.get("low", part.get("least", 0)))
    high = part.get("most", part.get("high", part.get("only", END - 1)) + 1)
    if low >= high:
        raise ArgumentError(
            f"rules: {rule!r} can never fire: nothing is {cell!r} under {measure.heading!r}; correct it."
        )
    return low, high


def _words(measure: Measure, cell: str, rule: str) -> frozenset[str]:
    known = (*measure.words, NEVER)
    said = cell.split(" or ") if cell else known
    if odd := [word for word in said if word not in known]:
        raise ArgumentError(
            f"rules: {rule!r} has {odd[0]!r} under {measure.heading!r}; write one of "
            f"{', '.join(map(repr, known))}, several joined by ' or ', or leave it empty."
        )
    return frozenset(said)


def _check(measures: Sequence[Measure], rules: Sequence[Rule]) -> None:
    """Try every case that the cells tell apart: exactly one rule must hold in each."""
    levels = [_levels(position, measure, rules) for position, measure in enumerate(measures)]
    shape = tuple(map(len, levels))
    if np.prod(shape, dtype=float) * max(len(rules), 1) > _MOST_CASES:
        raise ArgumentError(
            f"rules: {len(rules)} rules tell {np.prod(shape, dtype=float):,.0f} cases apart, too many to be "
            "checked or read; use fewer columns."
        )
    holds = (
        np.stack([_cases(rule, levels, shape) for rule in rules]) if rules else np.zeros((0, *shape), bool)
    )
    holds &= _possible(measures, levels, shape)
    for rule, fires in zip(rules, holds, strict=True):
        if not fires.any():
            raise ArgumentError(f"rules: {rule.name!r} can never fire; its cells contradict each other.")
    for first, second in combinations(range(len(rules)), 2):
        both = holds[first] & holds[second]
        if both.any():
            raise ArgumentError(
                f"rules: {rules[first].name!r} and {rules[second].name!r} both hold where "
                f"{_case(measures, levels, both)}; narrow one of them."
            )
    gap = _possible(measures, levels, shape) & ~holds.any(axis=0)
    if gap.any():
        before, after = _neighbours(rules, holds, gap)
        raise ArgumentError(
            f"rules: no rule holds where {_case(measures, levels, gap)}, between {before!r} and {after!r}; "
            "widen one of them or add a rule."
        )


def _levels(position: int, measure: Measure, rules: Sequence[Rule]) -> list[Any]:
    """Return the words, or the lower ends of the intervals, that the cells of a measure tell apart."""
    if measure.kind == "latest":
        return [*measure.words, NEVER]
    ends = {0, *(end for rule in rules for end in rule.conditions[position] if isinstance(end, int))}
    # Never is longest ago, and one event is what sets "none" apart.
    return sorted((ends | {1} if measure.kind in ("count", "since") else ends) - {END})


def _cases(rule: Rule, levels: Sequence[list[Any]], shape: tuple[int, ...]) -> Flags:
    holds = np.ones(shape, dtype=bool)
    for axis, (condition, level) in enumerate(zip(rule.conditions, levels, strict=True)):
        if isinstance(condition, frozenset):
            here = np.array([word in condition for word in level])
        else:
            here = np.array([condition[0] <= low < condition[1] for low in level])
        holds &= _along(here, axis, len(shape))
    return holds


def _along(values: Flags, axis: int, n_axes: int) -> Flags:
    return values.reshape([-1 if each == axis else 1 for each in range(n_axes)])


def _possible(measures: Sequence[Measure], levels: Sequence[list[Any]], shape: tuple[int, ...]) -> Flags:
    """Say which cases can occur: what never happened was not counted and lies longest ago."""
    possible = np.ones(shape, dtype=bool)
    for word in {word for measure in measures for word in measure.words}:
        is_absent, is_present = np.ones(shape, dtype=bool), np.ones(shape, dtype=bool)
        for axis, (measure, level) in enumerate(zip(measures, levels, strict=True)):
            if word not in measure.words:
                continue
            absent, present = _with_word(measure, level, word)
            is_absent &= _along(absent, axis, len(shape))
            is_present &= _along(present, axis, len(shape))
        possible &= is_absent | is_present
    return possible


def _with_word(measure: Measure, level: list[Any], word: str) -> tuple[Flags, Flags]:
    """Return the levels that can be had when `word` never happened, and when it did."""
    here = np.asarray(level, dtype=object)
    everywhere = np.ones(len(level), dtype=bool)
    if measure.kind == "latest":
        return here != word, here != NEVER
    if measure.kind == "count":
        return here == 0, here != 0
    if measure.kind == "since":
        return here == 0, everywhere
    return here == here[-1], everywhere


def _case(measures: Sequence[Measure], levels: Sequence[list[Any]], where: Flags) -> str:
    at = np.argwhere(where)[0]
    return " and ".join(
        f"{measure.heading!r} is {level[place]!s}"
        for measure, level, place in zip(measures, levels, at, strict=True)
    )


def _neighbours(rules: Sequence[Rule], holds: Flags, gap: Flags) -> tuple[str, str]:
    """Return the two rules that lie nearest to the first case without one."""
    at = np.argwhere(gap)[0]
    apart = [np.abs(np.argwhere(fires) - at).sum(axis=1).min() for fires in holds]
    first, second = np.argsort(apart, kind="stable")[:2] if len(rules) > 1 else (0, 0)
    return rules[first].name, rules[second].name


def _table(measures: Sequence[str], *rows: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["rule", "episode", *measures])


WITH_CONTRACTS: Final = read_rules(
    _table(
        ("latest of start, renewal, end", "n orientation", "n renewal since start", "days since start"),
        ("has a need", "need", "never", "0", "", ""),
        ("looks around", "orientate", "never", ">= 1", "", ""),
        ("contract is new", "become", "start or renewal", "", "0", "< 60"),
        ("first term runs", "am", "start or renewal", "", "0", ">= 60"),
        ("has renewed", "stay", "start or renewal", "", "1 to 3", ""),
        ("has renewed four times", "loyal", "start or renewal", "", ">= 4", ""),
        ("contract ended", "leave", "end", "", "", ""),
    ),
    begins_with=("orientation", "start"),
)
"""Rules for a firm with contracts: events ``orientation``, ``start``, ``renewal``, ``end``."""

WITHOUT_CONTRACTS: Final = read_rules(
    _table(
        ("n purchase", "n orientation", "rhythms since purchase (90 days)"),
        ("has a need", "need", "0", "0", ""),
        ("looks around", "orientate", "0", ">= 1", ""),
        ("bought once", "become", "1", "", "< 3"),
        ("bought again", "am", "2 to 3", "", "< 3"),
        ("keeps buying", "stay", "4 to 9", "", "< 3"),
        ("buys by habit", "loyal", ">= 10", "", "< 3"),
        ("silent three times as long as usual", "leave", ">= 1", "", ">= 3"),
    ),
)
"""Rules for a firm without contracts: events ``orientation``, ``purchase``; leaving is silence."""
