"""Random numbers that do not depend on how many customers are simulated.

Each module of the company draws from a stream of its own for each block of 1,000 customers, so the
first thousand customers come out the same in a company of a thousand and in one of a million.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

BLOCK: Final = 1000
STREAMS: Final = {
    "customers": 1,
    "events": 2,
    "surveys": 3,
    "followups": 4,
    "word_of_mouth": 5,
    "organisation": 6,
    "experiments": 7,
    "diary": 8,
    "prospects": 9,
    "comments": 10,
    "usage": 11,
    "records": 12,
    "items": 13,
    "phone": 14,
    "mentions": 15,
    "ties": 16,
    "importance": 17,
    "forecasts": 18,
    "journeys": 19,
    "orientation": 23,
    "diary_ratings": 21,
    "referrals": 22,
    "followups_records": 20,
}

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def stream(entropy: int, module: str, block: int = 0) -> np.random.Generator:
    """Return the stream of one module for one block of customers."""
    key = (STREAMS[module], block)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy, spawn_key=key)))


class Draws:
    """Streams of one module for several blocks; what they draw lies end to end, block after block."""

    def __init__(self, entropy: int, module: str, blocks: Sequence[int]) -> None:
        self._streams = [stream(entropy, module, block) for block in blocks]

    def _stacked(self, rows: Ints | None, draw: Callable[[np.random.Generator, slice], Any]) -> Any:
        counts = [BLOCK] * len(self._streams) if rows is None else rows.tolist()
        ends = np.cumsum([0, *counts]).tolist()
        pieces = [
            draw(generator, slice(start, stop))
            for generator, start, stop in zip(self._streams, ends[:-1], ends[1:], strict=True)
        ]
        return np.concatenate(pieces)

    def _rows(self, owner: Ints | None) -> Ints | None:
        if owner is None:
            return None
        return np.bincount(owner // BLOCK, minlength=len(self._streams))

    def uniform(self, owner: Ints | None = None, columns: tuple[int, ...] = ()) -> Floats:
        """Draw from 0 to 1: one row a customer, or one row for each entry of `owner` (customer, sorted)."""
        return np.asarray(
            self._stacked(
                self._rows(owner), lambda source, part: source.random((part.stop - part.start, *columns))
            )
        )

    def normal(self, owner: Ints | None = None, columns: tuple[int, ...] = ()) -> Floats:
        """Draw standard normal numbers, rows as in `uniform`."""
        return np.asarray(
            self._stacked(
                self._rows(owner),
                lambda source, part: source.standard_normal((part.stop - part.start, *columns)),
            )
        )

    def exponential(self, owner: Ints | None = None, columns: tuple[int, ...] = ()) -> Floats:
        """Draw exponential numbers of mean 1, rows as in `uniform`."""
        return np.asarray(
            self._stacked(
                self._rows(owner),
                lambda source, part: source.standard_exponential((part.stop - part.start, *columns)),
            )
        )

    def poisson(self, mean: Floats) -> Ints:
        """Draw one count for each entry of `mean`, whose first axis is the customers."""
        return np.asarray(self._stacked(None, lambda source, part: source.poisson(mean[part])))

    def binomial(self, count: Ints, probability: float) -> Ints:
        """Draw one count for each entry of `count`, whose first axis is the customers."""
        return np.asarray(self._stacked(None, lambda source, part: source.binomial(count[part], probability)))

    def of_each_block(self) -> list[np.random.Generator]:
        """Return the streams themselves, one a block."""
        return self._streams
