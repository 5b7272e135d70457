"""Surveys: who is asked, who answers, and with what.

Equations 11 (response), 12 (answer), 13 (measurement effects), 20 (reaching non-respondents).
Invitations do not depend on answers, so they are planned first; answers come month by month.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit, ndtri

from cxmeasure.lantern.catalogue import N_MONTHS, touchpoints
from cxmeasure.lantern.contacts import Contacts
from cxmeasure.lantern.customers import MONTH_STARTS, Bools, Parameters, Traits, month_of, months
from cxmeasure.lantern.streams import Draws, Floats, Ints

LENGTHS: Final = (1, 3, 12)
SURVEY_CHANNELS: Final = ("e-mail", "SMS", "in-app")
DISPOSITIONS: Final = ("complete", "partial", "refused", "no reply", "undelivered")
REMINDER_DAYS: Final = 5.0
PEOPLE_CHANNELS: Final = ("phone", "reading room", "partner shop")


@dataclass(frozen=True, slots=True)
class Invitations:
    """One entry an invitation, by customer and time; `contact` is -1 for the relationship survey."""

    customer: Ints
    time: Floats
    month: Ints
    contact: Ints
    channel: Ints
    minutes: Ints
    prior: Ints
    reminder: Bools
    evaluative: Bools
    begged: Bools
    luck: Floats
    noise: Floats

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(slots=True)
class Answers:
    """What came of each invitation; rows of invitations never sent stay empty."""

    answered: Bools
    late: Bools
    propensity: Floats
    z: Floats
    ltr: Ints
    csat: Ints
    ces: Ints

    @classmethod
    def blank(cls, n: int) -> "Answers":
        """Return `n` invitations that nobody has answered."""
        no, none = np.zeros(n, bool), np.full(n, -1)
        return cls(no, no.copy(), np.full(n, np.nan), np.full(n, np.nan), none, none.copy(), none.copy())


def _candidates(p: Parameters, traits: Traits, contacts: Contacts, draws: Draws) -> tuple[Ints, Floats, Ints]:
    luck = draws.uniform(columns=(N_MONTHS, 2))
    lived = np.arange(N_MONTHS) >= traits.start_month[:, None]
    due = (luck[:, :, 0] < p["relationship_rate"]) & lived
    customer, month = np.nonzero(due)
    start = np.maximum(MONTH_STARTS[month], traits.start_time[customer] + 0.1)
    time = start + luck[customer, month, 1] * (MONTH_STARTS[month + 1] - start) * 0.98
    asked = draws.uniform(contacts.customer) < p["transaction_rate"]
    asked &= contacts.touchpoint >= 0
    row = np.flatnonzero(asked)
    after = contacts.time[row] + 0.08
    within = month_of(after) == contacts.month[row]
    row, after = row[within], after[within]
    customers = np.concatenate([customer, contacts.customer[row]])
    times = np.concatenate([time, after])
    rows = np.concatenate([np.full(len(customer), -1), row])
    order = np.lexsort((rows, times, customers))
    customers, times, rows = customers[order], times[order], rows[order]
    welcome = ~traits.holdout[customers]
    return customers[welcome], times[welcome], rows[welcome]


def _quiet_periods(customer: Ints, time: Floats, days: Ints) -> Bools:
    """Return which candidates are sent: none within the customer's quiet period after the last one."""
    sent = np.zeros(len(customer), bool)
    if not len(customer):
        return sent
    starts = np.flatnonzero(np.r_[True, customer[1:] != customer[:-1]])
    sizes = np.diff(np.r_[starts, len(customer)])
    last = np.full(len(starts), -np.inf)
    for step in range(int(sizes.max())):
        here = np.flatnonzero(sizes > step)
        at = starts[here] + step
        free = time[at] - last[here] >= days[at]
        sent[at] = free
        last[here] = np.where(free, time[at], last[here])
    return sent


def _prior_invitations(customer: Ints, time: Floats) -> Ints:
    """Return how many invitations each customer got in the 90 days before each one."""
    width = float(MONTH_STARTS[-1]) + 200.0
    key = customer * width + time
    return np.arange(len(key)) - np.searchsorted(key, key - 90.0, side="left")


