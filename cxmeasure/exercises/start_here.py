"""Answers of the page *Start here*."""

import pandas as pd

from cxmeasure import survey
from cxmeasure.exercises.checking import Exercise
from cxmeasure.exercises.published import residents, table

SIZES = (20, 100, 500, 2500)


def _smallest_above_zero() -> int:
    scores = pd.concat(
        pd.DataFrame({"survey": n, "ltr": [10] * (n // 2) + [8] * (3 * n // 10) + [3] * (n // 5)})
        for n in SIZES
    )
    rows = survey.metric(scores, by=["survey"]).table
    return int(rows.loc[rows["conf_low"] > 0, "n"].min())


def _people() -> int:
    return int(table("copenhagen")["residents"].sum())


def _ends(people: pd.DataFrame) -> list[float]:
    result = survey.metric(people, score_column="score", metric="top_box", threshold=3)
    return list(result.table[["conf_low", "conf_high"]].iloc[0])


def _with_influence(level: str) -> pd.DataFrame:
    people = residents()
    return people[people["influence"] == level]


EXERCISES = {
    "1": Exercise(
        answer=_smallest_above_zero,
        tolerance=0,
        mistakes={
            "Its interval still reaches below zero.": lambda: min(SIZES),
            "It is above zero, but a smaller survey is so too.": lambda: max(SIZES),
        },
    ),
    "2": Exercise(
        answer=_people,
        tolerance=0,
        mistakes={
            "Those are the cells of the cross-table, not the people in them.": lambda: len(
                table("copenhagen")
            )
        },
    ),
    "3": Exercise(
        answer=lambda: _ends(_with_influence("Low")),
        tolerance=0.0015,
        mistakes={
            "That interval is about all residents; take only those with low influence.": lambda: _ends(
                residents()
            ),
            "Those are the residents with high influence.": lambda: _ends(_with_influence("High")),
        },
    ),
}
