"""Tables of surveys: invitations, answers, the telephone sample, follow-ups, and the hidden propensity."""

from functools import cache
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import expit, ndtri

from cxmeasure.lantern.catalogue import N_MONTHS, touchpoints
from cxmeasure.lantern.comments import draw_topics, write_comments
from cxmeasure.lantern.customers import MONTH_STARTS, Parameters
from cxmeasure.lantern.followups import LOOP_ARMS
from cxmeasure.lantern.ledger import Ledger, moment, names, whole
from cxmeasure.lantern.streams import BLOCK, Floats, Ints
from cxmeasure.lantern.surveys import (
    CSAT_CUTS,
    DISPOSITIONS,
    REMINDER_DAYS,
    SURVEY_CHANNELS,
    rated,
    recommendation,
)

KINDS: Final = ("relationship", "transaction")
AREAS: Final = ("app", "delivery", "billing", "support", "events")
_AREA_OF_JOURNEY: Final = {"delivery": 1, "renew": 2, "move house": 2, "fix a problem": 3, "attend event": 4}
COMMENT_SHARE: Final = 0.31
_DIMENSIONS: Final = (
    ("useful", 1), ("usable", 1), ("sensuous", 1), ("service", 4),
    ("trust", 3), ("bond", 3), ("endorse", 3), ("advocate", 3), ("gets_me", 1),
)  # fmt: skip
_SEVEN_CUTS: Final = ndtri(np.array([0.04, 0.11, 0.23, 0.42, 0.64, 0.86]))
REASONS: Final = ("use", "delivery", "payment", "question", "complaint", "other")


def _disposition(ledger: Ledger) -> Ints:
    """Return what came of each invitation sent, by the place of its name."""
    c, rows = ledger.company, ledger.invitation_rows
    sent, p = c.invitations, ledger.company.p
    luck = sent.luck[rows]
    longer = np.choose(np.searchsorted((1, 3, 12), sent.minutes[rows]), [0.3, 0.8, 1.9])
    partial = luck[:, 2] < p["partial_share"] * longer
    silent = np.where(luck[:, 2] < p["refused_share"], 2, 3)
    silent = np.where(luck[:, 0] < p["undelivered_share"], 4, silent)
    return np.where(c.answers.answered[rows], partial.astype(int), silent)


def _answered_at(ledger: Ledger, rows: Ints) -> Floats:
    c, luck = ledger.company, ledger.company.invitations.luck[rows, 3]
    early = np.minimum(-1.1 * np.log1p(-0.985 * luck), REMINDER_DAYS - 0.05)
    late = REMINDER_DAYS + 0.02 - 1.3 * np.log1p(-0.985 * luck)
    delay = np.where(c.answers.late[rows], late, early) + 0.003
    return np.asarray(c.invitations.time[rows] + delay)


def invitations(ledger: Ledger) -> pd.DataFrame:
    """Return one row an invitation; a planned reminder goes to those who have not answered in five days."""
    c, rows = ledger.company, ledger.invitation_rows
    sent = c.invitations
    waiting = ~c.answers.answered[rows] | c.answers.late[rows]
    reminded = sent.reminder[rows] & waiting & (sent.luck[rows, 0] >= c.p["undelivered_share"])
    about = sent.contact[rows]
    return pd.DataFrame(
        {
            "invitation_id": ledger.invitation_number[rows],
            "customer_id": ledger.customer_id(sent.customer[rows]),
            "kind": names(KINDS, (about >= 0).astype(int)),
            "channel": names(SURVEY_CHANNELS, sent.channel[rows]),
            "event_id": whole(ledger.event_number[np.maximum(about, 0)], about < 0),
            "sent_at": moment(sent.time[rows]),
            "month": sent.month[rows] + 1,
            "length_min": sent.minutes[rows],
            "n_prior_90d": sent.prior[rows],
            "reminder_planned": sent.reminder[rows],
            "reminder_at": pd.Series(moment(sent.time[rows] + REMINDER_DAYS)).mask(~reminded),
            "disposition": names(DISPOSITIONS, _disposition(ledger)),
        }
    )


