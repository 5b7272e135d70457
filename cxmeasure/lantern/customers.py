"""Customers: who they are, what keeps them, and when they go.

Equations 1 (first expectations), 8 (satisfaction), 9 (attachment and habit), 10 (leaving), in that order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from cxmeasure.lantern.catalogue import FIRST_DAY, N_MONTHS, calendar
from cxmeasure.lantern.streams import BLOCK, Draws, Floats, Ints

Bools = NDArray[np.bool_]
Parameters = Mapping[str, float]

NEIGHBOURHOOD: Final = 100
REGIONS: Final = ("north", "east", "south", "west")
AGE_BANDS: Final = ("18-29", "30-44", "45-59", "60-74", "75+")
CHANNELS: Final = ("paid", "organic", "referral", "unknown")
PERSONAS: Final = ("commuter", "weekend reader", "book lover", "news hound")
CAUSES: Final = ("price", "quality", "speed", "life", "payment", "rival", "ethics")
THROTTLE_DAYS: Final = (0, 30, 90)
_AGE_SHARES: Final = (0.15, 0.25, 0.27, 0.22, 0.11)
_DIGITAL_BY_AGE: Final = (0.95, 0.85, 0.70, 0.45, 0.20)

MONTH_STARTS: Final = (np.arange(N_MONTHS + 1) + FIRST_DAY.astype("datetime64[M]")).astype(
    "datetime64[D]"
).astype(np.int64) - FIRST_DAY.astype(np.int64)


@cache
def months() -> dict[str, Floats]:
    """Return the calendar's effects as arrays over the 36 months."""
    table = calendar()
    effects = ["contact_multiplier", "price_change_share", "satisfaction_shift"]
    arrays = {name: table[name].to_numpy(dtype=float) for name in effects}
    arrays["rival_promo"] = (table["rival_promo"].astype(str).str.lower() == "true").to_numpy(dtype=float)
    arrays["in_app"] = (table["survey_channel"] == "in-app").to_numpy(dtype=float)
    return arrays


def month_of(time: Floats) -> Ints:
    """Return the month (0 to 35) of times in days since the company's first day."""
    return np.searchsorted(MONTH_STARTS, np.floor(time), side="right").astype(np.int64) - 1


@dataclass(frozen=True, slots=True)
class Traits:
    """What a customer brings along; one entry a customer, in the order of their numbers."""

    first: int
    start_time: Floats
    start_month: Ints
    neighbourhood: Ints
    branch: Ints
    age: Ints
    is_digital: Bools
    is_annual: Bools
    promise: Bools
    holdout: Bools
    throttle: Ints
    panellist: Bools
    expectation_asked: Bools
    new_skin: Bools
    persona: Ints
    own_fit: Floats
    digital_shift: Floats
    frailty: Floats
    readiness: Floats
    style: Floats
    regularity: Floats
    prior: Floats

    def __len__(self) -> int:
        return len(self.start_time)

    def term(self, p: Parameters) -> Ints:
        """Return the months of a contract."""
        return np.where(self.is_annual, int(p["annual_term"]), int(p["monthly_term"])).astype(np.int64)


def _pick(shares: Floats, luck: Floats) -> Ints:
    return np.minimum(np.searchsorted(np.cumsum(shares), luck), len(shares) - 1).astype(np.int64)


def _start_times(p: Parameters, luck: Floats) -> Floats:
    season = months()["contact_multiplier"] ** 2
    shares = (1 - p["launch_share"]) * season / season.sum()
    shares[0] += p["launch_share"]
    month = _pick(shares, luck[:, 0])
    length = np.diff(MONTH_STARTS)[month]
    time = MONTH_STARTS[month] + np.floor(luck[:, 1] * length) + 0.3 + 0.5 * luck[:, 2]
    return np.sort(time.reshape(-1, NEIGHBOURHOOD), axis=1).ravel()


def draw_traits(p: Parameters, draws: Draws, first_block: int) -> Traits:
    """Draw whole neighbourhoods of customers; within one, customers are numbered as they start."""
    luck = draws.uniform(columns=(15,))
    noise = draws.normal(columns=(6,))
    n = len(luck)
    start = _start_times(p, luck)
    neighbourhood = first_block * BLOCK // NEIGHBOURHOOD + np.arange(n) // NEIGHBOURHOOD
    age = _pick(np.array(_AGE_SHARES), luck[:, 3])
    odds = np.array(_DIGITAL_BY_AGE)
    is_digital = luck[:, 4] < odds[age]
    promise = luck[:, 6] < p["promise_share"]
    # Equation 1: what is expected before the first contact, of the product and of the service.
    prior = p["prior_mean"] + p["promise_gain"] * promise + p["prior_sd"] * draws.normal(columns=(2,)).T
    return Traits(
        first=first_block * BLOCK,
        start_time=start,
        start_month=month_of(start),
        neighbourhood=neighbourhood,
        branch=(3 * neighbourhood + np.floor(3 * luck[:, 5]).astype(np.int64)) % 24,
        age=age,
        is_digital=is_digital,
        is_annual=luck[:, 7] < p["annual_share"],
        promise=promise,
        holdout=luck[:, 8] < p["holdout_share"],
        throttle=np.array(THROTTLE_DAYS)[np.floor(3 * luck[:, 9]).astype(np.int64)],
        panellist=luck[:, 10] < p["panel_share"],
        expectation_asked=luck[:, 11] < p["asked_share"],
        new_skin=luck[:, 12] < p["skin_share"],
        persona=(np.floor(2 * luck[:, 13]) + 2 * (luck[:, 14] < 0.3 + 0.4 * is_digital)).astype(np.int64),
        own_fit=noise[:, 0],
        digital_shift=np.asarray(p["digital_fit"] * (is_digital - float(np.dot(_AGE_SHARES, odds)))),
        frailty=p["frailty_sd"] * noise[:, 1],
        readiness=p["response_sd"] * noise[:, 2],
        style=p["style_sd"] * noise[:, 3],
        regularity=p["regularity_sd"] * noise[:, 4],
        prior=prior,
    )


