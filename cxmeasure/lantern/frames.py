"""Tables of customers, contracts, contacts, use and hidden states."""

import numpy as np
import pandas as pd

from cxmeasure.lantern.catalogue import JOURNEY_TYPES, N_MONTHS, touchpoints
from cxmeasure.lantern.contacts import FIX
from cxmeasure.lantern.customers import (
    AGE_BANDS,
    CAUSES,
    MONTH_STARTS,
    PERSONAS,
    REGIONS,
    Bools,
    Parameters,
    is_renewal,
    months,
)
from cxmeasure.lantern.ledger import Ledger, day, moment, names, whole
from cxmeasure.lantern.streams import Floats, Ints

CAPTURE_CLASSES = ("own digital", "phone", "shop", "partner", "social")
STAFFED = ("phone", "reading room", "partner shop")
_MINUTES = {"phone": 9.0, "reading room": 35.0, "app": 14.0, "chat": 7.0, "web": 4.0}
_COST = {
    "phone": 6.80, "chat": 0.12, "reading room": 3.20, "courier": 0.95, "parcel": 0.60, "partner shop": 0.80,
    "web": 0.08, "e-mail": 0.01, "payment page": 0.05,
}  # fmt: skip
JOIN_REASON = ("completed", "abandoned", "cut off")


def _prospect(ledger: Ledger, index: Ints) -> Ints:
    return 4 * (ledger.first + index) + 1


