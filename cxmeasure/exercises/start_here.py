"""Answers of the page *Start here*."""

import pandas as pd

from cxmeasure import survey
from cxmeasure.exercises.checking import Exercise
from cxmeasure.exercises.published import residents, table

PAGES_OF_AN_HOUR = ("start-here", "three-questions", "glossary")


def _ends(people: pd.DataFrame, method: str = "score") -> list[float]:
    result = survey.metric(people, score_column="score", metric="top_box", threshold=3, method=method)
    return list(result.table[["conf_low", "conf_high"]].iloc[0])


def _low() -> pd.DataFrame:
    people = residents()
    return people[people["influence"] == "Low"]


EXERCISES = {
    "1": Exercise(
        answer=lambda: len(PAGES_OF_AN_HOUR),
        tolerance=0,
        mistakes={"That is the way of the trainee; a manager has an hour.": lambda: 2},
    ),
    "2": Exercise(
        answer=lambda: table("copenhagen")["residents"].sum(),
        tolerance=0,
        mistakes={"Those are the cells of the cross-table, not the people in them.": lambda: len(table("copenhagen"))},
    ),
    "3": Exercise(
        answer=lambda: _ends(_low()),
        tolerance=0.0015,
        mistakes={
            "That interval is about all residents; take only those with low influence.": lambda: _ends(residents()),
            "That is the Wald interval; the score interval is asked for.": lambda: _ends(_low(), "wald"),
        },
    ),
}
