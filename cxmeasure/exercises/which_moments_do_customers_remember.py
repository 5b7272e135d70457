"""Answers of the chapter *Which moments do customers remember?*."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd

from cxmeasure import lantern, touchpoints
from cxmeasure.exercises.checking import Exercise

_SMOOTH = [1.0, -2.5, 0.0, 2.0, 1.0]
_LIFTED = [1.0, -2.5, 0.0, 2.0, 2.5]
_TERMS = ["mean", "peak", "end"]


def _recalled(ratings: Sequence[float], *, lowest: bool = False, equal: bool = False) -> float:
    rule = lantern.truth()["value"]
    highest, worst = max(ratings), min(ratings)
    peak = worst if lowest or highest < -worst else highest
    if equal:
        return float(np.mean([np.mean(ratings), peak, ratings[-1]]))
    return float(
        rule["journey_mean"] * np.mean(ratings)
        + rule["journey_peak"] * peak
        + rule["journey_end"] * ratings[-1]
    )


@cache
def _diarists(world: str) -> pd.DataFrame:
    written = lantern.load("diary", world).dropna(subset=["event_id"])
    steps = lantern.load("events", world).dropna(subset=["journey_id"])
    steps = steps[steps["customer_id"].isin(written["customer_id"])]
    steps = steps[["event_id", "customer_id", "journey_id", "seq"]].merge(
        written[["event_id", "valence", "satisfaction"]], how="left", on="event_id"
    )
    about = lantern.load("journeys", world)[["journey_id", "type", "n_breaks"]]
    kept = lantern.load("truth_journey", world)[["journey_id", "remembered"]]
    return pd.DataFrame(steps.merge(about, on="journey_id").merge(kept, on="journey_id"))


def _lowest(
    world: str, kind: str = "delivery", ends: Sequence[str] = ("conf_low", "conf_high")
) -> list[float]:
    rows = _diarists(world)
    rows = rows[rows["valence"].notna() & (rows["type"] == kind)].sort_values(["journey_id", "seq"])
    journeys = rows.groupby("journey_id")["seq"]
    rows = rows[(journeys.transform("size") >= 4) & (journeys.cumcount() < 4)]
    rng = np.random.default_rng(5)
    table = touchpoints.emotion_curve(rows, order_column="seq", rng=rng).table
    row = table.sort_values("estimate").iloc[0]
    return [float(row[name]) for name in ("estimate", *ends)]


def _weights(rows: pd.DataFrame, rating: str) -> pd.Series:
    table = touchpoints.peak_end(
        rows,
        remembered_column="remembered",
        rating_column=rating,
        order_column="seq",
        control_columns=["n_breaks"],
    ).table
    return pd.Series(table.set_index("term")["estimate"])


@cache
def _noisy(sd: float) -> pd.Series:
    lived = lantern.load("truth_event")[["event_id", "satisfaction"]]
    rows = lantern.load("events").dropna(subset=["journey_id"])
    rows = rows[["event_id", "customer_id", "journey_id", "seq"]].merge(lived, on="event_id")
    rows = rows.merge(lantern.load("journeys")[["journey_id", "n_breaks"]], on="journey_id")
    rows = rows.merge(lantern.load("truth_journey")[["journey_id", "remembered"]], on="journey_id")
    noise = sd * np.random.default_rng(12).standard_normal(len(rows))
    return _weights(rows.assign(rated=rows["satisfaction"] + noise), "rated")


def _kept(sd: float) -> list[float]:
    return [float(_noisy(sd)[term] / _noisy(0.0)[term]) for term in ("peak", "end")]


def _complete(world: str, *, every: bool = True, rating: str = "satisfaction") -> list[float]:
    rows = _diarists(world)
    is_rated = rows["valence"].notna().groupby(rows["journey_id"])
    rows = rows[is_rated.transform("all" if every else "any")]
    return [float(_weights(rows, rating)[term]) for term in _TERMS]


EXERCISES = {
    "1": Exercise(
        answer=lambda: [_recalled(_SMOOTH), _recalled(_LIFTED)],
        tolerance=0.006,
        mistakes={
            "In the second journey two ratings are as far from zero; the better one is taken.": lambda: [
                _recalled(_SMOOTH),
                _recalled(_LIFTED, lowest=True),
            ],
            "That gives mean, peak and end the same weight.": lambda: [
                _recalled(_SMOOTH, equal=True),
                _recalled(_LIFTED, equal=True),
            ],
        },
    ),
    "2": Exercise(
        answer=lambda: _lowest("null"),
        tolerance=0.006,
        mistakes={
            "The mean is right. The ends are those of one contact alone; the band is wider.": lambda: _lowest(
                "null", ends=("point_low", "point_high")
            ),
            "That is the world in which the claim holds.": lambda: _lowest("claimed"),
            "Those are first payments, not deliveries.": lambda: _lowest("null", "first payment and use"),
        },
    ),
    "3": Exercise(
        answer=lambda: _kept(1.0),
        tolerance=0.01,
        mistakes={
            "Those are the weights themselves; divide by those without noise.": lambda: [
                float(_noisy(1.0)[term]) for term in ("peak", "end")
            ],
            "That is what noise takes away; what is kept is asked for.": lambda: [
                1 - share for share in _kept(1.0)
            ],
        },
    ),
    "4": Exercise(
        answer=lambda: _complete("null"),
        tolerance=0.006,
        mistakes={
            "Those are the weights of valence, on its wider scale; take satisfaction.": lambda: _complete(
                "null", rating="valence"
            ),
            "Those journeys have gaps; keep those written down completely.": lambda: _complete(
                "null", every=False
            ),
            "That is the world in which the claim holds.": lambda: _complete("claimed"),
        },
    ),
}
