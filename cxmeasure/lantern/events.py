"""What a contact does to a mind: surprise, learning, affect, memory.

Equations 3 (gap), 4 (learning), 5 (satisfaction with a contact), 6 (affect), 7 (journey memory), in that
order. Contacts are lived through in order: the k-th contact of everyone in a month at once.
"""

from dataclasses import dataclass

import numpy as np

from cxmeasure.lantern.catalogue import N_MONTHS, touchpoint_parameters, touchpoints
from cxmeasure.lantern.contacts import Contacts, Journeys
from cxmeasure.lantern.customers import MONTH_STARTS, Bools, Parameters, Traits
from cxmeasure.lantern.streams import Draws, Floats, Ints

PRODUCT, SERVICE = 0, 1


def valued_gap(p: Parameters, gap: Floats) -> Floats:
    """Return g(d): a shortfall counts `loss_aversion` times; scaled so that updates stay comparable."""
    loss = p["loss_aversion"]
    return np.where(gap >= 0, gap, loss * gap) / ((1 + loss) / 2)


def gain(p: Parameters, uncertainty: Floats, variance: Floats) -> Floats:
    """Return K: how far one contact moves a mind that is this unsure (equation 4)."""
    learned = uncertainty / (uncertainty + variance)
    mix = p["constant_gain_mix"]
    return (1 - mix) * learned + mix * p["constant_gain"]


@dataclass(slots=True)
class Minds:
    """What customers believe and feel now; beliefs and uncertainty by kind (product, service)."""

    belief: Floats
    uncertainty: Floats
    affect: Floats
    affect_time: Floats

    @classmethod
    def at_start(cls, p: Parameters, traits: Traits) -> "Minds":
        """Return minds before the first contact (equation 1)."""
        n = len(traits)
        return cls(
            traits.prior.copy(),
            np.full((2, n), p["prior_variance"]),
            np.zeros(n),
            traits.start_time.copy(),
        )

    def affect_at(self, p: Parameters, time: float) -> Floats:
        """Return affect as it has faded until `time` (equation 6)."""
        return self.affect * np.exp2(-np.maximum(time - self.affect_time, 0.0) / p["affect_half_life"])


@dataclass(slots=True)
class Lived:
    """What each contact did, in the order of the contacts; rows nobody lived through stay empty."""

    before: Floats
    after: Floats
    signal: Floats
    gap_value: Floats
    gain: Floats
    satisfaction: Floats
    number: Ints

    @classmethod
    def blank(cls, n: int) -> "Lived":
        """Return `n` contacts nobody has lived through."""
        before, after, signal, value, step, satisfied = np.full((6, n), np.nan)
        return cls(before, after, signal, value, step, satisfied, np.zeros(n, dtype=np.int64))


@dataclass(slots=True)
class Memory:
    """What each journey has been like so far, and what is remembered of it."""

    total: Floats
    count: Ints
    peak: Floats
    end: Floats
    breaks: Ints
    remembered: Floats
    noise: Floats
    last_month: Ints
    last_time: Floats
    customer: Ints


@dataclass(frozen=True, slots=True)
class Order:
    """Contacts sorted by month and by their rank in the customer's month; `slices` by month."""

    rows: Ints
    slices: list[list[slice]]


