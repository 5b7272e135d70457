"""Fresh companies to recover parameters from. The seeds are arbitrary and stay as they are."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from cxmeasure.lantern import simulate, truth

Tables = dict[str, pd.DataFrame]

TABLES = (
    "customers", "exits", "events", "journeys", "diary", "invitations", "answers", "followup_sample",
    "followups", "panel_month", "experiments", "touches", "mentions", "referrals", "usage", "branch_month",
    "truth_customer", "truth_person", "truth_event", "truth_journey", "truth_invitation", "truth_touchpoint",
    "touchpoints",
)  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """The parameters of a world, and what counts as recovered."""

    values: Mapping[str, float]

    def found(self, name: str, estimate: float, std_error: float, *, at_most: float) -> None:
        """Hold `estimate` against the parameter: within four standard errors, and these small enough."""
        value = self.values[name]
        print(f"{name}: true {value:.3f}, estimate {estimate:.3f}, standard error {std_error:.4f}")
        assert std_error <= at_most, f"standard error {std_error} of {name} is above the stated {at_most}"
        assert abs(estimate - value) < 4 * std_error, f"{name}: {estimate} is not {value}"


@pytest.fixture(scope="session")
def claimed_truth() -> Truth:
    return Truth(truth("claimed")["value"].to_dict())


@pytest.fixture(scope="session")
def claimed() -> Tables:
    return simulate("claimed", size=40_000, seed=4242, tables=TABLES)


@pytest.fixture(scope="session")
def null() -> Tables:
    return simulate("null", size=12_000, seed=4343, tables=TABLES)


@pytest.fixture(scope="session")
def tilted() -> Tables:
    return simulate("tilted", size=12_000, seed=4444, tables=["customers", "invitations", "truth_invitation"])


@pytest.fixture(scope="session")
def mar() -> Tables:
    return simulate("mar", size=12_000, seed=4646, tables=["customers", "invitations", "truth_invitation"])


def customer_months(company: Tables) -> pd.DataFrame:
    """One row a customer and month with the hidden states and everything equation 10 needs."""
    person = company["truth_person"][["customer_id", "frailty", "referrer_id"]]
    start = company["customers"][["customer_id", "holdout_never_surveyed"]]
    rows = company["panel_month"].merge(company["truth_customer"], on=["customer_id", "month"])
    rows = rows.merge(person, on="customer_id").merge(start, on="customer_id")
    return rows.assign(
        price_rise=0.9 * (rows["month"] == 20),
        asked=_asked_lately(company, rows),
        referrer_stays=_referrer_stays(company, rows),
        advised=_advised(company, rows),
        tenure_years=rows["tenure_m"] / 12,
    )


def _month(times: pd.Series) -> pd.Series:
    return 12 * (times.dt.year - 2023) + times.dt.month


def _asked_lately(company: Tables, rows: pd.DataFrame) -> np.ndarray:
    sent = company["invitations"][["customer_id", "month"]].drop_duplicates()
    table = np.zeros((rows["customer_id"].max() + 1, 37))
    table[sent["customer_id"], sent["month"]] = 1
    within = np.cumsum(table, axis=1)
    within[:, 12:] -= within[:, :-12].copy()
    return (within[rows["customer_id"], rows["month"]] > 0).astype(float)


def _referrer_stays(company: Tables, rows: pd.DataFrame) -> np.ndarray:
    last = pd.Series(99, index=company["customers"]["customer_id"])
    last.update(_month(company["exits"].set_index("customer_id")["date"]))
    leaves = rows["referrer_id"].map(last).fillna(-1)
    return (leaves >= rows["month"]).to_numpy(dtype=float)


def _advised(company: Tables, rows: pd.DataFrame) -> np.ndarray:
    advice = company["experiments"].loc[lambda frame: frame["arm"] == "plan advice"]
    began = rows["customer_id"].map(_month(advice.set_index("customer_id")["assigned_at"]))
    return ((rows["month"] - began).between(0, 2)).to_numpy(dtype=float)


@pytest.fixture(scope="session")
def months(claimed: Tables) -> pd.DataFrame:
    return customer_months(claimed)


@pytest.fixture(scope="session")
def null_months(null: Tables) -> pd.DataFrame:
    return customer_months(null)
