"""Which episode is each customer in? Rules read over an event log."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd

from cxmeasure import _arguments
from cxmeasure.errors import ArgumentError
from cxmeasure.lifecycle.calendar_days import day_of, snapshots
from cxmeasure.lifecycle.reduce import Log, episode_rows, handed_back
from cxmeasure.lifecycle.reduce.rules import WITH_CONTRACTS, Rules, read_rules
from cxmeasure.results import NativeFrame


def assign_episodes(
    events: Any,
    *,
    rules: Rules | pd.DataFrame = WITH_CONTRACTS,
    customer_column: str = "customer_id",
    time_column: str = "ts",
    event_column: str = "event",
    words: Mapping[str, str | Sequence[str]] | None = None,
    every: str | Sequence[date | str] = "month",
    begins_with: Sequence[str] | None = None,
    known_from: date | str | None = None,
    observed_until: date | str | None = None,
    contracts_may_overlap: bool = False,
) -> NativeFrame:
    """Turn an event log into episodes: where each customer stood, from when to when, and why.

    Parameters
    ----------
    events : frame or str
        One row an event, in any order. Events that no rule names show that the customer was there.
    rules : Rules or pandas.DataFrame
        `WITH_CONTRACTS`, `WITHOUT_CONTRACTS`, or a table of the same form: ``rule``, ``episode``, and a
        column a measure (``latest of start, end``, ``n renewal``, ``n renewal since start``,
        ``days since start``, ``rhythms since purchase (90 days)``). Exactly one rule must hold in every
        case that can occur.
    customer_column, time_column, event_column : str
        The customer (whole numbers or text), the time without a zone, and what happened, as text.
    words : mapping of str to str or sequence of str, optional
        The rules' words to the log's own: ``{"end": ["cancelled", "expired"]}``. An empty list says
        that this never happened.
    every : {"day", "week", "month"} or sequence of dates
        When customers are looked at: at the end of each day, Sunday, or month, or of each day given.
    begins_with : sequence of str, optional
        Events with which a customer's record can begin; by default those of the shipped rules. Of whom
        the record begins otherwise, the first episode began earlier than the log tells.
    known_from : date or str, optional
        Of customers first seen before this day the first episode may have begun before the log did.
    observed_until : date or str, optional
        Last day of the log; by default the end of the day, week or month of its latest event.
    contracts_may_overlap : bool
        Whether a customer may start again while a contract has not ended; then each start begins anew.

    Returns
    -------
    frame of the caller's engine
        One row an episode: the customer; ``episode``; ``start``, the first snapshot at which it held;
        ``end``, the first at which it no longer did; ``rule``, which began it; ``next_episode``;
        ``is_start_known``; ``is_open``, whether it was still running; and ``observed_until``, the last
        snapshot. Lazy tables stay lazy; a path gives a DuckDB relation.

    Raises
    ------
    ArgumentError
        If a choice is unknown, or the rules overlap, leave a gap, or hold a rule that can never fire.
    TableError, DataError
        If a column is missing or of the wrong type, the rules speak of an event that the log never holds,
        a customer, time or event is missing or lies after the end, or two contracts of a customer overlap:
        where a ``latest of`` names ``start`` and ``end``, a second start before an end.

    Notes
    -----
    An episode that began and ended between two snapshots is not seen. The same event twice at the same
    time counts once. Of two events at the same time the one that the heading names last counts as the
    later; within one snapshot period ``n … since …`` counts events on either side of its origin.

    Whatever is asked of a lazy table reads the log again. Who asks twice keeps the episodes: collected, or in
    a table of the database.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({
    ...     "customer_id": [1, 1, 1, 1],
    ...     "ts": pd.to_datetime(["2024-01-05", "2024-01-20", "2024-07-20", "2025-01-20"]),
    ...     "event": ["orientation", "start", "renewal", "end"],
    ... })
    >>> assign_episodes(log)[["episode", "start", "end", "rule"]]
      episode      start        end             rule
    0  become 2024-01-31 2024-03-31  contract is new
    1      am 2024-03-31 2024-07-31  first term runs
    2    stay 2024-07-31 2025-01-31      has renewed
    3   leave 2025-01-31        NaT   contract ended
    """
    read = read_rules(rules)
    begins = (
        read.begins_with if begins_with is None else tuple(_arguments.names(begins_with, name="begins_with"))
    )
    read = Rules(read.measures, read.rules, read.cells, begins)
    log = Log(
        customer_column=customer_column,
        time_column=time_column,
        event_column=event_column,
        rules=read,
        words=_translated(read, words or {}),
        every=snapshots(every),
        known_from=day_of(known_from, name="known_from"),
        observed_until=day_of(observed_until, name="observed_until"),
        contracts_may_overlap=contracts_may_overlap,
    )
    return handed_back(episode_rows(events, log), events)


def _translated(rules: Rules, words: Mapping[str, str | Sequence[str]]) -> dict[str, list[str]]:
    if odd := [word for word in words if word not in rules.words]:
        near = _arguments.closest(odd[0], rules.words)
        raise ArgumentError(
            f"words has {odd[0]!r}, of which the rules do not speak; they speak of "
            f"{', '.join(map(repr, rules.words))}.{near}"
        )
    own = {word: words.get(word, word) for word in rules.words}
    return {word: [said] if isinstance(said, str) else list(said) for word, said in own.items()}