def truth_invitation(ledger: Ledger) -> pd.DataFrame:
    """Return one row an invitation: z(S) when it was sent and the probability of an answer."""
    c, rows = ledger.company, ledger.invitation_rows
    return pd.DataFrame(
        {
            "invitation_id": ledger.invitation_number[rows],
            "customer_id": ledger.customer_id(c.invitations.customer[rows]),
            "z": np.round(c.answers.z[rows], 3),
            "propensity": np.round(c.answers.propensity[rows], 3),
            "ltr_if_asked": c.answers.ltr[rows],
        }
    )


def _areas() -> Ints:
    """Return the area of each touchpoint: app, delivery, billing, support or events."""
    table = touchpoints()
    area = table["journey_type"].map(_AREA_OF_JOURNEY).fillna(0).to_numpy(dtype=np.int64)
    return np.where(table["channel"].isin(["app", "chat"]), np.where(area == 3, 3, 0), area)


def area_scores(ledger: Ledger) -> Floats:
    """Return scores 1 to 5, customers by months by areas: recent contacts, or the general view if none."""
    c = ledger.company
    rows = ledger.event_rows
    total = np.zeros((len(c.traits), N_MONTHS, len(AREAS)))
    count = np.zeros_like(total)
    cell = c.contacts.customer[rows], c.contacts.month[rows], _areas()[c.contacts.touchpoint[rows]]
    np.add.at(total, cell, c.lived.satisfaction[rows])
    np.add.at(count, cell, 1.0)
    for month in range(1, N_MONTHS):
        total[:, month] += 0.8 * total[:, month - 1]
        count[:, month] += 0.8 * count[:, month - 1]
    general = np.nan_to_num(c.history.z)[:, :, None] * 0.4
    score = c.p["score_level"] + c.p["score_slope"] * (total + general) / (count + 1.0)
    return np.asarray(np.clip(score, 1.0, 5.0))


def power_mean(scores: Floats, exponent: float) -> Floats:
    """Return the power mean along the last axis (equation 7); exponent 0 is the geometric mean."""
    if abs(exponent) < 1e-9:
        return np.asarray(np.exp(np.log(scores).mean(axis=-1)))
    return np.asarray(np.mean(scores**exponent, axis=-1) ** (1 / exponent))


def answers(ledger: Ledger) -> pd.DataFrame:
    """Return one row an answered invitation; what a short questionnaire does not ask is missing."""
    c = ledger.company
    every = ledger.invitation_rows
    rows = every[c.answers.answered[every]]
    sent, who = c.invitations, c.invitations.customer[rows]
    about, minutes = sent.contact[rows], sent.minutes[rows]
    partial = _disposition(ledger)[c.answers.answered[every]] == 1
    draws = ledger.draws("items")
    noise, luck = draws.normal(who, (34,)), draws.uniform(who, (6,))
    z = c.answers.z[rows]
    month = sent.month[rows]
    line_odds = -4.0 + 0.35 * np.minimum(sent.prior[rows], 6) + 0.5 * (minutes == 12)
    straight = luck[:, 0] < expit(line_odds)
    stay = np.clip(
        np.round(6.9 + 1.5 * z + 3.0 * (c.history.attachment[who, month] - 0.2) + 1.4 * noise[:, 0]), 0, 10
    )
    short, medium = minutes < 3, minutes < 12
    frame = pd.DataFrame(
        {
            "invitation_id": ledger.invitation_number[rows],
            "customer_id": ledger.customer_id(who),
            "answered_at": moment(np.minimum(_answered_at(ledger, rows), MONTH_STARTS[-1] - 0.001)),
            "kind": names(KINDS, (about >= 0).astype(int)),
            "channel": names(SURVEY_CHANNELS, sent.channel[rows]),
            "plan": names(("monthly", "annual"), c.traits.is_annual[who].astype(int)),
            "event_id": whole(ledger.event_number[np.maximum(about, 0)], about < 0),
            "ltr": c.answers.ltr[rows],
            "csat": whole(c.answers.csat[rows], partial & ~short),
            "ces": whole(c.answers.ces[rows], partial & (luck[:, 1] < 0.5)),
            "stay_intent": whole(stay.astype(np.int64), short | partial),
        }
    )
    items = _items(ledger, rows, noise, straight)
    for name, values in items.items():
        frame[name] = whole(values, medium | partial)
    for name, ratings in _touchpoint_ratings(ledger, rows, noise[:, 10]).items():
        frame[name] = pd.Series(ratings).mask(pd.Series(short | partial | (about >= 0)))
    reason = np.searchsorted(np.cumsum([0.30, 0.25, 0.15, 0.15, 0.10]), luck[:, 2])
    return frame.assign(
        reason_contact=names(REASONS, np.where(about >= 0, reason, -1)),
        comment=_comments(ledger, rows, luck[:, 3]),
        seconds=np.round(minutes * 38 * np.exp(0.4 * noise[:, 11]) * np.where(straight, 0.35, 1.0), 0),
        begged=sent.begged[rows],
        straightline=straight,
        item_missing=np.floor(-np.log1p(-luck[:, 4]) * 0.12 * minutes**0.7 + 3 * partial).astype(np.int64),
        wording_arm=names(("neutral", "evaluative"), sent.evaluative[rows].astype(int)),
    )