def customers(ledger: Ledger) -> pd.DataFrame:
    """Return one row a customer."""
    c, t, p = ledger.company, ledger.company.traits, ledger.company.p
    n = np.arange(len(t))
    luck = ledger.draws("mentions").uniform(columns=(2,))
    referred = c.referrer >= 0
    recorded = referred & (luck[:, 0] < p["referral_recorded"])
    rest = np.where(luck[:, 1] < 0.46, 0, np.where(luck[:, 1] < 0.90, 1, 3))
    rest = np.where(referred, np.where(luck[:, 1] < 0.6, 1, 3), rest)
    ends = MONTH_STARTS[np.minimum(c.exit_month, N_MONTHS - 1) + 1] - 1
    return pd.DataFrame(
        {
            "customer_id": ledger.customer_id(n),
            "prospect_id": _prospect(ledger, n),
            "start_date": day(t.start_time),
            "end_date": pd.Series(day(ends)).mask(c.exit_month >= N_MONTHS),
            "region": names(REGIONS, t.branch // 6),
            "age_band": names(AGE_BANDS, t.age),
            "digital": t.is_digital,
            "plan": names(("monthly", "annual"), t.is_annual.astype(int)),
            "price": np.where(t.is_annual, p["price_annual"], p["price_monthly"]),
            "channel_recorded": names(
                ("paid", "organic", "referral", "unknown"), np.where(recorded, 2, rest)
            ),
            "campaign_arm": names(("plain", "promise"), t.promise.astype(int)),
            "branch_id": t.branch + 1,
            "neighbourhood_id": t.neighbourhood + 1,
            "persona_hint": names(PERSONAS, t.persona),
            "holdout_never_surveyed": t.holdout,
            "throttle_arm": t.throttle,
            "diary_panel": t.panellist,
        }
    )


def _price_by_month(ledger: Ledger) -> Floats:
    """Return prices, customers by months, with the calendar's price rises."""
    p, t = ledger.company.p, ledger.company.traits
    base = np.where(t.is_annual, p["price_annual"], p["price_monthly"])
    level = np.cumprod(1 + months()["price_change_share"])
    return np.asarray(np.round(np.outer(base, level), 2))


def contracts(ledger: Ledger) -> pd.DataFrame:
    """Return one row a contract period; a price rise reaches a customer with the next contract."""
    c, t = ledger.company, ledger.company.traits
    term = t.term(c.p)
    last = np.minimum(c.exit_month, N_MONTHS - 1)
    count = (last - t.start_month) // term + 1
    who = np.repeat(np.arange(len(t)), count)
    turn = np.arange(len(who)) - np.repeat(np.cumsum(count) - count, count)
    start = t.start_month[who] + turn * term[who]
    planned = start + term[who] - 1
    is_last = turn == count[who] - 1
    gone = is_last & (c.exit_month[who] < N_MONTHS)
    end = np.where(gone, c.exit_month[who], planned)
    beyond = pd.date_range("2023-01-01", periods=N_MONTHS + 13, freq="MS").to_numpy().astype("datetime64[us]")
    price = _price_by_month(ledger)[who, start]
    earlier = np.r_[price[:1], price[:-1]]
    change = np.where(turn > 0, 100 * (price / earlier - 1), 0.0)
    return pd.DataFrame(
        {
            "contract_id": ledger.running("contracts", len(who)),
            "customer_id": ledger.customer_id(who),
            "start_date": np.where(turn == 0, day(t.start_time[who]), beyond[start]),
            "end_date": beyond[end + 1] - np.timedelta64(1, "D"),
            "term_months": term[who],
            "price": price,
            "renewed": pd.Series(~gone, dtype="boolean").mask(
                pd.Series(is_last & ~gone & (planned >= N_MONTHS))
            ),
            "price_change_pct": np.round(change, 1),
        }
    )


def exits(ledger: Ledger) -> pd.DataFrame:
    """Return one row an exit; contracts end with a month."""
    c = ledger.company
    gone = np.flatnonzero(c.exit_month < N_MONTHS)
    return pd.DataFrame(
        {
            "customer_id": ledger.customer_id(gone),
            "date": day(MONTH_STARTS[c.exit_month[gone] + 1] - 1),
            "stated_reason": names(CAUSES, c.stated_cause[gone]),
        }
    )


def events(ledger: Ledger) -> pd.DataFrame:
    """Return one row a contact with Lantern or a cluster of sessions."""
    c, rows = ledger.company, ledger.event_rows
    seen = c.contacts
    who, step, journey = seen.customer[rows], seen.touchpoint[rows], seen.journey[rows]
    draws = ledger.draws("records")
    luck, noise = draws.uniform(who, (3,)), draws.normal(who)
    table = touchpoints()
    channel = table["channel"].to_numpy(dtype=str)
    branch = c.traits.branch[who]
    local = np.isin(table["record_class"].to_numpy(dtype=str), ("phone", "shop", "partner"))[step]
    staffed = np.isin(channel, STAFFED)[step]
    minutes = np.array([_MINUTES.get(name, 2.0) for name in channel])[step] * np.exp(0.5 * noise)
    cost = np.array([_COST.get(name, 0.0) for name in channel])
    inside = journey >= 0
    frame = pd.DataFrame(
        {
            "event_id": ledger.event_number[rows],
            "customer_id": ledger.customer_id(who),
            "touchpoint_id": step + 1,
            "touchpoint": names(table["name"].tolist(), step),
            "ts": moment(seen.time[rows]),
            "channel": names(channel.tolist(), step),
            "branch_id": whole(branch + 1, ~local),
            "journey_id": whole(ledger.journey_number[np.maximum(journey, 0)], ~inside),
            "seq": whole(_sequence(journey), ~inside),
            "duration_min": np.maximum(np.round(minutes), 1.0),
            "failed": seen.failed[rows],
            "handoff_break": seen.broken[rows],
            "employee_id": whole(branch * 40 + 1 + np.floor(40 * luck[:, 2]).astype(np.int64), ~staffed),
            "recorded_in": _recorded_in(ledger, rows, luck),
            "cost": cost[step],
        }
    )
    return frame


def _sequence(journey: Ints) -> Ints:
    """Return 1, 2, ... within each journey, in the order of time."""
    order = np.argsort(journey, kind="stable")
    by_journey = journey[order]
    first = np.searchsorted(by_journey, by_journey, side="left")
    place = np.empty(len(journey), dtype=np.int64)
    place[order] = np.arange(len(journey)) - first + 1
    return place


def _by_class(p: Parameters, prefix: str) -> Floats:
    """Return the probability of a record for each touchpoint, by its class (equation 18)."""
    chance = {name: p[f"{prefix}_{name.replace(' ', '_')}"] for name in CAPTURE_CLASSES}
    return np.asarray(touchpoints()["record_class"].map(chance), dtype=np.float64)


def in_diary(ledger: Ledger) -> Bools:
    """Return which contacts a diarist wrote down (equation 18); rivals too."""
    seen, p = ledger.company.contacts, ledger.company.p
    luck = ledger.draws("diary").uniform(seen.customer)
    chance = np.where(seen.touchpoint >= 0, _by_class(p, "diary")[seen.touchpoint], p["diary_rival"])
    lived = np.isfinite(ledger.company.lived.satisfaction)
    return np.asarray(lived & ledger.company.traits.panellist[seen.customer] & (luck < chance))


def _recorded_in(ledger: Ledger, rows: Ints, luck: Floats) -> pd.Series:
    """Return where a contact is on record (equation 18): any of crm, partner, diary, joined by +."""
    p, table = ledger.company.p, touchpoints()
    step = ledger.company.contacts.touchpoint[rows]
    crm = luck[:, 0] < _by_class(p, "capture")[step]
    partner = (table["owner"] == "partner").to_numpy()[step] & (luck[:, 1] < 0.8)
    code = crm + 2 * partner + 4 * in_diary(ledger)[rows]
    options = (
        "nowhere",
        "crm",
        "partner",
        "crm+partner",
        "diary",
        "crm+diary",
        "partner+diary",
        "crm+partner+diary",
    )
    return names(options, code)


def journeys(ledger: Ledger) -> pd.DataFrame:
    """Return one row a journey that took place, at least in part."""
    c, rows = ledger.company, ledger.journey_rows
    memory, who = c.memory, c.journeys.customer[rows]
    cut = memory.last_month[rows] > c.exit_month[who]
    luck = ledger.draws("journeys").uniform(who)
    left = ~cut & (luck < 0.04 + c.p["abandon_break"] * np.minimum(memory.breaks[rows], 3))
    lived = np.flatnonzero((c.contacts.journey >= 0) & np.isfinite(c.lived.satisfaction))
    first, last = np.full(len(memory.count), np.inf), np.full(len(memory.count), -np.inf)
    np.minimum.at(first, c.contacts.journey[lived], c.contacts.time[lived])
    np.maximum.at(last, c.contacts.journey[lived], c.contacts.time[lived])
    return pd.DataFrame(
        {
            "journey_id": ledger.journey_number[rows],
            "customer_id": ledger.customer_id(who),
            "type": names(JOURNEY_TYPES, c.journeys.kind[rows]),
            "start": moment(first[rows]),
            "end": moment(last[rows]),
            "n_steps": memory.count[rows],
            "n_breaks": memory.breaks[rows],
            "off_script": c.journeys.off_script[rows],
            "outcome": names(JOIN_REASON, np.where(cut, 2, left.astype(int))),
        }
    )


def _use(ledger: Ledger) -> dict[str, np.ndarray]:
    """Draw sessions, crashes, task times and extra purchases, customers by months."""
    c = ledger.company
    h, draws = c.history, ledger.draws("usage")
    product, habit = np.nan_to_num(h.product), np.nan_to_num(h.habit)
    rate = np.exp(1.5 + 0.15 * product + 0.8 * habit + 3.0 * c.traits.regularity[:, None])
    reach = 0.4 + 0.6 * c.traits.is_digital[:, None]
    sessions = draws.poisson(np.asarray(rate * months()["contact_multiplier"] * reach, dtype=np.float64))
    outage = np.where(np.arange(N_MONTHS) == 10, 6.0, 1.0)
    return {
        "sessions": sessions,
        "crashes": draws.poisson(np.asarray(0.012 * sessions * outage, dtype=np.float64)),
        "task_time_s": np.exp(3.4 - 0.10 * product + 0.35 * draws.normal(columns=(N_MONTHS,))),
        "extras": draws.poisson(np.asarray(np.exp(-1.6 + 0.20 * np.nan_to_num(h.z)), dtype=np.float64)),
    }


def usage(ledger: Ledger) -> pd.DataFrame:
    """Return one row a customer and month: use of the app. The new look changes no task time."""
    who, month = np.nonzero(ledger.present)
    use = _use(ledger)
    sessions = use["sessions"][who, month]
    length = np.diff(MONTH_STARTS)[month]
    return pd.DataFrame(
        {
            "customer_id": ledger.customer_id(who),
            "month": month + 1,
            "sessions": sessions,
            "days": np.ceil(length * (1 - np.exp(-sessions / length)) - 1e-9).astype(np.int64),
            "task_time_s": np.round(use["task_time_s"][who, month], 1),
            "skin_arm": names(("old", "new"), ledger.company.traits.new_skin[who].astype(int)),
            "crashes": use["crashes"][who, month],
        }
    )


def panel_month(ledger: Ledger) -> pd.DataFrame:
    """Return one row a customer and month, derived from the other tables."""
    c, t = ledger.company, ledger.company.traits
    who, month = np.nonzero(ledger.present)
    use = _use(ledger)
    tickets = np.zeros(ledger.present.shape, dtype=np.int64)
    opened = ledger.journey_rows[c.journeys.kind[ledger.journey_rows] == FIX]
    start = np.searchsorted(MONTH_STARTS, c.journeys.start[opened], side="right") - 1
    np.add.at(tickets, (c.journeys.customer[opened], start), 1)
    renewal = np.stack([is_renewal(c.p, t, at) for at in range(N_MONTHS)], axis=1)
    price = _price_by_month(ledger)
    age = np.maximum(np.arange(N_MONTHS) - t.start_month[:, None], 0)
    term = t.term(c.p)[:, None]
    contract_start = t.start_month[:, None] + age // term * term
    paid = np.take_along_axis(price, np.minimum(contract_start, N_MONTHS - 1), axis=1)
    return pd.DataFrame(
        {
            "customer_id": ledger.customer_id(who),
            "month": month + 1,
            "tenure_m": month - t.start_month[who],
            "spend": np.round(paid[who, month] + 4.90 * use["extras"][who, month], 2),
            "tickets": tickets[who, month],
            "sessions": use["sessions"][who, month],
            "renewal_month": renewal[who, month],
            "exit_next": c.exit_month[who] == month,
            "rival_promo": months()["rival_promo"][month].astype(bool),
        }
    )


def truth_customer(ledger: Ledger) -> pd.DataFrame:
    """Return one row a customer and month: hidden states at the end of the month."""
    h = ledger.company.history
    who, month = np.nonzero(ledger.present)
    states = {
        "satisfaction": h.satisfaction, "z": h.z, "product_belief": h.product, "service_belief": h.service,
        "affect": h.affect, "trust": h.trust, "journey_memory": h.journeys, "attachment": h.attachment,
        "habit": h.habit, "followup_gain": h.loop, "exit_probability": h.hazard,
    }  # fmt: skip
    return pd.DataFrame(
        {"customer_id": ledger.customer_id(who), "month": month + 1}
        | {name: np.round(state[who, month], 3) for name, state in states.items()}
        | {"episode": names(EPISODE_NAMES, _episode(ledger)[who, month])}
    )


EPISODE_NAMES = ("become", "am", "stay", "loyal", "leave")


def _episode(ledger: Ledger) -> Ints:
    """Return the true episode: loyal is a matter of the heart, so no record shows it."""
    c = ledger.company
    h, t, month = c.history, c.traits, np.arange(N_MONTHS)
    age = month - t.start_month[:, None]
    loyal = (np.nan_to_num(h.attachment) > 0.30) & (np.nan_to_num(h.habit) > 0.45)
    state = np.where(age < 2, 0, np.where(age < t.term(c.p)[:, None], 1, np.where(loyal, 3, 2)))
    return np.where(month == c.exit_month[:, None], 4, state)


def truth_person(ledger: Ledger) -> pd.DataFrame:
    """Return one row a customer: hidden traits, who referred them, why they left."""
    c, t = ledger.company, ledger.company.traits
    n = np.arange(len(t))
    traits = {
        "fit": c.fit, "prior_product": t.prior[0], "prior_service": t.prior[1], "frailty": t.frailty,
        "readiness": t.readiness, "style": t.style, "regularity": t.regularity,
    }  # fmt: skip
    return pd.DataFrame(
        {"customer_id": ledger.customer_id(n)}
        | {name: np.round(value, 3) for name, value in traits.items()}
        | {
            "referrer_id": whole(ledger.customer_id(c.referrer), c.referrer < 0),
            "true_reason": names(CAUSES, c.true_cause),
        }
    )


def truth_event(ledger: Ledger) -> pd.DataFrame:
    """Return one row an event: what it delivered and what it did."""
    rows, lived = ledger.event_rows, ledger.company.lived
    values = {
        "signal": lived.signal, "belief_before": lived.before, "belief_after": lived.after,
        "gain": lived.gain, "gap_value": lived.gap_value, "satisfaction": lived.satisfaction,
    }  # fmt: skip
    return pd.DataFrame(
        {
            "event_id": ledger.event_number[rows],
            "customer_id": ledger.customer_id(ledger.company.contacts.customer[rows]),
        }
        | {"contact_number": lived.number[rows]}
        | {name: np.round(value[rows], 3) for name, value in values.items()}
    )


def truth_journey(ledger: Ledger) -> pd.DataFrame:
    """Return one row a journey: what it was like and what is remembered of it."""
    rows, memory = ledger.journey_rows, ledger.company.memory
    return pd.DataFrame(
        {
            "journey_id": ledger.journey_number[rows],
            "customer_id": ledger.customer_id(memory.customer[rows]),
            "mean": np.round(memory.total[rows] / memory.count[rows], 3),
            "peak": np.round(memory.peak[rows], 3),
            "end": np.round(memory.end[rows], 3),
            "remembered": np.round(memory.remembered[rows], 3),
        }
    )
