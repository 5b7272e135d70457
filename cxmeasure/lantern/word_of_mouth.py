"""Word of mouth: who talks, who listens, and who comes because of it (equation 15).

A good mention makes a customer now and then; that customer is the next one who starts in the same
neighbourhood. Coupling ends at the neighbourhood, so a longer run leaves its first customers as they are.
"""

from dataclasses import dataclass

import numpy as np

from cxmeasure.lantern.customers import Bools, Parameters, Traits
from cxmeasure.lantern.streams import Floats, Ints


def mention_means(p: Parameters, attachment: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Return the expected good and bad mentions of a month."""
    square = p["talk_square"] * z**2
    good = np.exp(p["talk_good"] + p["talk_good_attachment"] * attachment + square)
    bad = np.exp(p["talk_bad"] + p["talk_bad_satisfaction"] * z + square)
    return good, bad


@dataclass(slots=True)
class Queue:
    """Prospects won over who have not started yet: their neighbourhood and who won them."""

    neighbourhood: Ints
    referrer: Ints

    @classmethod
    def empty(cls) -> "Queue":
        """Return a queue nobody stands in."""
        return cls(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))

    def join(self, traits: Traits, converted: Ints) -> None:
        """Add `converted` prospects a customer."""
        referrer = np.repeat(np.arange(len(converted)), converted)
        self.referrer = np.concatenate([self.referrer, referrer])
        self.neighbourhood = np.concatenate([self.neighbourhood, traits.neighbourhood[referrer]])

    def start(self, traits: Traits, starting: Ints) -> tuple[Ints, Ints]:
        """Let those who start this month take their places; return the newcomers and who won them.

        Who waits longest in a neighbourhood comes first.
        """
        order = np.argsort(self.neighbourhood, kind="stable")
        self.neighbourhood, self.referrer = self.neighbourhood[order], self.referrer[order]
        waiting = _places(self.neighbourhood)
        places = _places(traits.neighbourhood[starting])
        _, one, other = np.intersect1d(waiting, places, assume_unique=True, return_indices=True)
        newcomer, referrer = starting[other], self.referrer[one]
        keep = np.ones(len(self.referrer), bool)
        keep[one] = False
        self.neighbourhood, self.referrer = self.neighbourhood[keep], self.referrer[keep]
        return newcomer, referrer


def _places(neighbourhood: Ints) -> Ints:
    """Return a number for the first, second, ... entry of each (sorted) neighbourhood."""
    first = np.searchsorted(neighbourhood, neighbourhood, side="left")
    return neighbourhood * 1000 + np.arange(len(neighbourhood)) - first


def shared_fit(p: Parameters, own: Floats, referrer: Floats) -> Floats:
    """Return the fit of referred customers: like that of their referrer to the degree given."""
    likeness = p["referral_likeness"]
    return np.asarray(likeness * referrer + np.sqrt(1 - likeness**2) * own)


def still_here(referrer: Ints, exit_month: Ints, month: int) -> Bools:
    """Return whose referrer is a customer this month."""
    return (referrer >= 0) & (exit_month[np.maximum(referrer, 0)] >= month)
