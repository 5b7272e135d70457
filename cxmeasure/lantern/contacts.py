"""Which contacts a customer would have, month after month, if the customer stayed.

Journeys follow the catalogue; failures follow equation 16 and lead to problem journeys. Nothing here
depends on what the customer thinks, so all of it is drawn before the months are lived through.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import expit

from cxmeasure.lantern.catalogue import (
    JOURNEY_TYPES,
    N_MONTHS,
    calendar_failure_logit,
    touchpoint_parameters,
    touchpoints,
)
from cxmeasure.lantern.customers import MONTH_STARTS, Bools, Parameters, Traits, month_of, months
from cxmeasure.lantern.organisation import Organisation, failure_logits
from cxmeasure.lantern.streams import Draws, Floats, Ints

FIX: Final = 2
ATTEND: Final = 5
_GAP_DAYS: Final = (2.0, 2.5, 1.0, 4.0, 3.0, 3.0)
_COPIES: Final = (1, 2, 2, 1, 1, 2)
APP_TOUCHPOINTS: Final = (10, 11)
LOCAL_CLASSES: Final = ("phone", "shop", "partner")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all customers share: the organisation, and the months' common shock (c_t, in units of its sd)."""

    organisation: Organisation
    month_shock: Floats


@dataclass(frozen=True, slots=True)
class Journeys:
    """One entry a journey, by customer and start."""

    customer: Ints
    kind: Ints
    start: Floats
    off_script: Bools


@dataclass(frozen=True, slots=True)
class Contacts:
    """One entry a contact, by customer and time; -1 is no journey, or a rival."""

    customer: Ints
    touchpoint: Ints
    time: Floats
    journey: Ints
    month: Ints
    failed: Bools
    broken: Bools
    signal: Floats
    noise: Floats

    def __len__(self) -> int:
        return len(self.customer)


def _in_month(traits: Traits, customer: Ints, month: Ints, luck: Floats) -> Floats:
    start = np.maximum(MONTH_STARTS[month], traits.start_time[customer])
    return np.asarray(start + luck * (MONTH_STARTS[month + 1] - start))


def _monthly(traits: Traits, draws: Draws, rate: Floats | float) -> tuple[Ints, Ints]:
    lived = np.arange(N_MONTHS) >= traits.start_month[:, None]
    mean = rate * months()["contact_multiplier"] * lived
    counts = draws.poisson(np.asarray(mean))
    customer, month = np.nonzero(counts)
    times = counts[customer, month]
    return np.repeat(customer, times), np.repeat(month, times)


def plan_journeys(p: Parameters, traits: Traits, tickets: Floats, draws: Draws) -> Journeys:
    """Draw when journeys start, whatever the contacts in them will be like.

    `tickets` multiplies the rate of problem journeys, customers by months.
    """
    renewing = np.arange(N_MONTHS) - traits.start_month[:, None]
    term = traits.term(p)[:, None]
    renewal = np.nonzero((renewing >= 0) & (renewing % term == term - 1))
    rates: dict[int, Floats | float] = {
        1: p["delivery_rate"],
        FIX: p["fix_rate"] * tickets,
        4: p["move_rate"],
        ATTEND: p["attend_rate"],
    }
    drawn = {3: renewal} | {kind: _monthly(traits, draws, rate) for kind, rate in rates.items()}
    customers, kinds, starts = [np.arange(len(traits))], [np.zeros(len(traits), dtype=np.int64)], []
    starts.append(traits.start_time)
    for kind, (owner, month) in drawn.items():
        customers.append(owner)
        kinds.append(np.full(len(owner), kind))
        starts.append(_in_month(traits, owner, month, draws.uniform(owner)))
    customer, start = np.concatenate(customers), np.concatenate(starts)
    order = np.lexsort((start, customer))
    customer = customer[order]
    off_script = draws.uniform(customer) < p["off_script_share"]
    return Journeys(customer, np.concatenate(kinds)[order], start[order], off_script)


def _expected_rates(p: Parameters) -> Floats:
    """Return journeys per customer and month by type, as far as the catalogue's shares need them."""
    renewals = p["annual_share"] / p["annual_term"] + (1 - p["annual_share"]) / p["monthly_term"]
    problems = p["fix_rate"] + 0.14 * p["contact_rate"] * p["contact_after_failure"]
    return np.array([1 / 15.5, p["delivery_rate"], problems, renewals, p["move_rate"], p["attend_rate"]])


