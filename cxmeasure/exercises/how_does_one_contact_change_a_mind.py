"""Answers of the chapter *How does one contact change a customer's mind?*."""

from functools import cache

import pandas as pd
import statsmodels.api as sm

from cxmeasure import lantern, touchpoints
from cxmeasure.exercises.checking import Exercise
from cxmeasure.results import Estimates


@cache
def _entries(world: str) -> pd.DataFrame:
    about = lantern.load("touchpoints")[["touchpoint_id", "is_product_use"]]
    contacts = lantern.load("events", world).merge(about, on="touchpoint_id")
    contacts = contacts.sort_values(["customer_id", "ts", "event_id"])
    place = contacts.groupby(["customer_id", "is_product_use"]).cumcount()
    ratings = ["event_id", "expectation_before", "performance", "perception_after", "satisfaction"]
    diary = lantern.load("diary", world).dropna(subset=["event_id"]).astype({"event_id": "int64"})
    return pd.DataFrame(contacts.assign(number=place + 1).merge(diary[ratings], on="event_id"))


@cache
def _gained(world: str) -> Estimates:
    rows = _entries(world)
    return touchpoints.perception_gain(
        rows[~rows["failed"]], number_column="number", belief_column="is_product_use"
    )


def _eighth(world: str) -> list[float]:
    row = _gained(world).table.query("term == 'gain' and contact == 8").iloc[0]
    return list(row[["estimate", "conf_low", "conf_high"]])


def _slope_of_the_change() -> list[float]:
    rows = _entries("null").query("not failed and number >= 6").dropna(subset=["expectation_before"])
    surprise = rows["performance"] - rows["expectation_before"]
    design = sm.add_constant(surprise.to_numpy())
    fit = sm.OLS(rows["perception_after"] - rows["expectation_before"], design).fit(
        cov_type="cluster", cov_kwds={"groups": rows["customer_id"]}
    )
    return [float(fit.params.iloc[1]), *fit.conf_int().iloc[1].tolist()]


def _behind(world: str) -> list[float]:
    row = _gained(world).details["rules"].set_index("rule").loc["running mean"]
    return list(row[["estimate", "conf_low", "conf_high"]])


def _updated(gain: float, surprise: float, doubt: float) -> list[float]:
    return [0.5 + gain * surprise, (1 - gain) * doubt]


def _alike(group: str, rating: str, *, with_failures: bool = False) -> float:
    rows = _entries("claimed").dropna(subset=["branch_id"])
    rows = rows if with_failures else rows[~rows["failed"]]
    groups = rows.groupby(group)[rating]
    n, k, sizes = len(rows), groups.ngroups, groups.size()
    usual = (n - (sizes**2).sum() / n) / (k - 1)
    between = (sizes * (groups.mean() - rows[rating].mean()) ** 2).sum() / (k - 1)
    within = (groups.var() * (sizes - 1)).sum() / (n - k)
    return float((between / within - 1) / (between / within + usual - 1))


EXERCISES = {
    "1": Exercise(
        answer=lambda: _updated(0.3 / 1.3, -1.5, 0.3),
        tolerance=0.002,
        mistakes={
            "You moved by a part of the experience; it is the surprise that counts.": lambda: _updated(
                0.3 / 1.3, -1.0, 0.3
            ),
            "That gain is doubt ÷ noise; it is doubt ÷ (doubt + noise).": lambda: _updated(0.3, -1.5, 0.3),
        },
    ),
    "2": Exercise(
        answer=lambda: _eighth("null"),
        tolerance=0.003,
        mistakes={
            "That is the world in which the gain falls.": lambda: _eighth("claimed"),
            "That is the slope of the change on the surprise; the error of the rating before is in it.": (
                _slope_of_the_change
            ),
        },
    ),
    "3": Exercise(
        answer=lambda: _behind("null"),
        tolerance=0.001,
        mistakes={"That is the world in which the gain falls.": lambda: _behind("claimed")},
    ),
    "4": Exercise(
        answer=lambda: _alike("branch_id", "satisfaction"),
        tolerance=0.001,
        mistakes={
            "You left the failures in.": lambda: _alike("branch_id", "satisfaction", with_failures=True),
            "That is the rated performance, not the satisfaction.": lambda: _alike(
                "branch_id", "performance"
            ),
        },
    ),
}
