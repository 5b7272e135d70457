"""Answers of the chapter *Which lifecycle stage is each customer in?*."""

from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd

from cxmeasure import lantern, lifecycle
from cxmeasure.exercises.checking import Exercise

_LAST_DAY: Final = "2025-12-31"
_SEEN: Final = ["become", "am", "stay", "loyal", "leave"]


@cache
def _log() -> pd.DataFrame:
    contracts = lantern.load("contracts").sort_values(["customer_id", "start_date"])
    event = np.where(contracts.duplicated("customer_id"), "renewal", "start")
    begun = contracts[["customer_id"]].assign(ts=contracts["start_date"], event=event)
    gone = lantern.load("exits")
    ended = gone[["customer_id"]].assign(ts=gone["date"], event="end")
    log: pd.DataFrame = pd.concat([begun, ended], ignore_index=True)
    return log


@cache
def _shipped() -> Any:
    return _episodes(lifecycle.WITH_CONTRACTS)


def _episodes(rules: Any) -> Any:
    return lifecycle.assign_episodes(_log(), rules=rules, words={"orientation": []}, observed_until=_LAST_DAY)


@cache
def _where(day: str, *, is_among_customers: bool = False) -> list[float]:
    episodes = _shipped()
    if is_among_customers:
        episodes = episodes[episodes["episode"] != "leave"]
    table = lifecycle.occupancy(episodes, observed_until=_LAST_DAY).table
    row = table[(table["snapshot"] == day) & (table["episode"] == "stay")].iloc[0]
    return [float(row[name]) for name in ("estimate", "conf_low", "conf_high")]


@cache
def _left(period: int) -> list[float]:
    table = lifecycle.state_probabilities(_shipped(), begins_in="become").table
    row = table[(table["period"] == period) & (table["episode"] == "leave")].iloc[0]
    return [float(row[name]) for name in ("estimate", "conf_low", "conf_high")]


@cache
def _left_so_far() -> list[float]:
    table = lifecycle.occupancy(_shipped()).table
    row = table[(table["snapshot"] == _LAST_DAY) & (table["episode"] == "leave")].iloc[0]
    return [float(row[name]) for name in ("estimate", "conf_low", "conf_high")]


@cache
def _confusion(most_stay: str, least_loyal: str) -> pd.DataFrame:
    rules = lifecycle.WITH_CONTRACTS.table
    for episode, cell in (("stay", most_stay), ("loyal", least_loyal)):
        rules.loc[rules["episode"] == episode, "n renewal since start"] = cell
    ends = pd.date_range("2023-01-31", periods=36, freq="ME").astype("datetime64[us]")
    truth = lantern.load("truth_customer")
    truth = truth.assign(day=ends[truth["month"] - 1])[["customer_id", "day", "episode"]]
    found = _episodes(rules)[["customer_id", "start", "episode"]].astype({"start": "datetime64[us]"})
    both = pd.merge_asof(
        truth.sort_values("day"),
        found.sort_values("start"),
        left_on="day",
        right_on="start",
        by="customer_id",
        suffixes=("_true", ""),
    )
    table = pd.crosstab(both["episode_true"], both["episode"])
    return table.reindex(index=_SEEN, columns=_SEEN, fill_value=0)


def _balanced(most_stay: str = "1", least_loyal: str = ">= 2") -> float:
    table = _confusion(most_stay, least_loyal).to_numpy()
    return float((np.diag(table) / table.sum(axis=1)).mean())


def _plain() -> float:
    table = _confusion("1", ">= 2").to_numpy()
    return float(np.diag(table).sum() / table.sum())


@cache
def _year() -> pd.DataFrame:
    panel = lantern.load("panel_month")
    seen = panel[panel["tenure_m"] < 3].groupby("customer_id").size()
    people = lantern.load("customers").query("start_date < '2025-01-01'").set_index("customer_id")
    people = people[people.index.isin(seen.index[seen == 3])]
    days = (people["end_date"].fillna(pd.Timestamp("2026-12-31")) - people["start_date"]).dt.days
    return pd.DataFrame(people.assign(left_in_year=(days < 366) * 1))


@cache
def _regions() -> float:
    table = lifecycle.segment_stability(
        _year(), outcome_column="left_in_year", segment_column="region", rng=np.random.default_rng(1)
    ).table
    return float(table.loc[table["term"] == "gain", "estimate"].iloc[0])


def _regions_seen() -> float:
    """Predict the customers the means were computed from."""
    outcome = _year()["left_in_year"]
    mean = outcome.groupby(_year()["region"]).transform("mean")
    return float(1 - ((outcome - mean) ** 2).sum() / ((outcome - outcome.mean()) ** 2).sum())


EXERCISES = {
    "1": Exercise(
        answer=lambda: _where("2025-06-30"),
        tolerance=0.002,
        mistakes={
            "That is the end of December. Take the row of 30 June.": lambda: _where(_LAST_DAY),
            "That is the share of those still customers. Who has left had come as well; leave them in.": (
                lambda: _where("2025-06-30", is_among_customers=True)
            ),
        },
    ),
    "2": Exercise(
        answer=lambda: _left(18),
        tolerance=0.002,
        mistakes={
            "That is the share of all who ever came, many of them lately. Follow each from the start.": (
                _left_so_far
            ),
            "That is after a year. Take period 18.": lambda: _left(12),
        },
    ),
    "3": Exercise(
        answer=_balanced,
        tolerance=0.002,
        mistakes={
            "That is the share of right months. Episodes count alike: take the mean of their shares.": _plain,
            "That is the shipped rule, four renewals. Change both rows, of stay and of loyal.": (
                lambda: _balanced("1 to 3", ">= 4")
            ),
        },
    ),
    "4": Exercise(
        answer=_regions,
        tolerance=0.0003,
        mistakes={
            "That predicts the customers from whom the means were taken. Hold some out.": _regions_seen,
        },
    ),
}
