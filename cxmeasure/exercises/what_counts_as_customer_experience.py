"""Answers of the chapter *What counts as customer experience?*."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from cxmeasure import lantern, survey
from cxmeasure.exercises.checking import Exercise


@cache
def _journeys() -> pd.DataFrame:
    """Moments and mean of each journey of the reader with the most moments over four episodes or more."""
    diary = lantern.load("diary").query("provider == 'Lantern'").dropna(subset=["satisfaction"])
    places = lantern.load("touchpoints")[["touchpoint_id", "episode"]]
    events = lantern.load("events")[["event_id", "journey_id"]]
    rows = diary.merge(events, on="event_id").merge(places, on="touchpoint_id").sort_values("ts")
    journey = rows["journey_id"].astype("Int64").astype(str)
    lane = journey.where(rows["journey_id"].notna(), "alone " + rows["event_id"].astype(str))
    rows = rows.assign(lane=lane)
    rows["episode"] = rows.groupby(["customer_id", "lane"])["episode"].transform("first")
    size = rows.groupby("customer_id")["episode"].agg(["size", "nunique"])
    mine = rows[rows["customer_id"] == size.loc[size["nunique"] >= 4, "size"].idxmax()]
    return pd.DataFrame(mine.groupby("lane")["satisfaction"].agg(["size", "mean"]))


def _averages(*, is_first_weighted: bool = False) -> list[float]:
    rows = _journeys()
    plain, weighted = float(rows["mean"].mean()), float(np.average(rows["mean"], weights=rows["size"]))
    return [weighted, plain] if is_first_weighted else [plain, weighted]


def _share_of_ten(method: str) -> list[float]:
    return [float(end) for end in proportion_confint(7, 10, method=method)]


@cache
def _partners(*, is_of_all: bool = False) -> float:
    places = lantern.load("touchpoints")[["touchpoint_id", "record_class", "is_product_use"]]
    rows = lantern.load("events")[["touchpoint_id"]].merge(places, on="touchpoint_id")
    ourselves = ~rows["record_class"].isin(["partner", "social"])
    systems = rows["record_class"].isin(["own digital", "phone", "shop"]) & ~rows["is_product_use"]
    return float((ourselves & systems).sum() / (len(rows) if is_of_all else (ourselves | systems).sum()))


@cache
def _wording(world: str, *, is_clustered: bool = True) -> list[float]:
    rows = lantern.load("answers", world).dropna(subset=["csat"])
    rows = rows.assign(csat=rows["csat"].astype(float))
    who: dict[str, Any] = {"cluster_column": "customer_id"} if is_clustered else {}
    found = survey.metric(
        rows, score_column="csat", metric="mean", scale=(1, 5), by=["wording_arm"], against="neutral", **who
    ).table
    row = found[found["term"] == "mean difference"].iloc[0]
    return [float(row[name]) for name in ("estimate", "conf_low", "conf_high")]


EXERCISES = {
    1: Exercise(
        _averages,
        0.002,
        {
            "These two are the right ones, the other way round: the plain mean first.": lambda: _averages(
                is_first_weighted=True
            ),
        },
    ),
    2: Exercise(
        lambda: _share_of_ten("wilson"),
        0.002,
        {
            "That is the share plus or minus 1.96 standard errors, which is not to be trusted with ten "
            "answers; Wilson's interval is asked for.": lambda: _share_of_ten("normal"),
            "That is the exact interval of Clopper and Pearson; Wilson's is narrower.": lambda: _share_of_ten(
                "beta"
            ),
        },
    ),
    3: Exercise(
        _partners,
        0.002,
        {
            "That is the share of all contacts; divide by those in either reading.": lambda: _partners(
                is_of_all=True
            ),
        },
    ),
    4: Exercise(
        lambda: _wording("reversed"),
        0.0005,
        {
            "The estimate is right; one customer may answer several times, so the interval needs "
            "`cluster_column`.": lambda: _wording("reversed", is_clustered=False),
            "That is the world as claimed; the exercise asks for another.": lambda: _wording("claimed"),
        },
    ),
}