def order_of_living(contacts: Contacts) -> Order:
    """Return who meets whom when: for each month, slices in which every customer occurs once at most."""
    n = len(contacts)
    key = contacts.customer * N_MONTHS + contacts.month
    starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if n else np.zeros(0, dtype=np.int64)
    rank = np.arange(n) - np.repeat(starts, np.diff(np.r_[starts, n]))
    rows = np.lexsort((contacts.customer, rank, contacts.month))
    both = contacts.month[rows] * (rank.max(initial=0) + 1) + rank[rows]
    cuts = np.flatnonzero(np.r_[True, both[1:] != both[:-1], True]) if n else np.zeros(1, dtype=np.int64)
    slices: list[list[slice]] = [[] for _ in range(N_MONTHS)]
    for start, stop in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        slices[int(contacts.month[rows[start]])].append(slice(start, stop))
    return Order(rows, slices)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Contacts in the order of living, with what the equations need of each."""

    customer: Ints
    time: Floats
    journey: Ints
    kind: Ints
    own: Bools
    broken: Bools
    failed: Bools
    signal: Floats
    noise: Floats
    variance: Floats
    rows: Ints


def prepare(p: Parameters, contacts: Contacts, order: Order) -> Prepared:
    """Gather contacts in the order of living."""
    rows = order.rows
    hidden = touchpoint_parameters()
    step = contacts.touchpoint[rows]
    own = step >= 0
    weight = 1 + p["moment_strength"] * (hidden["w"].to_numpy(dtype=float)[step] - 1)
    variance = np.where(own, hidden["R"].to_numpy(dtype=float)[step] / weight, p["rival_variance"])
    is_product = touchpoints()["is_product_use"].astype(str).str.lower().eq("true").to_numpy()[step] & own
    return Prepared(
        contacts.customer[rows],
        contacts.time[rows],
        contacts.journey[rows],
        np.where(is_product, PRODUCT, SERVICE),
        own,
        contacts.broken[rows],
        contacts.failed[rows],
        contacts.signal[rows],
        contacts.noise[rows],
        variance,
        rows,
    )


class Living:
    """Lives through contacts month by month, for everyone in a chunk."""

    def __init__(
        self, p: Parameters, traits: Traits, journeys: Journeys, contacts: Contacts, draws: Draws
    ) -> None:
        self.p = p
        self.order = order_of_living(contacts)
        self.contacts = prepare(p, contacts, self.order)
        self.minds = Minds.at_start(p, traits)
        self.number = np.zeros((2, len(traits)), dtype=np.int64)
        n = len(contacts)
        self.lived = Lived.blank(n)
        self.memory = self._blank_memory(journeys, contacts, draws)
        self.recent = np.zeros(len(traits))

    def _blank_memory(self, journeys: Journeys, contacts: Contacts, draws: Draws) -> Memory:
        n = len(journeys.customer)
        inside = contacts.journey >= 0
        last = np.zeros(n)
        np.maximum.at(last, contacts.journey[inside], contacts.time[inside])
        last_month = np.zeros(n, dtype=np.int64)
        np.maximum.at(last_month, contacts.journey[inside], contacts.month[inside])
        counts = np.zeros(n, dtype=np.int64)
        noise = self.p["journey_noise"] * draws.normal(journeys.customer)
        return Memory(
            np.zeros(n), counts, np.zeros(n), np.zeros(n), counts.copy(), np.full(n, np.nan), noise,
            last_month, last, journeys.customer,
        )  # fmt: skip

    def month(self, month: int, present: Bools, fit: Floats, habit: Floats) -> None:
        """Live through one month."""
        for part in self.order.slices[month]:
            keep = np.flatnonzero(present[self.contacts.customer[part]]) + part.start
            if len(keep):
                self._contact(keep, fit, habit)
        self._remember(month, present)

    def _contact(self, at: Ints, fit: Floats, habit: Floats) -> None:
        p, seen, minds = self.p, self.contacts, self.minds
        who, kind, own = seen.customer[at], seen.kind[at], seen.own[at]
        # Equations 2 to 4: the signal, the gap, the update.
        signal = seen.signal[at] + p["fit_gain"] * fit[who] * (kind == PRODUCT)
        before = minds.belief[kind, who]
        value = valued_gap(p, signal - before)
        value = value * (1 - p["habit_damping"] * seen.failed[at] * np.clip(habit[who], 0.0, 1.0))
        unsure = minds.uncertainty[kind, who] + p["process_variance"] * own
        step = gain(p, unsure, seen.variance[at])
        rival_step = p["share_category"] * p["constant_gain"]
        step = np.where(own, step, rival_step)
        after = before + step * value
        minds.belief[kind, who] = after
        minds.uncertainty[kind, who] = np.where(own, (1 - step) * unsure, unsure)
        # Equation 5: satisfaction with this contact. Equation 6: affect, faded and then moved.
        satisfied = p["event_signal"] * signal + p["event_gap"] * value + seen.noise[at]
        fade = np.exp2(-(seen.time[at] - minds.affect_time[who]) / p["affect_half_life"])
        minds.affect[who] = minds.affect[who] * fade + p["affect_contact"] * value * own
        minds.affect_time[who] = seen.time[at]
        self.number[kind, who] += own
        self._write(seen.rows[at], before, after, signal, value, step, satisfied, self.number[kind, who])
        self._add_to_journey(seen.journey[at], satisfied, seen.broken[at])

    def _write(self, rows: Ints, *values: Floats | Ints) -> None:
        lived = self.lived
        columns = (
            lived.before, lived.after, lived.signal, lived.gap_value, lived.gain, lived.satisfaction,
            lived.number,
        )  # fmt: skip
        for column, value in zip(columns, values, strict=True):
            column[rows] = value

    def _add_to_journey(self, journey: Ints, satisfied: Floats, broken: Bools) -> None:
        inside = journey >= 0
        journey, satisfied = journey[inside], satisfied[inside]
        memory = self.memory
        memory.total[journey] += satisfied
        memory.count[journey] += 1
        higher = np.abs(satisfied) > np.abs(memory.peak[journey])
        memory.peak[journey] = np.where(higher, satisfied, memory.peak[journey])
        memory.end[journey] = satisfied
        memory.breaks[journey] += broken[inside]

    def _remember(self, month: int, present: Bools) -> None:
        """Equation 7 for the journeys that end this month, and the recent memory of equation 8."""
        p, memory = self.p, self.memory
        over = np.flatnonzero((memory.last_month == month) & present[memory.customer] & (memory.count > 0))
        memory.remembered[over] = (
            p["journey_mean"] * memory.total[over] / memory.count[over]
            + p["journey_peak"] * memory.peak[over]
            + p["journey_end"] * memory.end[over]
            + p["journey_break"] * memory.breaks[over]
            + memory.noise[over]
        )
        who, now = memory.customer[over], float(MONTH_STARTS[month + 1])
        self.recent *= np.exp2(-(now - float(MONTH_STARTS[month])) / p["journey_half_life"])
        left = np.exp2(-(now - memory.last_time[over]) / p["journey_half_life"])
        np.add.at(self.recent, who, left * memory.remembered[over])
