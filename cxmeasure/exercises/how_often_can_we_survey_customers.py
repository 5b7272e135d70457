"""Answers of the chapter *How often can we survey customers?*."""

from functools import cache

import pandas as pd

from cxmeasure import lantern, survey
from cxmeasure.exercises.checking import Exercise

_LAST_DAY = pd.Timestamp("2025-12-31")


@cache
def _sent(world: str) -> pd.DataFrame:
    people = lantern.load("customers", world)
    lived = people["end_date"].fillna(_LAST_DAY) - people["start_date"]
    people = people.assign(months=(lived.dt.days + 1) / 30.4)[["customer_id", "throttle_arm", "months"]]
    rows = lantern.load("invitations", world).merge(people, on="customer_id")
    rows = rows.assign(has_answered=rows["disposition"].isin(["complete", "partial"]))
    return pd.DataFrame(rows.sort_values(["customer_id", "sent_at"], ignore_index=True))


def _pause(arm: int, *, clustered: bool = True, term: str = "difference") -> list[float]:
    table = survey.contact_fatigue(
        _sent("reversed"),
        arm_column="throttle_arm",
        reference=0,
        customer_column="customer_id" if clustered else None,
    ).table
    row = table[(table["term"] == term) & (table["arm"] == str(arm))].iloc[0]
    return [float(row[name]) for name in ("estimate", "conf_low", "conf_high")]


@cache
def _under_rule(rest: float) -> pd.DataFrame:
    """Keep what is sent if silence brings a rest; count the invitations of the 90 days before."""
    rows = _sent("null").query("throttle_arm == 0")
    days = (rows["sent_at"] - rows["sent_at"].min()) / pd.Timedelta(days=1)
    kept, prior = [], []
    before: list[float] = []
    last, may_ask = None, True
    columns = (rows.index, rows["customer_id"], days, rows["has_answered"])
    for row, customer, day, has_answered in zip(*columns, strict=True):
        if customer != last:
            before, last, may_ask = [], customer, True
        if may_ask or day - before[-1] >= rest:
            kept.append(row)
            prior.append(sum(day - earlier < 90 for earlier in before))
            before.append(day)
            may_ask = has_answered
    return pd.DataFrame(rows.loc[kept].assign(prior=prior))


def _within(rest: float, term: str = "within-person slope") -> float:
    table = survey.contact_fatigue(
        _under_rule(rest), prior_column="prior", customer_column="customer_id"
    ).table.set_index("term")
    return float(table["estimate"][term])


def _asked_or_not(*, world: str = "reversed", against: str = "never asked") -> list[float]:
    people = lantern.load("customers", world)
    rows = people[people["start_date"] <= _LAST_DAY - pd.Timedelta(days=365)]
    gone = (rows["end_date"] - rows["start_date"]).dt.days.lt(365).astype(int)
    group = rows["holdout_never_surveyed"].map({True: "never asked", False: "asked"})
    table = survey.metric(
        rows.assign(gone=gone, group=group),
        score_column="gone",
        metric="top_box",
        scale=(0, 1),
        threshold=1,
        by=["group"],
        against=against,
    ).table
    return [float(table[name].iloc[-1]) for name in ("estimate", "conf_low", "conf_high")]


def _contacts(weight: str | None) -> float:
    sent = _sent("null").query("kind == 'transaction'")
    asked = sent.groupby("customer_id")["kind"].transform("size")
    weights = sent.assign(months_each=sent["months"] / asked, once=1 / asked)
    rows = lantern.load("answers", "null").merge(
        weights[["invitation_id", "months_each", "once"]], on="invitation_id"
    )
    table = survey.metric(rows, weight_column=weight, cluster_column="customer_id").table
    return float(table["estimate"].iloc[0])


EXERCISES = {
    "1": Exercise(
        answer=lambda: _pause(90),
        tolerance=0.0006,
        mistakes={
            "The difference is right. Its interval takes every invitation for another customer.": lambda: (
                _pause(90, clustered=False)
            ),
            "That is what 30 days gain.": lambda: _pause(30),
            "That is the response of the customers with 90 days, not the difference.": lambda: _pause(
                90, term="response rate"
            ),
        },
    ),
    "2": Exercise(
        answer=lambda: _within(30),
        tolerance=0.0006,
        mistakes={
            "That is the slope with a rest of 90 days.": lambda: _within(90),
            "Those are log odds; the slope as a share is asked for.": lambda: _within(30, "log odds"),
        },
    ),
    "3": Exercise(
        answer=_asked_or_not,
        tolerance=0.0006,
        mistakes={
            "That is never asked less asked; turn it round.": lambda: _asked_or_not(against="asked"),
            "That is the world in which the claim holds.": lambda: _asked_or_not(world="claimed"),
        },
    ),
    "4": Exercise(
        answer=lambda: _contacts("months_each"),
        tolerance=0.06,
        mistakes={
            "Those are the answers as they are, each contact alike.": lambda: _contacts(None),
            "That gives a customer of two weeks the same say as one of three years.": lambda: _contacts(
                "once"
            ),
        },
    ),
}