def _script(p: Parameters, kind: int) -> tuple[Ints, Floats]:
    """Return the touchpoints of a journey type in order, and how likely each is to be in one."""
    types = touchpoints()["journey_type"].to_numpy()
    steps = np.flatnonzero(types == JOURNEY_TYPES[kind])
    share = touchpoint_parameters()["contact_share"].to_numpy(dtype=float)[steps]
    copies = _COPIES[kind]
    chance = np.clip(share * p["contact_rate"] / (_expected_rates(p)[kind] * copies), 0.0, 0.95)
    return np.tile(steps, copies), np.tile(chance, copies)


def walk(p: Parameters, journeys: Journeys, draws: Draws) -> tuple[Ints, Ints, Floats]:
    """Return the steps of journeys: journey, touchpoint, time. A first step is always taken."""
    owners, steps, times = [], [], []
    for kind in range(len(JOURNEY_TYPES)):
        mine = np.flatnonzero(journeys.kind == kind)
        script, chance = _script(p, kind)
        owner, shape = journeys.customer[mine], (len(script),)
        taken = draws.uniform(owner, shape) < chance
        place = draws.uniform(owner, shape)
        place = np.where(journeys.off_script[mine, None], place, np.linspace(0.0, 1.0, len(script)))
        order = np.argsort(place, axis=1, kind="stable")
        taken = np.take_along_axis(taken, order, axis=1)
        taken[~taken.any(axis=1), 0] = True
        first = taken & (np.cumsum(taken, axis=1) == 1)
        gap = _GAP_DAYS[kind] * draws.exponential(owner, shape) * taken
        after = np.cumsum(np.where(first, 0.04 * gap, gap), axis=1)
        row, column = np.nonzero(taken)
        owners.append(mine[row])
        steps.append(script[order[row, column]])
        times.append(journeys.start[mine[row]] + after[row, column])
    return np.concatenate(owners), np.concatenate(steps), np.concatenate(times)