def standardised(p: Parameters, satisfaction: Floats) -> Floats:
    """Return z(S); centre and scale are stored constants of the world, never sample moments."""
    return (satisfaction - p["c_w"]) / p["k_w"]


def satisfaction(
    p: Parameters,
    product: Floats,
    service: Floats,
    affect: Floats,
    trust: Floats,
    journeys: Floats,
    month: int,
) -> Floats:
    """Return S without what follow-ups added (equation 8)."""
    shift = float(months()["satisfaction_shift"][month])
    return (
        p["weight_product"] * product
        + p["weight_service"] * service
        + p["weight_affect"] * affect
        + p["weight_both"] * product * service
        + p["weight_trust"] * trust
        + p["weight_journey"] * journeys
        + p["k_w"] * (p["drift_per_year"] * month / 12 + p["shift_strength"] * shift)
    )


def next_attachment(p: Parameters, attachment: Floats, satisfied: Floats, trust: Floats) -> Floats:
    """Return B at the end of the month (equation 9)."""
    keep = p["attachment_keep"]
    return keep * attachment + (1 - keep) * (satisfied + p["attachment_trust"] * trust)


def next_habit(p: Parameters, habit: Floats, satisfied: Floats, regularity: Floats) -> Floats:
    """Return H at the end of the month (equation 9)."""
    keep = p["habit_keep"]
    level = p["habit_base"] + p["habit_satisfaction"] * satisfied + regularity
    return keep * habit + (1 - keep) * level


def is_renewal(p: Parameters, traits: Traits, month: int) -> Bools:
    """Return whose contract is up for renewal at the end of the month."""
    age = month - traits.start_month
    term = traits.term(p)
    return np.asarray((age >= 0) & (age % term == term - 1))


@dataclass(frozen=True, slots=True)
class Situation:
    """What a month is like for each customer, besides satisfaction: inputs of equation 10."""

    renewal: Bools
    asked_lately: Bools
    referrer_stays: Bools
    advised: Bools
    tenure_years: Floats


def exit_probability(
    p: Parameters, traits: Traits, month: int, z: Floats, habit: Floats, attachment: Floats, now: Situation
) -> Floats:
    """Return the probability of leaving at the end of the month (equations 10, 13 and 15)."""
    effects = months()
    log_odds = (
        p["a0_w"]
        + p["exit_satisfaction"] * z
        + p["exit_habit"] * habit
        + p["exit_attachment"] * attachment
        + p["exit_renewal"] * now.renewal
        + p["exit_price"] * effects["price_change_share"][month] / 0.10
        + p["exit_rival"] * effects["rival_promo"][month]
        + p["exit_tenure"] * now.tenure_years
        + traits.frailty
        + p["exit_asked"] * now.asked_lately
        + p["exit_referred"] * now.referrer_stays
        + p["exit_advice"] * now.advised
    )
    return np.asarray(expit(log_odds))


def cause_shares(p: Parameters, month: int, z: Floats) -> Floats:
    """Return how the hazard splits into its seven causes (equation 10), customers by causes."""
    effects = months()
    logs = np.tile([p[f"cause_{cause}"] for cause in CAUSES], (len(z), 1))
    logs[:, 0] += p["cause_price_rise"] * effects["price_change_share"][month] / 0.10
    logs[:, 5] += p["cause_rival_promo"] * effects["rival_promo"][month]
    for column, name in ((1, "quality"), (2, "speed"), (3, "life"), (4, "payment")):
        logs[:, column] += p[f"cause_{name}_satisfaction"] * z
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def true_and_stated_cause(p: Parameters, shares: Floats, luck: Floats) -> tuple[Ints, Ints]:
    """Draw why a customer leaves, and the reason given, which is wrong now and then."""
    true = (np.cumsum(shares, axis=1) < luck[:, :1]).sum(axis=1).clip(0, len(CAUSES) - 1)
    other = (true + 1 + np.floor((len(CAUSES) - 1) * luck[:, 2]).astype(np.int64)) % len(CAUSES)
    stated = np.where(luck[:, 1] < p["reason_error"], other, true)
    return true.astype(np.int64), stated.astype(np.int64)
