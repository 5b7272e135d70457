"""The published tables as the exercises read them."""

from functools import cache

import pandas as pd

from cxmeasure import _data

SATISFACTION = {"Low": 1, "Medium": 2, "High": 3}


@cache
def table(name: str) -> pd.DataFrame:
    """Return one of the tables of ``data/published``."""
    return pd.read_csv(_data.folder("published") / f"{name}.csv")


def residents() -> pd.DataFrame:
    """Return the Copenhagen residents, one row a person, with `score` 1–3."""
    cells = table("copenhagen")
    people = cells.loc[cells.index.repeat(cells["residents"])]
    return people.assign(score=people["satisfaction"].map(SATISFACTION))
