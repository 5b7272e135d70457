"""Where customers stand and how long they stay, held against the truth of the sample company."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxmeasure import lantern, lifecycle
from tests.recovery.conftest import TABLES, customer_months

SEEN = ["become", "am", "stay", "loyal", "leave"]


def log_of_contracts(world: str = "claimed") -> pd.DataFrame:
    """Return starts, renewals and ends of the stored company's contracts as one log."""
    contracts = lantern.load("contracts", world).sort_values(["customer_id", "start_date"])
    first = ~contracts.duplicated("customer_id")
    begun = contracts[["customer_id"]].assign(
        ts=contracts["start_date"], event=np.where(first, "start", "renewal")
    )
    gone = lantern.load("exits", world)
    ended = gone[["customer_id"]].assign(ts=gone["date"], event="end")
    return pd.concat([begun, ended], ignore_index=True)


def test_default_rules_find_the_true_episodes_but_for_the_heart() -> None:
    """Balanced accuracy at least .70; `loyal` against `stay` is a matter of the heart, not of records."""
    episodes = lifecycle.assign_episodes(
        log_of_contracts(), words={"orientation": []}, observed_until="2025-12-31"
    )
    truth = lantern.load("truth_customer")[["customer_id", "month", "episode"]]
    day = pd.Timestamp("2022-12-31") + truth["month"].map(lambda month: pd.offsets.MonthEnd(month))
    both = pd.merge_asof(
        truth.assign(day=day.astype("datetime64[us]")).sort_values("day"),
        episodes.assign(start=episodes["start"].astype("datetime64[us]")).sort_values("start"),
        left_on="day",
        right_on="start",
        by="customer_id",
        suffixes=("_true", ""),
    )
    confusion = pd.crosstab(both["episode_true"], both["episode"]).reindex(
        index=SEEN, columns=SEEN, fill_value=0
    )
    recall = np.diag(confusion) / confusion.sum(axis=1)
    print(confusion, recall.round(3), f"balanced accuracy {recall.mean():.3f}", sep="\n")
    assert recall.mean() >= 0.70
    assert recall[["become", "leave"]].min() > 0.95
    assert recall["loyal"] < 0.75


def test_a_stock_of_old_customers_leaves_at_its_constant_rate() -> None:
    """Right: delayed entry finds (1 − .024)^t. Naive: old customers counted from tenure zero."""
    rng = np.random.default_rng(24)
    age = rng.integers(0, 60, 30_000)
    stays = rng.geometric(0.024, 30_000)
    month_ends = pd.date_range("2018-01-31", "2025-12-31", freq="ME")
    start = 59 + 1 - age
    end = start + stays
    there = end > 60
    start, end = start[there], end[there]
    new = np.repeat(np.arange(60, 84), 200)
    start, end = np.concatenate([start, new]), np.concatenate([end, new + rng.geometric(0.024, len(new))])
    known = end < 84
    episodes = pd.DataFrame(
        {
            "customer_id": np.arange(len(start)),
            "episode": "am",
            "start": month_ends[start],
            "end": pd.Series(month_ends[np.minimum(end, 95)]).where(known),
        }
    )
    until = month_ends[83]
    late = lifecycle.time_in_episode(episodes, observed_from=month_ends[60], observed_until=until).table
    naive = lifecycle.time_in_episode(episodes, observed_until=until).table
    for table, is_right in ((late, True), (naive, False)):
        row = table.set_index("period").loc[24]
        print(f"after 24 months {row['estimate']:.3f}, true {0.976**24:.3f}")
        assert (abs(row["estimate"] - 0.976**24) < 4 * row["std_error"]) == is_right
    assert naive.set_index("period")["estimate"][24] > 0.976**24 + 0.1


CAUSES = {
    "z": "exit_satisfaction",
    "habit": "exit_habit",
    "attachment": "exit_attachment",
    "renewal_month": "exit_renewal",
    "price_rise": "exit_price",
    "rival_promo": "exit_rival",
    "asked": "exit_asked",
    "referrer_stays": "exit_referred",
    "advised": "exit_advice",
    "tenure_years": "exit_tenure",
}


@pytest.mark.slow
def test_only_the_true_states_with_a_frailty_show_that_tenure_does_nothing() -> None:
    """Right: true states and frailty. Naive: records alone, or true states without a frailty."""
    months = customer_months(lantern.simulate("claimed", size=12_000, seed=4545, tables=TABLES))
    truth = lantern.truth()["value"]
    records = ["renewal_month", "price_rise", "rival_promo", "tenure_years"]
    naive = lifecycle.leaving_hazard(months, covariate_columns=records).table.set_index("term")
    states = lifecycle.leaving_hazard(months, covariate_columns=list(CAUSES)).table.set_index("term")
    right = lifecycle.leaving_hazard(
        months, covariate_columns=list(CAUSES), has_frailty=True, n_nodes=9
    ).table.set_index("term")
    print(right[["estimate", "std_error"]].round(3))
    for column, name in {**CAUSES, "frailty_sd": "frailty_sd"}.items():
        assert abs(right.loc[column, "estimate"] - truth[name]) < 4 * right.loc[column, "std_error"], column
    assert right.loc["frailty_sd", "std_error"] < 0.15
    assert right.loc["tenure_years", "conf_low"] < 0 < right.loc["tenure_years", "conf_high"]
    assert naive.loc["tenure_years", "conf_high"] < -0.10
    assert states.loc["tenure_years", "conf_high"] < 0