def _items(ledger: Ledger, rows: Ints, noise: Floats, straight: np.ndarray) -> dict[str, Ints]:
    """Return items 1 to 7 of the long questionnaire, each latent blurred to a reliability of .70."""
    c, p = ledger.company, ledger.company.p
    who, month = c.invitations.customer[rows], c.invitations.month[rows]
    h, z = c.history, c.answers.z[rows]
    product, service = h.product[who, month] / 0.55 - 0.6, h.service[who, month] / 0.40 - 0.1
    heart = (h.attachment[who, month] - 0.2) / 0.21
    spread = 0.6 * noise[:, 1:6]
    skin = p["skin_ease"] * c.traits.new_skin[who]
    latent = {
        "useful": 0.8 * product + spread[:, 0],
        "usable": 0.8 * product + spread[:, 1] + skin,
        "sensuous": 0.8 * product + spread[:, 2] + 2.0 * skin,
        "service": 0.8 * service + spread[:, 3],
        "trust": 0.6 * z + 4.0 * (h.trust[who, month] - 0.3) + spread[:, 4],
        "bond": 0.9 * heart + 0.4 * noise[:, 6],
        "endorse": 0.7 * z + 0.2 * heart + 0.5 * noise[:, 7],
        "advocate": 0.4 * z + 0.6 * heart + 0.5 * noise[:, 8],
        "gets_me": 0.5 * product + 0.4 * heart + 0.6 * noise[:, 9],
    }
    items: dict[str, Ints] = {}
    column = 12
    same = rated(z, noise[:, 9], 0.7, _SEVEN_CUTS)
    for name, count in _DIMENSIONS:
        for turn in range(count):
            label = name if count == 1 else f"{name}_{turn + 1}"
            item = rated(latent[name], noise[:, column], 0.70, _SEVEN_CUTS)
            items[label] = np.where(straight, same, item)
            column += 1
    return items


def _touchpoint_ratings(ledger: Ledger, rows: Ints, noise: Floats) -> dict[str, Floats]:
    """Return ratings 1 to 5 of five areas and of all together, which is their power mean (equation 7)."""
    c = ledger.company
    who, month = c.invitations.customer[rows], c.invitations.month[rows]
    scores = area_scores(ledger)[who, month]
    together = power_mean(scores, c.p["power_exponent"]) + c.p["score_noise"] * noise
    rounded: dict[str, Floats] = {
        f"score_{area}": np.asarray(np.round(scores[:, place], 1), dtype=np.float64)
        for place, area in enumerate(AREAS)
    }
    return rounded | {"score_overall": np.asarray(np.round(np.clip(together, 1.0, 5.0), 1), dtype=np.float64)}


