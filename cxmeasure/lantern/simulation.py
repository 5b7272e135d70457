"""Simulate a company of any size, in memory or straight to Parquet files."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, overload

import pandas as pd

from cxmeasure._arguments import choice, whole
from cxmeasure.lantern import frames, programme_frames, prospects, survey_frames, talk_frames
from cxmeasure.lantern.catalogue import calendar, costs, touchpoint_parameters, touchpoints
from cxmeasure.lantern.company import simulate_chunk, surroundings
from cxmeasure.lantern.contacts import Surroundings
from cxmeasure.lantern.dictionary import shaped
from cxmeasure.lantern.ledger import Ledger
from cxmeasure.lantern.parameters import load_parameters
from cxmeasure.lantern.parquet import CompanyFolder
from cxmeasure.lantern.streams import BLOCK

CHUNK_BLOCKS: Final = 10

OF_CUSTOMERS: Final[Mapping[str, Callable[[Ledger], pd.DataFrame]]] = {
    "customers": frames.customers,
    "needs": prospects.needs,
    "orientation": prospects.orientation,
    "contracts": frames.contracts,
    "exits": frames.exits,
    "events": frames.events,
    "journeys": frames.journeys,
    "diary": programme_frames.diary,
    "invitations": survey_frames.invitations,
    "answers": survey_frames.answers,
    "followup_sample": survey_frames.followup_sample,
    "followups": survey_frames.followups,
    "stated_importance": programme_frames.stated_importance,
    "usage": frames.usage,
    "panel_month": frames.panel_month,
    "experiments": programme_frames.experiments,
    "touches": programme_frames.touches,
    "mentions": talk_frames.mentions,
    "referrals": talk_frames.referrals,
    "ties": talk_frames.ties,
    "truth_customer": frames.truth_customer,
    "truth_person": frames.truth_person,
    "truth_event": frames.truth_event,
    "truth_journey": frames.truth_journey,
    "truth_invitation": survey_frames.truth_invitation,
}
OF_THE_FIRM: Final = (
    "departments",
    "branches",
    "employees",
    "org_ties",
    "adoption",
    "branch_month",
    "defects",
    "market",
    "firms120",
    "maturity_items",
    "truth_employee",
)
CATALOGUES: Final[Mapping[str, Callable[[], pd.DataFrame]]] = {
    "touchpoints": touchpoints,
    "calendar": calendar,
    "costs": costs,
    "truth_touchpoint": touchpoint_parameters,
    "truth_calendar": calendar,
}
TABLE_NAMES: Final = (*OF_CUSTOMERS, *OF_THE_FIRM, *CATALOGUES, "forecasts", "texts", "truth_text")
_CUT_BY: Final = {"needs": "prospect_id", "orientation": "prospect_id", "ties": "b"}
_NUMBERED: Final = ("events", "journeys", "invitations")


def _cut(ledger: Ledger, table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out customers beyond the size asked for."""
    last = ledger.size
    if table in ("needs", "orientation"):
        return frame[frame["prospect_id"] <= prospects.PER_CUSTOMER * last]
    if table == "referrals":
        return frame[(frame["referrer_id"] <= last) & (frame["customer_id"].fillna(0) <= last)]
    return frame[frame[_CUT_BY.get(table, "customer_id")] <= last]