def plan_invitations(p: Parameters, traits: Traits, contacts: Contacts, draws: Draws) -> Invitations:
    """Plan every invitation of the 36 months, as if nobody ever left."""
    customer, time, row = _candidates(p, traits, contacts, draws)
    sent = _quiet_periods(customer, time, traits.throttle[customer])
    customer, time, row = customer[sent], time[sent], row[sent]
    luck = draws.uniform(customer, (9,))
    month = month_of(time)
    in_app = months()["in_app"][month].astype(bool)
    by_person = np.isin(touchpoints()["channel"].to_numpy(dtype=str), PEOPLE_CHANNELS)[
        row_step(contacts, row)
    ]
    by_person &= row >= 0
    channel = np.where(by_person, 1, np.where(in_app, 2, 0))
    return Invitations(
        customer,
        time,
        month,
        row,
        channel,
        np.array(LENGTHS)[np.floor(3 * luck[:, 0]).astype(np.int64)],
        _prior_invitations(customer, time),
        luck[:, 1] < p["reminder_share"],
        luck[:, 2] < 0.5,
        by_person & (luck[:, 3] < p["begged_share"] * 4),
        luck[:, 4:],
        draws.normal(customer, (3,)),
    )


def row_step(contacts: Contacts, row: Ints) -> Ints:
    """Return the touchpoint of each contact row, 0 where there is none."""
    return np.where(row >= 0, contacts.touchpoint[np.maximum(row, 0)], 0) if len(contacts) else row * 0


def response_log_odds(p: Parameters, traits: Traits, sent: Invitations, at: Ints, z: Floats) -> Floats:
    """Return the log odds of an answer without a reminder (equation 11)."""
    who = sent.customer[at]
    digital = traits.is_digital[who]
    in_app = sent.channel[at] == 2
    return np.asarray(
        p["b0_w"]
        + p["response_square"] * (z**2 - 1)
        + p["response_slope"] * z
        + p["response_fatigue"] * np.log1p(sent.prior[at])
        + p["response_digital"] * digital
        + p["response_minutes"] * np.log(sent.minutes[at])
        + in_app * np.where(digital, p["response_inapp_digital"], p["response_inapp_other"])
        + traits.readiness[who]
    )


def recommendation(p: Parameters, z: Floats, style: Floats, noise: Floats) -> Ints:
    """Return willingness to recommend, 0 to 10 (equation 12)."""
    latent = p["ltr_mean"] + p["ltr_slope"] * z + style + p["ltr_noise"] * noise
    return np.clip(np.round(latent), 0, 10).astype(np.int64)


# Shares of the lower answers on a scale when satisfaction is as usual; cut points follow.
CSAT_CUTS: Final = ndtri(np.array([0.06, 0.18, 0.42, 0.80]))
CES_CUTS: Final = ndtri(np.array([0.04, 0.10, 0.20, 0.36, 0.58, 0.82]))


def rated(latent: Floats, noise: Floats, reliability: float, cuts: Floats) -> Ints:
    """Return an item by thresholds, so noisy that `reliability` of its latent variance is true."""
    blurred = np.sqrt(reliability) * latent + np.sqrt(1 - reliability) * noise
    return np.asarray(1 + np.searchsorted(cuts, blurred), dtype=np.int64)


def collect_answers(
    p: Parameters,
    traits: Traits,
    sent: Invitations,
    at: Ints,
    z_now: Floats,
    contact_satisfaction: Floats,
    answers: Answers,
) -> Ints:
    """Fill in what comes of the invitations `at`; return those answered."""
    who = sent.customer[at]
    z = z_now[who]
    log_odds = response_log_odds(p, traits, sent, at, z)
    luck = sent.luck[at]
    arrived = luck[:, 0] >= p["undelivered_share"]
    early = luck[:, 1] < expit(log_odds)
    chance = expit(log_odds + p["response_reminder"] * sent.reminder[at])
    answered = arrived & (luck[:, 1] < chance)
    answers.answered[at], answers.late[at] = answered, answered & ~early
    answers.propensity[at], answers.z[at] = (1 - p["undelivered_share"]) * chance, z
    noise = sent.noise[at]
    ltr = recommendation(p, z, traits.style[who], noise[:, 0])
    ltr = np.where(sent.begged[at], np.maximum(ltr, 9), ltr)
    # A transaction survey is about the contact and about everything else.
    about = sent.contact[at] >= 0
    contact = contact_satisfaction[np.maximum(sent.contact[at], 0)] if len(contact_satisfaction) else z
    latent = (
        np.where(about, 0.6 * z + 0.6 * np.nan_to_num(contact), z) + p["wording_gain"] * sent.evaluative[at]
    )
    answers.ltr[at] = ltr
    answers.csat[at] = rated(latent, noise[:, 1], p["reliability_csat"], CSAT_CUTS)
    answers.ces[at] = rated(latent, noise[:, 2], p["reliability_ces"], CES_CUTS)
    return at[answered]
