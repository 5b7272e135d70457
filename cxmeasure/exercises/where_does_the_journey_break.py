"""Answers of the chapter *Where does the journey break?*."""

import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf

from cxmeasure import lantern
from cxmeasure.exercises.checking import Exercise


def _journeys(world: str) -> pd.DataFrame:
    """Return the journeys that came to an end, with their failures and the row of their touchpoints."""
    steps = lantern.load("events", world).dropna(subset=["journey_id"]).sort_values(["journey_id", "seq"])
    ended = lantern.load("journeys", world).query("outcome != 'cut off'")
    by = steps.groupby("journey_id")
    found: pd.DataFrame = ended.assign(
        abandoned=(ended["outcome"] == "abandoned") * 1.0,
        fails=ended["journey_id"].map(by["failed"].sum()),
        variant=ended["journey_id"].map(by["touchpoint"].agg(" → ".join)),
    )
    return found


def _covered(world: str, kind: str | None = "delivery") -> float:
    rows = _journeys(world)
    if kind:
        rows = rows[rows["type"] == kind]
    return float(rows["variant"].value_counts(normalize=True).head(10).sum())


def _row(fit: object, term: str) -> list[float]:
    estimate, ends = fit.params[term], fit.conf_int().loc[term]  # type: ignore[attr-defined]
    return [float(estimate), float(ends.iloc[0]), float(ends.iloc[1])]


def _break(
    world: str, formula: str = "abandoned ~ n_breaks + fails", *, every_type: bool = False
) -> list[float]:
    rows = _journeys(world)
    if not every_type:
        rows = rows[rows["type"] == "fix a problem"]
    fit = smf.ols(formula, rows).fit(cov_type="cluster", cov_kwds={"groups": rows["customer_id"]})
    return _row(fit, "n_breaks")


def _gain(world: str, first: int, last: int) -> float:
    diary = lantern.load("diary", world).query("provider == 'Lantern'")
    diary = diary.dropna(subset=["expectation_before", "performance", "perception_after"])
    diary = diary.merge(lantern.load("customers", world)[["customer_id", "start_date"]], on="customer_id")
    days = (diary["ts"] - diary["start_date"]).dt.days
    rows = diary[days.between(first, last)]
    surprise = rows["performance"] - rows["expectation_before"]
    moved = rows["perception_after"] - rows["expectation_before"]
    return float(np.polyfit(surprise, moved, 1)[0])


def _ratio(world: str) -> float:
    return _gain(world, 0, 30) / _gain(world, 366, 1100)


def _community(world: str) -> list[float]:
    arms = lantern.load("experiments", world).query("experiment == 'community'")[["customer_id", "arm"]]
    where = lantern.load("customers", world)[["customer_id", "neighbourhood_id"]]
    rows = lantern.load("panel_month", world).merge(arms, on="customer_id").merge(where, on="customer_id")
    keys = ["arm", "neighbourhood_id", "month"]
    rows = rows.groupby(keys)["tickets"].agg(["sum", "size"]).reset_index()
    rows = rows.rename(columns={"sum": "tickets", "size": "customers"})
    rows["has"] = (rows["arm"] == "community") * 1.0
    rows["after"] = rows["has"] * (rows["month"] > 12)
    fit = smf.glm(
        "tickets ~ has + after + C(month)", rows, family=sm.families.Poisson(), exposure=rows["customers"]
    ).fit(cov_type="cluster", cov_kwds={"groups": rows["neighbourhood_id"]})
    return _row(fit, "after")


def _change(world: str) -> list[float]:
    return [float(np.exp(value) - 1) for value in _community(world)]


EXERCISES = {
    "1": Exercise(
        answer=lambda: _covered("null"),
        tolerance=0.002,
        mistakes={
            "Those are the ten most frequent of all journeys; take the deliveries.": lambda: _covered(
                "null", None
            ),
        },
    ),
    "2": Exercise(
        answer=lambda: _break("null"),
        tolerance=0.0006,
        mistakes={
            "That is the world as claimed.": lambda: _break("claimed"),
            "That is of all journeys; take those that fix a problem.": lambda: _break(
                "null", "abandoned ~ n_breaks + fails + C(type)", every_type=True
            ),
        },
    ),
    "3": Exercise(
        answer=lambda: _ratio("null"),
        tolerance=0.006,
        mistakes={
            "That is the world as claimed.": lambda: _ratio("claimed"),
            "That is the later slope over the earlier.": lambda: 1 / _ratio("null"),
        },
    ),
    "4": Exercise(
        answer=lambda: _change("null"),
        tolerance=0.002,
        mistakes={
            "Those are logarithms; the change is their exponential less one.": lambda: _community("null"),
            "That is the world as claimed.": lambda: _change("claimed"),
        },
    ),
}
