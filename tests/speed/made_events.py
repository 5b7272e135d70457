"""An event log of any length, month by month, so that a hundred million rows need little memory."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MONTHS = 36
EVENTS = ("visit", "orientation", "start", "renewal", "purchase", "support", "end")
TOUCHPOINTS = ("ad", "home", "search", "price", "basket", "checkout", "delivery", "invoice", "help", "claim")
CHANNELS = ("web", "app", "store", "phone")
_BEFORE = np.cumsum([0.58, 0.30, 0.12])
_AFTER = np.cumsum([0.44, 0.08, 0.0, 0.15, 0.15, 0.17, 0.01])
_SCHEMA = pa.schema(
    [
        ("customer_id", pa.int64()),
        ("visit", pa.int64()),
        ("ts", pa.timestamp("us")),
        ("event", pa.string()),
        ("touchpoint", pa.string()),
        ("channel", pa.string()),
        ("score", pa.int8()),
        ("value", pa.float64()),
        ("converted", pa.bool_()),
    ]
)


def write_events(n_events: int, path: Path, seed: int = 7) -> Path:
    """Write `n_events` rows in order of time: 25 a customer, in visits of three; 15 % with a score."""
    rng = np.random.default_rng(seed)
    n_customers = n_events // 25
    has_started, has_ended = np.zeros(n_customers, bool), np.zeros(n_customers, bool)
    who = rng.permutation(n_customers)
    starts = np.array([np.datetime64("2021-01") + m for m in range(MONTHS + 1)]).astype("datetime64[us]")
    with pq.ParquetWriter(path, _SCHEMA) as writer:
        for month in range(MONTHS):
            n = n_events // MONTHS + (n_events % MONTHS if month == MONTHS - 1 else 0)
            born = int(n_customers * (0.25 + 0.75 * (month + 1) / MONTHS))
            customer, visit, at = _visits(n, who[:born], starts[month], starts[month + 1], rng)
            event = _events(customer, has_started, has_ended, rng)
            visit += month * n_events
            writer.write_table(_table(customer, visit, at, event, rng), row_group_size=250_000)
    return path


def write_customers(n_customers: int, path: Path, n_drivers: int = 8, seed: int = 8) -> Path:
    """Write a customer a row: three covariates, whether they answered, ratings of drivers, an overall one."""
    rng = np.random.default_rng(seed)
    with pq.ParquetWriter(path, _customer_schema(n_drivers)) as writer:
        for begin in range(0, n_customers, 500_000):
            n = min(500_000, n_customers - begin)
            plan, region, age = (
                rng.choice(3, n, p=[0.5, 0.3, 0.2]),
                rng.integers(0, 4, n),
                rng.integers(0, 3, n),
            )
            chance = 0.1 + 0.1 * (plan == 2) + 0.05 * (age == 2)
            rated = 7 + rng.standard_normal((n, 1)) + 1.2 * rng.standard_normal((n, n_drivers))
            ratings = np.clip(np.rint(rated), 0, 10)
            overall = ratings @ np.linspace(0.2, 1, n_drivers) + 2 * rng.standard_normal(n)
            columns = [
                pa.array(np.arange(begin, begin + n)),
                pa.array(np.array(["basic", "plus", "pro"])[plan]),
                pa.array(np.array(list("NESW"))[region]),
                pa.array(np.array(["18-34", "35-54", "55+"])[age]),
                pa.array(rng.random(n) < chance),
                *(pa.array(ratings[:, i]) for i in range(n_drivers)),
                pa.array(overall),
            ]
            writer.write_table(pa.table(columns, schema=_customer_schema(n_drivers)), row_group_size=250_000)
    return path


def _customer_schema(n_drivers):
    texts, ratings = ["plan", "region", "age"], [f"d{i}" for i in range(n_drivers)]
    fields = [("customer_id", pa.int64()), *((name, pa.string()) for name in texts)]
    fields += [("has_answered", pa.bool_()), *((name, pa.float64()) for name in [*ratings, "overall"])]
    return pa.schema(fields)


def _visits(n, who, begin, end, rng):
    length = rng.geometric(1 / 3, size=int(n / 3 * 1.1) + 50)
    visit = np.repeat(np.arange(len(length)), length)[:n]
    customer = who[(rng.random(len(length)) ** 1.7 * len(who)).astype(np.int64)][visit]
    longest = 20 * 60 * 10**6
    span = (end - begin).astype(np.int64) - longest
    at = (rng.random(len(length)) * span).astype(np.int64)[visit] + rng.integers(0, longest, n)
    order = np.argsort(at, kind="stable")
    return customer[order], visit[order], begin + at[order].astype("timedelta64[us]")


def _events(customer, has_started, has_ended, rng):
    u = rng.random(len(customer))
    event = np.where(
        has_started[customer],
        np.searchsorted(_AFTER, u, side="right").clip(0, 6),
        np.searchsorted(_BEFORE, u, side="right").clip(0, 2),
    )
    event[has_ended[customer]] = 0
    begun = np.flatnonzero(event == 2)
    again = np.ones(len(begun), bool)
    again[np.unique(customer[begun], return_index=True)[1]] = False
    event[begun[again]] = 0  # one contract at a time
    has_started[customer[event == 2]] = True
    has_ended[customer[event == 6]] = True
    return event


def _table(customer, visit, at, event, rng):
    n = len(customer)
    touchpoint, channel = rng.integers(0, len(TOUCHPOINTS), n), rng.integers(0, len(CHANNELS), n)
    score = np.clip(np.rint(7 + 0.2 * touchpoint - channel + 2 * rng.standard_normal(n)), 0, 10)
    value = np.round(rng.lognormal(4, 0.8, n), 2)

    def words(place, names):
        return pa.DictionaryArray.from_arrays(pa.array(place), pa.array(names)).cast(pa.string())

    columns = [
        pa.array(customer),
        pa.array(visit),
        pa.array(at),
        words(event, EVENTS),
        words(touchpoint, TOUCHPOINTS),
        words(channel, CHANNELS),
        pa.array(score.astype(np.int8), mask=rng.random(n) > 0.15),
        pa.array(value, mask=event != 4),
        pa.array((event == 2) | (event == 4)),
    ]
    return pa.table(columns, schema=_SCHEMA)