def _chunk_tables(ledger: Ledger, wanted: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    whole_chunk = ledger.size >= ledger.blocks.stop * BLOCK
    for table in wanted:
        if table in OF_CUSTOMERS:
            frame = OF_CUSTOMERS[table](ledger)
            frame = frame if whole_chunk else _cut(ledger, table, frame).reset_index(drop=True)
            yield table, shaped(table, frame)


def _advance(ledger: Ledger) -> Counter[str]:
    """Return how many rows of each numbered kind there are up to the end of the chunk."""
    c = ledger.company
    last = (c.exit_month.clip(max=35) - c.traits.start_month) // c.traits.term(c.p) + 1
    touched = programme_frames.touches(ledger)
    return ledger.before + Counter(
        events=len(ledger.event_rows),
        journeys=len(ledger.journey_rows),
        invitations=len(ledger.invitation_rows),
        contracts=int(last.sum()),
        cases=len(c.cases.arm),
        touches=len(touched),
        panellists=int(c.traits.panellist.sum()),
    )


def _chunks(p: Mapping[str, float], around: Surroundings, size: int, entropy: int) -> Iterator[Ledger]:
    blocks = -(-size // BLOCK)
    before: Counter[str] = Counter()
    for first in range(0, blocks, CHUNK_BLOCKS):
        part = range(first, min(first + CHUNK_BLOCKS, blocks))
        ledger = Ledger(simulate_chunk(p, around, entropy, part), entropy, part, size, before)
        yield ledger
        before = _advance(ledger)


def _shared_tables(
    around: Surroundings, entropy: int, wanted: Sequence[str]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the tables that do not grow with the number of customers."""
    for table in wanted:
        if table in OF_THE_FIRM:
            yield table, shaped(table, around.organisation.tables[table])
        elif table in CATALOGUES:
            yield table, shaped(table, CATALOGUES[table]())
        elif table == "forecasts":
            yield table, shaped(table, programme_frames.forecasts(entropy))
        elif table in ("texts", "truth_text"):
            yield table, shaped(table, programme_frames.texts(entropy))


@overload
def simulate(
    world: str = ..., *, size: int = ..., seed: int, to: None = ..., tables: Sequence[str] | None = ...,
    parameters: Mapping[str, float] | None = ...,
) -> dict[str, pd.DataFrame]: ...  # fmt: skip
@overload
def simulate(
    world: str = ..., *, size: int = ..., seed: int, to: str | Path, tables: Sequence[str] | None = ...,
    parameters: Mapping[str, float] | None = ...,
) -> Path: ...  # fmt: skip
def simulate(
    world: str = "claimed",
    *,
    size: int = 4000,
    seed: int,
    to: str | Path | None = None,
    tables: Sequence[str] | None = None,
    parameters: Mapping[str, float] | None = None,
) -> dict[str, pd.DataFrame] | Path:
    """Simulate Lantern with `size` customers over 36 months.

    Parameters
    ----------
    world
        Which truth holds; `worlds` lists them.
    size
        Number of customers.
    seed
        Whole number; the same seed gives the same company. A longer run starts with the customers of a
        shorter one: whatever they do is the same in both.
    to
        Folder to write to, one folder of Parquet files a table; it must not exist. Memory stays bounded,
        and the folder appears only when it is complete.
    tables
        Names of the tables wanted; all of them by default.
    parameters
        Parameters that differ from the world's, by name: a world of one's own. `truth` lists them. The
        four calibration constants stay the world's; ``cxmeasure.lantern.calibrate`` finds new ones.

    Returns
    -------
    dict of str to pandas.DataFrame, or pathlib.Path
        The tables by name; with `to`, the folder.

    Raises
    ------
    ArgumentError
        If the world, a table or a parameter is unknown or a number out of range.
    StoreError
        If the folder exists or cannot be written.

    Notes
    -----
    Satisfaction is standardised by stored constants of the world, never by sample moments, and each
    thousand customers have random streams of their own. Only `departments`, `branches`, `employees`,
    `org_ties`, `adoption`, `branch_month`, `defects`, `market`, `firms120`, `maturity_items`,
    `truth_employee`, `forecasts` and `texts` belong to all customers together; they depend on the seed
    and not on the size. Referrals couple customers of one neighbourhood of a hundred.

    Examples
    --------
    >>> company = simulate("null", size=300, seed=1, tables=["customers", "exits"])
    >>> len(company["customers"])
    300
    """
    p = load_parameters(world, parameters)
    customers = whole(size, name="size", at_least=1)
    entropy = whole(seed, name="seed", at_least=0)
    wanted = [
        choice(name, TABLE_NAMES, name="tables") for name in (TABLE_NAMES if tables is None else tables)
    ]
    around = surroundings(p, entropy)
    if to is not None:
        return _write(p, around, customers, entropy, wanted, CompanyFolder(Path(to)))
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in wanted}
    for ledger in _chunks(p, around, customers, entropy):
        for name, frame in _chunk_tables(ledger, wanted):
            parts[name].append(frame)
    for name, frame in _shared_tables(around, entropy, wanted):
        parts[name].append(frame)
    return {
        name: frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
        for name, frames in parts.items()
    }


def _write(
    p: Mapping[str, float],
    around: Surroundings,
    size: int,
    entropy: int,
    wanted: Sequence[str],
    folder: CompanyFolder,
) -> Path:
    with folder as target:
        progress = _progress(size)
        for number, ledger in enumerate(_chunks(p, around, size, entropy)):
            for name, frame in _chunk_tables(ledger, wanted):
                target.write(name, frame, number)
            progress(min(size, ledger.blocks.stop * BLOCK) - ledger.first)
        for name, frame in _shared_tables(around, entropy, wanted):
            target.write(name, frame, 0)
    return folder.path


def _progress(size: int) -> Callable[[int], object]:
    """Return what shows progress: a bar if tqdm is installed, nothing if not."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return lambda done: done
    bar: Callable[[int], object] = tqdm(
        total=size, unit=" customers", disable=size <= CHUNK_BLOCKS * BLOCK
    ).update
    return bar
