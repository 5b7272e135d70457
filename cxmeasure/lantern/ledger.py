"""From arrays to tables: numbers, times, and which rows were lived through.

A chunk is simulated in whole blocks of 1,000 and cut to the size asked for at the very end, so that a
size between two thousands changes nothing. Numbers run on from chunk to chunk.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cxmeasure.lantern.catalogue import FIRST_DAY
from cxmeasure.lantern.company import Company
from cxmeasure.lantern.streams import BLOCK, Draws, Floats, Ints

Times = NDArray[np.datetime64]
ORIGIN = FIRST_DAY.astype("datetime64[us]")


def moment(days: Floats) -> Times:
    """Return times to the minute from days since the company's first day."""
    known = np.isfinite(days)
    minutes = np.floor(np.where(known, days, 0.0) * 1440).astype(np.int64)
    times = ORIGIN + minutes.astype("timedelta64[m]").astype("timedelta64[us]")
    times[~known] = np.datetime64("NaT", "us")
    return np.asarray(times)


def day(days: Floats | Ints) -> Times:
    """Return dates from days since the company's first day."""
    return np.asarray(
        ORIGIN + np.floor(days).astype(np.int64).astype("timedelta64[D]").astype("timedelta64[us]")
    )


def names(options: Sequence[str], codes: ArrayLike) -> pd.Series:
    """Return names by number; a negative number is a missing name."""
    listed = np.array([*options, None], dtype=object)
    return pd.Series(listed[np.asarray(codes, dtype=np.int64)], dtype="str")


def whole(values: ArrayLike, missing: ArrayLike) -> pd.Series:
    """Return whole numbers, some of them missing."""
    return pd.Series(np.asarray(values, dtype=np.int64), dtype="Int64").mask(pd.Series(np.asarray(missing)))


@dataclass
class Ledger:
    """A chunk of the company, cut to `size` customers, and how many rows came before it."""

    company: Company
    entropy: int
    blocks: range
    size: int
    before: Counter[str] = field(default_factory=Counter)

    def draws(self, module: str) -> Draws:
        """Return fresh draws of one module for the chunk's blocks."""
        return Draws(self.entropy, module, list(self.blocks))

    @property
    def first(self) -> int:
        """Return how many customers came before the chunk."""
        return self.blocks.start * BLOCK

    def customer_id(self, index: Ints) -> Ints:
        """Return customers' numbers from their place in the chunk."""
        return self.first + index + 1

    def numbers(self, kind: str, kept: NDArray[np.bool_]) -> Ints:
        """Return running numbers of the kept rows of a kind; 0 for rows left out."""
        return np.where(kept, self.before[kind] + np.cumsum(kept), 0)

    @cached_property
    def event_rows(self) -> Ints:
        """Return the contacts with Lantern that happened."""
        contacts = self.company.contacts
        return np.flatnonzero(np.isfinite(self.company.lived.satisfaction) & (contacts.touchpoint >= 0))

    @cached_property
    def event_number(self) -> Ints:
        """Return the number of each contact, 0 for those that did not happen."""
        kept = np.zeros(len(self.company.contacts), bool)
        kept[self.event_rows] = True
        return self.numbers("events", kept)

    @cached_property
    def journey_rows(self) -> Ints:
        """Return the journeys that took place, at least in part."""
        return np.flatnonzero(self.company.memory.count > 0)

    @cached_property
    def journey_number(self) -> Ints:
        """Return the number of each journey, 0 for those that did not take place."""
        return self.numbers("journeys", self.company.memory.count > 0)

    @cached_property
    def invitation_rows(self) -> Ints:
        """Return the invitations that were sent."""
        return np.flatnonzero(np.isfinite(self.company.answers.z))

    @cached_property
    def invitation_number(self) -> Ints:
        """Return the number of each invitation, 0 for those not sent."""
        return self.numbers("invitations", np.isfinite(self.company.answers.z))

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """Return customers by months: who is a customer when."""
        return np.isfinite(self.company.history.z)

    def running(self, kind: str, count: int) -> Ints:
        """Return the numbers of `count` rows of a kind, running on from the chunk before."""
        return self.before[kind] + 1 + np.arange(count)
