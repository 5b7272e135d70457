"""The months, one after another: contacts, satisfaction, answers, follow-ups, talk, leaving."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from cxmeasure.lantern.catalogue import N_MONTHS, touchpoints
from cxmeasure.lantern.contacts import Contacts, Journeys, Surroundings, draw_contacts
from cxmeasure.lantern.customers import (
    MONTH_STARTS,
    Bools,
    Parameters,
    Situation,
    Traits,
    cause_shares,
    draw_traits,
    exit_probability,
    is_renewal,
    next_attachment,
    next_habit,
    satisfaction,
    standardised,
    true_and_stated_cause,
)
from cxmeasure.lantern.events import PRODUCT, SERVICE, Lived, Living, Memory
from cxmeasure.lantern.experiments import Treatment, treat
from cxmeasure.lantern.followups import Cases, fading, open_cases
from cxmeasure.lantern.organisation import simulate_organisation
from cxmeasure.lantern.streams import STREAMS, Draws, Floats, Ints
from cxmeasure.lantern.surveys import Answers, Invitations, collect_answers, plan_invitations
from cxmeasure.lantern.word_of_mouth import Queue, mention_means, shared_fit, still_here

NEVER = 10_000
_ORGANISATION_PARTS = (
    "defects",
    "ties",
    "plan",
    "adoption",
    "people",
    "branches",
    "market",
    "firms",
    "months",
)


def surroundings(p: Parameters, entropy: int) -> Surroundings:
    """Draw what all customers share; it depends on the entropy only, never on the size."""

    def part(name: str) -> np.random.Generator:
        key = (STREAMS["organisation"], _ORGANISATION_PARTS.index(name))
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy, spawn_key=key)))

    return Surroundings(simulate_organisation(p, part), part("months").standard_normal(N_MONTHS))


@dataclass(slots=True)
class History:
    """Hidden states, customers by months, at the end of each month; nan where nobody is a customer."""

    satisfaction: Floats
    z: Floats
    product: Floats
    service: Floats
    affect: Floats
    trust: Floats
    journeys: Floats
    attachment: Floats
    habit: Floats
    loop: Floats
    hazard: Floats
    good_mentions: Ints
    bad_mentions: Ints

    @classmethod
    def blank(cls, n: int) -> "History":
        """Return a history nobody has lived through."""
        counts = np.zeros((2, n, N_MONTHS), dtype=np.int64)
        s, z, product, service, affect, trust, journeys, heart, habit, loop, hazard = np.full(
            (11, n, N_MONTHS), np.nan
        )
        return cls(
            s, z, product, service, affect, trust, journeys, heart, habit, loop, hazard, counts[0], counts[1]
        )  # fmt: skip


@dataclass(slots=True)
class Company:
    """A chunk of customers with everything that happened to them."""

    p: Parameters
    around: Surroundings
    traits: Traits
    fit: Floats
    referrer: Ints
    exit_month: Ints
    true_cause: Ints
    stated_cause: Ints
    treatment: Treatment
    journeys: Journeys
    contacts: Contacts
    lived: Lived
    memory: Memory
    invitations: Invitations
    answers: Answers
    cases: Cases
    history: History


class _Months:
    """The state of a chunk of customers while its months go by."""

    def __init__(self, p: Parameters, around: Surroundings, entropy: int, blocks: Sequence[int]) -> None:
        self.p, self.around = p, around
        draws = {name: Draws(entropy, name, blocks) for name in STREAMS}
        self.draws = draws
        self.traits = traits = draw_traits(p, draws["customers"], blocks[0])
        self.treatment = treat(p, traits, draws["experiments"])
        self.journeys, self.contacts = draw_contacts(
            p, traits, around, self.treatment.tickets, self.treatment.welcomed, draws["events"]
        )
        self.living = Living(p, traits, self.journeys, self.contacts, draws["events"])
        self.invitations = plan_invitations(p, traits, self.contacts, draws["surveys"])
        self.answers = Answers.blank(len(self.invitations))
        n = len(traits)
        self.exit_luck = draws["customers"].uniform(columns=(N_MONTHS,))
        self.cause_luck = draws["customers"].uniform(columns=(3,))
        self.history = History.blank(n)
        self.fit = traits.digital_shift + traits.own_fit
        self.referrer = np.full(n, -1)
        self.exit_month = np.full(n, NEVER)
        self.true_cause, self.stated_cause = np.full(n, -1), np.full(n, -1)
        self.habit = np.full(n, p["habit_start"])
        self.trust = np.full(n, p["trust_start"])
        self.attachment = np.zeros(n)
        self.loop = np.zeros(n)
        self.last_asked = np.full(n, -NEVER)
        self.queue = Queue.empty()
        self.cases: list[Cases] = []
        self.good_contacts = self._good_contacts()

    def _good_contacts(self) -> Ints:
        """Count contacts with people that went well, which build trust (equation 6)."""
        seen = self.contacts
        staffed = np.isin(touchpoints()["record_class"].to_numpy(dtype=str), ("phone", "shop"))
        good = (seen.touchpoint >= 0) & staffed[seen.touchpoint] & ~seen.failed
        counts = np.zeros((len(self.traits), N_MONTHS), dtype=np.int64)
        np.add.at(counts, (seen.customer[good], seen.month[good]), 1)
        return counts + self.treatment.good_touches

    def live(self, month: int) -> None:
        """Let one month go by."""
        traits = self.traits
        self._welcome(month)
        present = (traits.start_month <= month) & (self.exit_month >= month)
        self.living.month(month, present, self.fit, self.habit)
        z = self._feel(month, present)
        self._ask(month, present, z)
        self._talk(month, present, z)
        self._leave(month, present, z)

    def _welcome(self, month: int) -> None:
        starting = np.flatnonzero(self.traits.start_month == month)
        newcomer, referrer = self.queue.start(self.traits, starting)
        self.referrer[newcomer] = referrer
        own = self.traits.own_fit
        winner = self.fit[referrer] - self.traits.digital_shift[referrer]
        shared = shared_fit(self.p, own[newcomer], winner)
        self.fit[newcomer] = self.traits.digital_shift[newcomer] + shared

    def _feel(self, month: int, present: Bools) -> Floats:
        p, minds, past = self.p, self.living.minds, self.history
        affect = minds.affect_at(p, float(MONTH_STARTS[month + 1])) + self.treatment.affect[:, month]
        grown = (1 - p["trust_gain"]) ** self.good_contacts[:, month]
        lost = p["trust_loss"] * self.treatment.errors[:, month]
        self.trust = np.where(present, np.clip(1 - (1 - self.trust) * grown - lost, 0.0, 1.0), self.trust)
        product, service = minds.belief[PRODUCT], minds.belief[SERVICE]
        felt = satisfaction(p, product, service, affect, self.trust, self.living.recent, month) + self.loop
        z = standardised(p, felt)
        attachment = next_attachment(p, self.attachment, felt, self.trust)
        self.attachment = np.where(present, attachment, self.attachment)
        self.habit = np.where(present, next_habit(p, self.habit, felt, self.traits.regularity), self.habit)
        states = {
            "satisfaction": felt, "z": z, "product": product, "service": service, "affect": affect,
            "trust": self.trust, "journeys": self.living.recent, "attachment": self.attachment,
            "habit": self.habit, "loop": self.loop,
        }  # fmt: skip
        for name, state in states.items():
            getattr(past, name)[present, month] = state[present]
        return z

    def _ask(self, month: int, present: Bools, z: Floats) -> None:
        p, sent = self.p, self.invitations
        at = np.flatnonzero((sent.month == month) & present[sent.customer])
        self.last_asked[sent.customer[at]] = month
        answered = collect_answers(p, self.traits, sent, at, z, self.living.lived.satisfaction, self.answers)
        low = answered[self.answers.ltr[answered] <= p["case_limit"]]
        # One case a customer and month: the first low answer opens it.
        customer, first = np.unique(sent.customer[low], return_index=True)
        cases = open_cases(p, month, low[first], customer, z[customer], self.draws["followups"])
        self.loop *= fading(p)
        self.loop[customer] += p["k_w"] * cases.gain
        self.trust[customer] -= p["trust_loss"] * (cases.arm == 0)
        self.cases.append(cases)

    def _talk(self, month: int, present: Bools, z: Floats) -> None:
        p, draws = self.p, self.draws["word_of_mouth"]
        good, bad = mention_means(p, self.attachment, np.where(present, z, 0.0))
        good_count = draws.poisson(np.where(present, good, 0.0))
        bad_count = draws.poisson(np.where(present, bad, 0.0))
        self.history.good_mentions[:, month] = good_count
        self.history.bad_mentions[:, month] = bad_count
        self.queue.join(self.traits, draws.binomial(good_count, p["conversion"]))

    def _leave(self, month: int, present: Bools, z: Floats) -> None:
        p, traits = self.p, self.traits
        now = Situation(
            is_renewal(p, traits, month),
            self.last_asked > month - 12,
            still_here(self.referrer, self.exit_month, month),
            self.treatment.advised[:, month],
            (month - traits.start_month) / 12,
        )
        hazard = exit_probability(p, traits, month, z, self.habit, self.attachment, now)
        self.history.hazard[present, month] = hazard[present]
        gone = np.flatnonzero(present & (self.exit_luck[:, month] < hazard))
        self.exit_month[gone] = month
        shares = cause_shares(p, month, z[gone])
        self.true_cause[gone], self.stated_cause[gone] = true_and_stated_cause(
            p, shares, self.cause_luck[gone]
        )

    def company(self) -> Company:
        """Return what happened."""
        cases = Cases(
            *(np.concatenate([getattr(part, f.name) for part in self.cases]) for f in fields(Cases))
        )
        return Company(
            self.p, self.around, self.traits, self.fit, self.referrer, self.exit_month, self.true_cause,
            self.stated_cause, self.treatment, self.journeys, self.contacts, self.living.lived,
            self.living.memory, self.invitations, self.answers, cases, self.history,
        )  # fmt: skip


def simulate_chunk(p: Parameters, around: Surroundings, entropy: int, blocks: Sequence[int]) -> Company:
    """Simulate whole blocks of 1,000 customers."""
    months = _Months(p, around, entropy, blocks)
    for month in range(N_MONTHS):
        months.live(month)
    return months.company()
