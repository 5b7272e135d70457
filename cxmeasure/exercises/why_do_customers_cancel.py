"""Answers of the chapter *Why do customers cancel?*."""

from functools import cache

import pandas as pd

from cxmeasure import lantern, lifecycle
from cxmeasure.exercises.checking import Exercise

_RECORDS = ("renewal_month", "price_rise", "rival_promo", "tenure_years")
_STATES = ("z", "habit", "attachment")


@cache
def _hazard(world: str, *, has_states: bool = False) -> pd.DataFrame:
    """Return the coefficients of leaving on what the records hold, and the hidden states if asked."""
    months = lantern.load("panel_month", world)
    months = months.assign(tenure_years=months["tenure_m"] / 12, price_rise=0.9 * (months["month"] == 20))
    columns = [*_RECORDS]
    if has_states:
        hidden = lantern.load("truth_customer", world)[["customer_id", "month", *_STATES]]
        months, columns = months.merge(hidden, on=["customer_id", "month"]), [*_RECORDS, *_STATES]
    return lifecycle.leaving_hazard(months, covariate_columns=columns).table.set_index("term")


def _renewal(world: str, names: tuple[str, ...] = ("ratio", "ratio_low", "ratio_high")) -> list[float]:
    row = _hazard(world).loc["renewal_month"].to_dict()
    return [float(row[name]) for name in names]


def _slope(
    *, has_states: bool, names: tuple[str, ...] = ("estimate", "conf_low", "conf_high")
) -> list[float]:
    row = _hazard("claimed", has_states=has_states).loc["tenure_years"].to_dict()
    return [float(row[name]) for name in names]


def _stated_rival() -> float:
    return float((lantern.load("exits")["stated_reason"] == "rival").mean())


def _corrected(stated: float, wrong: float = 0.25) -> float:
    return (stated - wrong / 6) / (1 - 7 * wrong / 6)


def _skill(world: str) -> float:
    said = lantern.load("answers", world).dropna(subset=["stay_intent"]).query("answered_at < '2025-01-01'")
    said = said.merge(lantern.load("exits", world), on="customer_id", how="left")
    stays = ~((said["date"] - said["answered_at"]).dt.days <= 365) * 1.0
    loss = (said["stay_intent"].astype(float) / 10 - stays) ** 2
    return float(1 - loss.mean() / stays.var(ddof=0))


EXERCISES = {
    "1": Exercise(
        answer=lambda: _renewal("null"),
        tolerance=0.006,
        mistakes={
            "Those are log odds; take them to the exponential.": lambda: _renewal(
                "null", ("estimate", "conf_low", "conf_high")
            ),
            "That is the world as claimed.": lambda: _renewal("claimed"),
        },
    ),
    "2": Exercise(
        answer=lambda: _slope(has_states=True),
        tolerance=0.006,
        mistakes={
            "That is the slope on records alone; the feelings are missing.": lambda: _slope(has_states=False),
            "Those are odds ratios; the slope is their logarithm.": lambda: _slope(
                has_states=True, names=("ratio", "ratio_low", "ratio_high")
            ),
        },
    ),
    "3": Exercise(
        answer=lambda: _corrected(_stated_rival()),
        tolerance=0.001,
        mistakes={
            "That is the stated share.": _stated_rival,
            "That takes off a quarter; the wrong reasons of others land here too.": lambda: (
                0.75 * _stated_rival()
            ),
        },
    ),
    "4": Exercise(
        answer=lambda: _skill("null"),
        tolerance=0.002,
        mistakes={
            "That is the world as claimed.": lambda: _skill("claimed"),
            "That is the loss compared with the base rate's; the skill is one less it.": lambda: (
                1 - _skill("null")
            ),
        },
    ),
}