def _comments(ledger: Ledger, rows: Ints, luck: Floats) -> pd.Series:
    """Let three in ten write something; what it is about is drawn from hidden topics."""
    c = ledger.company
    who, z = c.invitations.customer[rows], c.answers.z[rows]
    told = np.full(len(rows), None, dtype=object)
    for block, source in enumerate(ledger.draws("comments").of_each_block()):
        here = np.flatnonzero((who // BLOCK == block) & (luck < COMMENT_SHARE))
        told[here] = write_comments(draw_topics(z[here], source), z[here], source)
    return pd.Series(told, dtype="str")


def followup_sample(ledger: Ledger) -> pd.DataFrame:
    """Return one row a non-respondent drawn for the telephone (equation 20)."""
    c, p = ledger.company, ledger.company.p
    every = ledger.invitation_rows
    rows = every[~c.answers.answered[every] & (c.invitations.luck[every, 0] >= p["undelivered_share"])]
    who = c.invitations.customer[rows]
    draws = ledger.draws("phone")
    luck, noise = draws.uniform(who, (2,)), draws.normal(who, (2,))
    z = c.answers.z[rows]
    reached = luck[:, 1] < expit(np.log(p["reach_rate"] / (1 - p["reach_rate"])) + p["reach_tilt"] * z)
    ltr = recommendation(p, z, c.traits.style[who], noise[:, 0])
    csat = rated(z, noise[:, 1], p["reliability_csat"], CSAT_CUTS)
    drawn = luck[:, 0] < p["followup_share"]
    frame = pd.DataFrame(
        {
            "invitation_id": ledger.invitation_number[rows],
            "customer_id": ledger.customer_id(who),
            "drawn": drawn,
            "reached": reached,
            "ltr": whole(ltr, ~reached),
            "csat": whole(csat, ~reached),
        }
    )
    return frame[drawn].reset_index(drop=True)


@cache
def _team_pace(spread: float) -> Floats:
    return spread * ndtri((np.arange(24) * 7 % 24 + 0.5) / 24)


def _closure_hours(p: Parameters, arm: Ints, branch: Ints, noise: Floats) -> Floats:
    factor = np.array([2.2, 0.6, 1.0, 1.1])[arm]
    return (
        p["closure_hours"]
        * factor
        * np.exp(p["closure_spread"] * noise + _team_pace(p["closure_team_sd"])[branch])
    )


def followups(ledger: Ledger) -> pd.DataFrame:
    """Return one row a case (equation 14); cases still open on the last day have no end."""
    c = ledger.company
    order = np.lexsort((c.cases.month, c.cases.customer))
    cases = type(c.cases)(*(getattr(c.cases, name)[order] for name in c.cases.__slots__))
    draws = ledger.draws("followups_records")
    noise, luck = draws.normal(cases.customer), draws.uniform(cases.customer, (2,))
    branch = c.traits.branch[cases.customer]
    opened = _answered_at(ledger, cases.invitation) + 0.05
    hours = _closure_hours(c.p, cases.arm, branch, noise)
    closed = opened + hours / 24
    still_open = closed > MONTH_STARTS[-1]
    staffed = cases.arm >= 2
    return pd.DataFrame(
        {
            "case_id": ledger.running("cases", len(order)),
            "invitation_id": ledger.invitation_number[cases.invitation],
            "customer_id": ledger.customer_id(cases.customer),
            "period": names(("observational", "randomised"), cases.randomised.astype(int)),
            "arm": names(LOOP_ARMS, cases.arm),
            "opened_at": moment(opened),
            "closed_at": pd.Series(moment(closed)).mask(still_open),
            "resolved": cases.resolved,
            "severity_noted": np.clip(np.ceil(5 * cases.severity + 0.6 * (luck[:, 1] - 0.5)), 1, 5).astype(
                np.int64
            ),
            "branch_id": branch + 1,
            "employee_id": whole(branch * 40 + 1 + np.floor(40 * luck[:, 0]).astype(np.int64), ~staffed),
            "called_back": staffed,
        }
    )
