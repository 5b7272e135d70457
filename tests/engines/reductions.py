"""Every reduction of the package: how it is called, and what the oracle says it must return."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from math import isclose, isnan
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from cxmeasure import lifecycle, survey, touchpoints
from cxmeasure.touchpoints.reduce.paths import tally_moves
from cxmeasure.touchpoints.reduce.products import cross_products

from . import oracle

DRIVERS = ["price", "service", "speed", "overall"]
UNTIL = oracle.UNTIL.isoformat()
Rows = list[dict[str, Any]]


def made(n_customers: int = 230, seed: int = 4) -> dict[str, pd.DataFrame]:
    """Return the tables: more customers than there are buckets, ties, gaps, what is still open.

    ``events`` has a row an event (and a step of a visit), ``purchases`` those that were paid, and
    ``customers`` a row an invitation with ratings.
    """
    rng = np.random.default_rng(seed)
    n = n_customers * 9
    kinds = ["orientation", "start", "renewal", "end", "purchase", "visit"]
    at = np.sort(rng.integers(0, 730 * 24 * 12, n)) * 300  # five minutes apart, so that some are at once
    events = pd.DataFrame(
        {
            "event_id": np.arange(n),
            "customer_id": (rng.random(n) ** 1.5 * n_customers).astype(int),
            "ts": pd.Timestamp("2023-01-01") + pd.to_timedelta(at, unit="s"),
            "event": rng.choice(kinds, n, p=[0.15, 0.15, 0.2, 0.1, 0.3, 0.1]),
            "touchpoint": rng.choice(["ad", "shop", "app", "help", "claim"], n),
            "channel": rng.choice(["web", "phone"], n),
            "score": np.where(rng.random(n) < 0.7, rng.integers(0, 11, n), np.nan),
            "value": rng.integers(100, 9999, n) / 100,
        }
    )
    # A visit is the events of a customer in a quarter; of every tenth nobody knows yet how it ended.
    events["visit"] = events["customer_id"].astype(str) + "/" + events["ts"].dt.quarter.astype(str)
    has_won = events["event"].isin(["purchase", "renewal"]) & (rng.random(n) < 0.3)
    is_open = events["customer_id"] % 10 == 3
    events["converted"] = has_won.astype("boolean").mask(is_open)
    purchases = events.loc[events["event"] == "purchase", ["customer_id", "ts", "value"]]
    m = n_customers * 2
    plan, region = rng.choice(["basic", "plus"], m), rng.choice(["N", "E", "S"], m).astype(object)
    region[rng.random(m) < 0.1] = None
    ratings = np.round(7 + rng.standard_normal((m, 4)), 2)
    ratings[rng.random((m, 4)) < 0.05] = np.nan
    customers = pd.DataFrame(
        {
            "customer_id": [f"c{i:04}" for i in rng.integers(0, n_customers, m)],
            "plan": plan,
            "region": region,
            "has_answered": rng.random(m) < 0.4,
            "weight": rng.integers(0, 300, m) / 100,
            **{name: ratings[:, i] for i, name in enumerate(DRIVERS)},
        }
    )
    repeated = pd.concat([events, events[events["event"] == "renewal"].head(40)], ignore_index=True)
    repeated["event_id"] = np.arange(len(repeated))
    return {"events": repeated, "purchases": purchases.reset_index(drop=True), "customers": customers}


def plain(table: pd.DataFrame) -> Rows:
    """Return a table as dicts of plain Python values, every missing one as None."""
    return [{name: _plain(value) for name, value in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and isnan(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return value.item() if isinstance(value, np.generic) else value


def as_pandas(native: Any) -> pd.DataFrame:
    """Return a table of any engine as pandas."""
    frame = nw.from_native(native)
    eager = frame.collect("pandas") if isinstance(frame, nw.LazyFrame) else frame
    table: pd.DataFrame = eager.to_pandas()
    return table


@dataclass(frozen=True)
class Reduction:
    """One reduction: the table it reads, the call, the oracle, and what its rows are sorted by."""

    table: str
    run: Callable[[Any], pd.DataFrame]
    expected: Callable[[Rows], Rows]
    keys: tuple[str, ...]


def _episodes(events: Any, rules: Any = lifecycle.WITH_CONTRACTS) -> Any:
    return lifecycle.assign_episodes(events, rules=rules, observed_until=UNTIL, contracts_may_overlap=True)


def _told(events: Rows) -> Rows:
    return oracle.episodes(events, oracle.with_contracts, ("orientation", "start"))


def _moves(events: Any) -> Any:
    return tally_moves(
        events,
        customer_column="customer_id",
        journey_column="visit",
        touchpoint_column="touchpoint",
        order_columns=["ts", "event_id"],
        converted_column="converted",
        order=2,
    )


def _products(customers: Any) -> pd.DataFrame:
    found = cross_products(
        customers, variables=DRIVERS, customer_column="customer_id", weight_column="weight"
    )
    table = pd.DataFrame({"bucket": range(len(found.counts)), "counts": found.counts})
    for i, x in enumerate(DRIVERS):
        table[x] = found.sums[:, i]
        for j in range(i, len(DRIVERS)):
            table[f"{x}·{DRIVERS[j]}"] = found.products[:, i, j]
    return table


EPISODE = ("customer_id", "start")
REDUCTIONS = {
    "assign_episodes": Reduction("events", lambda t: as_pandas(_episodes(t)), _told, EPISODE),
    "assign_episodes without contracts": Reduction(
        "events",
        lambda t: as_pandas(_episodes(t, lifecycle.WITHOUT_CONTRACTS)),
        lambda rows: oracle.episodes(rows, oracle.without_contracts),
        EPISODE,
    ),
    "occupancy": Reduction(
        "events",
        lambda t: lifecycle.occupancy(_episodes(t)).table,
        lambda rows: oracle.occupancy(_told(rows)),
        ("snapshot", "episode"),
    ),
    "transitions": Reduction(
        "events",
        lambda t: lifecycle.transitions(_episodes(t)).table,
        lambda rows: oracle.transitions(_told(rows)),
        ("from_episode", "to_episode"),
    ),
    "summarise_purchases": Reduction(
        "purchases",
        lambda t: as_pandas(lifecycle.summarise_purchases(t, value_column="value", observed_until=UNTIL)),
        oracle.purchase_summaries,
        ("customer_id",),
    ),
    "tally_scores": Reduction(
        "events",
        lambda t: touchpoints.tally_scores(
            t, score_column="score", by=["touchpoint", "channel"], customer_column="customer_id"
        ),
        oracle.score_tallies,
        ("touchpoint", "channel"),
    ),
    "moves of removal_effects": Reduction(
        "events",
        lambda t: _moves(t).moves,
        oracle.moves,
        ("bucket", "touchpoint", "back_1", "is_first", "next", "won"),
    ),
    "paths of removal_effects": Reduction(
        "events", lambda t: _moves(t).paths, oracle.path_lengths, ("steps", "won")
    ),
    "touched by removal_effects": Reduction(
        "events", lambda t: _moves(t).touched, oracle.touched, ("touchpoint",)
    ),
    "cross-products of importance": Reduction(
        "customers", _products, lambda rows: oracle.cross_products(rows, DRIVERS), ("bucket",)
    ),
    "tally_responses": Reduction(
        "customers",
        lambda t: survey.tally_responses(t, covariate_columns=["plan", "region"], weight_column="weight"),
        oracle.response_tallies,
        ("plan", "region"),
    ),
}


def differences(found: pd.DataFrame, expected: Rows, keys: tuple[str, ...]) -> list[str]:
    """Return where a result is not what the oracle says: counts exactly, floats to 1e-9."""

    def place(row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple((row[key] is None, "" if row[key] is None else row[key]) for key in keys)

    ours = [{k: oracle.as_day(v) for k, v in row.items()} for row in plain(found)]
    theirs = sorted(({k: oracle.as_day(v) for k, v in row.items()} for row in expected), key=place)
    ours = sorted(ours, key=place)
    if len(ours) != len(theirs):
        return [f"{len(ours)} rows instead of {len(theirs)}"]
    return [
        f"{[b[key] for key in keys]}: {name} is {a.get(name)!r} instead of {b[name]!r}"
        for a, b in zip(ours, theirs, strict=True)
        for name in b
        if not _same(a.get(name), b[name])
    ]


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, float) and isinstance(ours, int | float):
        return isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(theirs, date | datetime | str | bool) or theirs is None:
        return bool(ours == theirs)
    return bool(ours == theirs and int(ours) == ours)
