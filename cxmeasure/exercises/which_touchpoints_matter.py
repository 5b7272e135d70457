"""Answers of the chapter *Key drivers: which touchpoints matter?*."""

from functools import cache

import numpy as np
import pandas as pd
from statsmodels.stats.inter_rater import cohens_kappa

from cxmeasure import lantern, touchpoints
from cxmeasure.exercises.checking import Exercise

_AREAS = ["score_app", "score_delivery", "score_billing", "score_support", "score_events"]


def _kappa(one: str, other: str) -> float:
    catalogue = lantern.load("touchpoints")
    return float(cohens_kappa(pd.crosstab(catalogue[one], catalogue[other])).kappa)


def _agreement(one: str, other: str) -> float:
    catalogue = lantern.load("touchpoints")
    return float((catalogue[one] == catalogue[other]).mean())


@cache
def _exponent(world: str) -> list[float]:
    answers = lantern.load("answers", world).dropna(subset=["score_overall"])
    ratings, overall = answers[_AREAS].to_numpy(float), answers["score_overall"].to_numpy(float)
    tried = np.arange(-2.51, 2, 0.02).round(2)
    errors = np.array([((overall - (ratings**p).mean(axis=1) ** (1 / p)) ** 2).sum() for p in tried])
    misfit = len(overall) * np.log(errors / errors.min())
    inside = tried[misfit <= 3.84]
    return [float(tried[misfit.argmin()]), float(inside.min()), float(inside.max())]


@cache
def _hazard(world: str, days: int) -> list[float]:
    events, exits = lantern.load("events", world), lantern.load("exits", world)
    left = pd.to_datetime(events["customer_id"].map(exits.set_index("customer_id")["date"]))
    ahead = (left.fillna(pd.Timestamp("2026-01-01")) - events["ts"]).dt.total_seconds() / 86_400
    contacts = events.assign(exits=left.notna() & (ahead <= days), days=ahead.clip(0.5, days))
    found = touchpoints.moments_of_truth(contacts, outcome_column="exits", exposure_column="days", n_splits=0)
    row = found.details["hazard"].iloc[-1]
    return [float(row[name]) for name in ("estimate", "conf_low", "conf_high")]


@cache
def _over_rated(*, is_under: bool = False) -> str:
    names = lantern.load("touchpoints").set_index("touchpoint_id")["name"]
    stated = lantern.load("stated_importance").groupby("touchpoint_id")["importance"].mean()
    moved = lantern.load("events").merge(lantern.load("truth_event")[["event_id", "gain"]], on="event_id")
    true = (moved["gain"] * moved["failed"]).groupby(moved["touchpoint_id"]).sum()
    ahead = true.reindex(stated.index).rank(ascending=False) - stated.rank(ascending=False)
    return str(names[ahead.idxmin() if is_under else ahead.idxmax()])


EXERCISES = {
    "1": Exercise(
        answer=lambda: _kappa("owner", "coder_a_owner"),
        tolerance=0.01,
        mistakes={
            "That is the share of equal codes; some of it is chance.": lambda: _agreement(
                "owner", "coder_a_owner"
            ),
            "That is how far the two coders agree with each other.": lambda: _kappa(
                "coder_a_owner", "coder_b_owner"
            ),
        },
    ),
    "2": Exercise(
        answer=lambda: _exponent("null"),
        tolerance=0.03,
        mistakes={"That is the exponent of the claimed world.": lambda: _exponent("claimed")},
    ),
    "3": Exercise(
        answer=lambda: _hazard("claimed", 180),
        tolerance=0.005,
        mistakes={
            "That is within 90 days; take 180.": lambda: _hazard("claimed", 90),
            "That is the null world, in which nobody leaves for it.": lambda: _hazard("null", 180),
        },
    ),
    "4": Exercise(
        answer=_over_rated,
        tolerance=0,
        mistakes={
            "That one is under-rated most: the truth ranks it far ahead of what is said.": lambda: (
                _over_rated(is_under=True)
            ),
        },
    ),
}
