"""Answers of the page *Three questions on real numbers*."""

from typing import Any

import numpy as np

from cxmeasure import lifecycle, survey, touchpoints
from cxmeasure.exercises.checking import Exercise
from cxmeasure.exercises.published import SATISFACTION, residents, table

_OTHERS = ["privileges", "learning", "raises", "critical", "advance"]


def _terrace(house: str, method: str) -> list[float]:
    people = residents()
    people = people[people["housing"] == house]
    row = survey.metric(
        people, score_column="score", metric="top_box", threshold=3, method=method
    ).table.iloc[0]
    return [row["estimate"], row["conf_low"], row["conf_high"]]


def _as_weights() -> list[float]:
    cells = table("copenhagen").query("housing == 'Terrace'")
    cells = cells.assign(score=cells["satisfaction"].map(SATISFACTION))
    choices: dict[str, Any] = {"score_column": "score", "metric": "top_box", "threshold": 3}
    row = survey.metric(cells, weight_column="residents", **choices).table.iloc[0]
    return [row["estimate"], row["conf_low"], row["conf_high"]]


def _first(drivers: list[str]) -> str:
    shares = touchpoints.importance(
        table("attitude"), outcome="rating", drivers=drivers, rng=np.random.default_rng(1)
    ).table
    return str(shares.sort_values("estimate", ascending=False)["term"].iloc[0])


def _left(years: int, segment: str) -> float:
    known = table("retention")[segment].head(years).tolist()
    rows = lifecycle.projected_retention(known, horizon=12).table
    return float(rows.query("term == 'survival' and period == 12")["estimate"].iloc[0])


def _constant(years: int) -> float:
    known = table("retention")["regular"].head(years)
    return float((known.iloc[-1] / known.iloc[0]) ** (12 / (years - 1)))


EXERCISES = {
    "1": Exercise(
        answer=lambda: _terrace("Terrace", "score"),
        tolerance=0.0015,
        mistakes={
            "The interval is that of 72 cells: the counts were taken as weights.": _as_weights,
            "That is the Wald interval; the score interval is asked for.": lambda: _terrace(
                "Terrace", "wald"
            ),
            "Those are the tower houses.": lambda: _terrace("Tower", "score"),
        },
    ),
    "2": Exercise(
        answer=lambda: _first(_OTHERS),
        tolerance=0,
        mistakes={"That one was to be left out.": lambda: _first(["complaints", *_OTHERS])},
    ),
    "3": Exercise(
        answer=lambda: _left(5, "regular"),
        tolerance=0.0015,
        mistakes={
            "That is the forecast from years 0 to 7.": lambda: _left(8, "regular"),
            "That is the forecast from years 0 to 3; year 4 is missing.": lambda: _left(4, "regular"),
            "That is the other segment.": lambda: _left(5, "high_end"),
            "That is the constant rate of leaving, the wrong way of this page.": lambda: _constant(5),
        },
    ),
}