def failure_probability(p: Parameters, around: Surroundings, touchpoint: Ints, time: Floats) -> Floats:
    """Return the probability that a contact fails, calendar included (equation 16)."""
    week = (time // 7).astype(np.int64)
    logits = failure_logits(p, around.organisation.department_trouble)[touchpoint, week]
    return np.asarray(expit(logits + calendar_failure_logit()[month_of(time), touchpoint]))


def draw_contacts(
    p: Parameters, traits: Traits, around: Surroundings, tickets: Floats, welcomed: Bools, draws: Draws
) -> tuple[Journeys, Contacts]:
    """Draw every journey and contact of the 36 months, as if nobody ever left."""
    first = plan_journeys(p, traits, tickets, draws)
    journey, touchpoint, time = _kept(*walk(p, first, draws))
    solo_customer, solo_month = _monthly(traits, draws, p["solo_rate"])
    solo_time = _in_month(traits, solo_customer, solo_month, draws.uniform(solo_customer))
    solo_step = np.where(draws.uniform(solo_customer) < 0.4, *APP_TOUCHPOINTS)
    journey = np.concatenate([journey, np.full(len(solo_customer), -1)])
    customer = np.where(journey >= 0, first.customer[journey], 0)
    customer[journey < 0] = solo_customer
    touchpoint, time = np.concatenate([touchpoint, solo_step]), np.concatenate([time, solo_time])
    order = np.lexsort((touchpoint, time, customer))
    customer, journey, touchpoint, time = customer[order], journey[order], touchpoint[order], time[order]
    failed = draws.uniform(customer) < failure_probability(p, around, touchpoint, time)

    # A failure sends some to the telephone; what goes wrong there sends nobody there again.
    keen = p["contact_after_failure"] * tickets[customer, month_of(time)]
    caused = failed & (draws.uniform(customer) < keen)
    wait = 0.1 + 2.0 * draws.exponential(customer)
    extra = Journeys(
        customer[caused], np.full(caused.sum(), FIX), (time + wait)[caused], np.zeros(caused.sum(), bool)
    )
    more, step, when = _kept(*walk(p, extra, draws))
    owner = extra.customer[more]
    order = np.lexsort((step, when, owner))
    owner, more, step, when = owner[order], more[order], step[order], when[order]
    failed_too = draws.uniform(owner) < failure_probability(p, around, step, when)
    rival_customer, rival_month = _monthly(traits, draws, p["rival_rate"])
    rival_time = _in_month(traits, rival_customer, rival_month, draws.uniform(rival_customer))

    joined = Journeys(*(np.concatenate([getattr(first, name), getattr(extra, name)]) for name in _FIELDS))
    contacts = _sorted(
        customer=np.concatenate([customer, owner, rival_customer]),
        touchpoint=np.concatenate([touchpoint, step, np.full(len(rival_customer), -1)]),
        time=np.concatenate([time, when, rival_time]),
        journey=np.concatenate([journey, more + len(first.customer), np.full(len(rival_customer), -1)]),
        failed=np.concatenate([failed, failed_too, np.zeros(len(rival_customer), bool)]),
    )
    joined, contacts = _renumbered(joined, contacts)
    contacts = replace(contacts, broken=_broken_handoffs(p, contacts, draws))
    return joined, _signals(p, traits, around, welcomed, contacts, draws)


_FIELDS: Final = ("customer", "kind", "start", "off_script")


def _kept(journey: Ints, touchpoint: Ints, time: Floats) -> tuple[Ints, Ints, Floats]:
    inside = time < MONTH_STARTS[-1] - 0.01
    return journey[inside], touchpoint[inside], time[inside]


def _sorted(customer: Ints, touchpoint: Ints, time: Floats, journey: Ints, failed: Bools) -> Contacts:
    order = np.lexsort((touchpoint, time, customer))
    nothing = np.zeros(len(order))
    return Contacts(
        customer[order],
        touchpoint[order],
        time[order],
        journey[order],
        month_of(time[order]),
        failed[order],
        np.zeros(len(order), bool),
        nothing,
        nothing,
    )


def _renumbered(journeys: Journeys, contacts: Contacts) -> tuple[Journeys, Contacts]:
    """Give journeys numbers by customer and start; drop those that would begin after the last day."""
    used = np.zeros(len(journeys.customer), bool)
    used[contacts.journey[contacts.journey >= 0]] = True
    order = np.lexsort((journeys.kind, journeys.start, journeys.customer))
    order = order[used[order]]
    number = np.full(len(used) + 1, -1)
    number[order] = np.arange(len(order))
    kept = Journeys(*(getattr(journeys, name)[order] for name in _FIELDS))
    return kept, replace(contacts, journey=number[contacts.journey])


def _broken_handoffs(p: Parameters, contacts: Contacts, draws: Draws) -> Bools:
    """Return whether the hand-off from the step before was broken; failures and new channels break more."""
    luck = draws.uniform(contacts.customer)
    order = np.lexsort((contacts.time, contacts.journey))
    journey, touchpoint = contacts.journey[order], contacts.touchpoint[order]
    channel = touchpoints()["channel"].to_numpy(dtype=str)[touchpoint]
    follows = np.zeros(len(order), bool)
    follows[1:] = (journey[1:] == journey[:-1]) & (journey[1:] >= 0)
    log_odds = np.full(len(order), p["break_base"])
    log_odds[1:] += p["break_channel"] * (channel[1:] != channel[:-1])
    log_odds[1:] += p["break_failure"] * contacts.failed[order][:-1]
    broken = np.zeros(len(order), bool)
    broken[order] = follows & (luck[order] < expit(log_odds))
    return broken


def _signals(
    p: Parameters, traits: Traits, around: Surroundings, welcomed: Bools, contacts: Contacts, draws: Draws
) -> Contacts:
    """Fill in what is delivered except for fit, which a referrer may shape (equation 2)."""
    catalogue, hidden = touchpoints(), touchpoint_parameters()
    step, customer = contacts.touchpoint, contacts.customer
    week = (contacts.time // 7).astype(np.int64)
    department = catalogue["department_id"].to_numpy(dtype=np.int64)[step] - 1
    trouble = around.organisation.department_trouble[department, np.maximum(week - 1, 0)]
    is_local = np.isin(catalogue["record_class"].to_numpy(dtype=str), LOCAL_CLASSES)[step]
    branch = around.organisation.branch_quality[traits.branch[customer], contacts.month] * is_local
    shock = p["month_shock_sd"] * around.month_shock[contacts.month]
    is_new = contacts.time < traits.start_time[customer] + 30
    own = (
        p["quality"]
        + hidden["mu"].to_numpy(dtype=float)[step]
        + branch
        + shock
        + p["trouble_loss"] * trouble
        - p["failure_loss"] * contacts.failed
        + p["welcome_gain"] * (welcomed[customer] & is_new)
    )
    spread = np.where(step >= 0, hidden["R"].to_numpy(dtype=float)[step], p["rival_variance"])
    signal = np.where(step >= 0, own, p["rival_quality"]) + np.sqrt(spread) * draws.normal(customer)
    return replace(contacts, signal=signal, noise=p["event_noise"] * draws.normal(customer))
