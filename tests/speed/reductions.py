"""One measurement in a process of its own, so that its peak of memory is its own.

python reductions.py '{"kind": "growth", "engine": "duckdb", "reduction": "scores", "path": …, "times": 3}'
prints one line of JSON: the seconds of each time, and the peak in MB.
"""

import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("POLARS_ENGINE_AFFINITY", "streaming")
sys.path.insert(0, str(Path(__file__).parent))
warnings.simplefilter("ignore")

import by_hand  # noqa: E402
import duckdb  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import polars as pl  # noqa: E402

from cxmeasure import lifecycle, survey, touchpoints  # noqa: E402
from cxmeasure.touchpoints.reduce.paths import tally_moves  # noqa: E402
from cxmeasure.touchpoints.reduce.products import cross_products  # noqa: E402

PATHS = {
    "customer_column": "customer_id",
    "journey_column": "visit",
    "touchpoint_column": "touchpoint",
    "order_columns": ["ts"],
    "converted_column": "converted",
    "order": 1,
}


def episodes(events):
    return lifecycle.assign_episodes(events, observed_until=by_hand.LAST)


def _purchases(events):
    if isinstance(events, pd.DataFrame):
        return events[events["event"] == "purchase"]
    if isinstance(events, str):
        return duckdb.sql(f"from '{events}' where event = 'purchase'")
    return events.filter(pl.col("event") == "purchase")


OURS = {
    "episodes": episodes,
    "occupancy": lambda events: lifecycle.occupancy(episodes(events)),
    "transitions": lambda events: lifecycle.transitions(episodes(events)),
    "purchases": lambda events: lifecycle.summarise_purchases(
        _purchases(events), value_column="value", observed_until=by_hand.LAST
    ),
    "scores": lambda events: touchpoints.tally_scores(
        events, score_column="score", by=["touchpoint", "channel"]
    ),
    "paths": lambda events: tally_moves(events, **PATHS),
    "products": lambda rows: cross_products(
        rows, variables=[*by_hand.DRIVERS, "overall"], customer_column="customer_id"
    ),
    "responses": lambda rows: survey.tally_responses(rows, covariate_columns=["plan", "region", "age"]),
}
OF_CUSTOMERS = ("products", "responses")


def opened(engine, path):
    if engine == "duckdb":
        return path
    return pl.scan_parquet(path) if engine == "polars" else pd.read_parquet(path)


def ran(result):
    """Run what is still a plan."""
    if isinstance(result, duckdb.DuckDBPyRelation):
        return result.materialize()
    return result.collect(engine="streaming") if isinstance(result, pl.LazyFrame) else result


def seconds(call):
    """Return the time on the clock and on all cores together, and the result."""
    begin, worked = time.perf_counter(), time.process_time()
    result = call()
    return (time.perf_counter() - begin, time.process_time() - worked), result


def growth(job):
    rows = opened(job["engine"], job["path"])
    times = []
    for _ in range(job["times"]):
        taken, result = seconds(lambda: ran(OURS[job["reduction"]](rows)))
        del result
        times.append(taken)
    return timed(times)


def timed(times, prefix=""):
    return {f"{prefix}seconds": [clock for clock, _ in times], f"{prefix}cpu": [work for _, work in times]}


def beside(job):
    """Run ours and the one by hand in turn, one after the other, and compare what they return."""
    name, engine, path = job["reduction"], job["engine"], job["path"]
    hand = getattr(by_hand, f"{'sql' if engine == 'duckdb' else engine}_{name}")
    ours, theirs = [], []
    for place in range(job["times"] + 1):
        mine, a = seconds(lambda: ran(OURS[name](opened(engine, path))))
        own, b = seconds(lambda: hand(path))
        if place:  # the first of each warms the disk and the imports
            ours.append(mine)
            theirs.append(own)
    return timed(ours) | timed(theirs, "hand_") | {"agrees": agrees(name, a, b)}


def agrees(name, ours, hand):
    if name == "episodes":
        return len(_frame(ours)) == len(_frame(hand)) and _sums(ours) == _sums(hand)
    if name == "occupancy":
        return int(ours.table["n_here"].sum()) == int(hand.sum()) and sorted(
            ours.table["n_here"].loc[lambda n: n > 0]
        ) == sorted(hand[hand > 0])
    if name == "transitions":
        return sorted(ours.table["n_moved"]) == sorted(hand.ravel())[-len(ours.table) :]
    if name == "purchases":
        a, b = _frame(ours), _frame(hand)
        same = [np.isclose(a[x].sum(), b[x].sum()) for x in ("frequency", "recency", "age")]
        return bool(
            len(a) == len(b) and all(same) and np.isclose(a["value_per_purchase"].sum(), b["value"].sum())
        )
    if name == "scores":
        return sorted(ours["n"]) == sorted(hand["n"])
    if name == "responses":
        return ours["n_responded"].tolist() == hand["n_responded"].tolist()
    if name == "products":
        return bool(np.isclose(np.sort(ours.counts), np.sort(hand["rows"])).all())
    moves = hand[3] if isinstance(hand[3], pd.DataFrame) else hand[3].to_pandas()
    return sorted(ours.moves["n"]) == sorted(moves["n"])


def _frame(table):
    if isinstance(table, pd.DataFrame):
        return table
    return table.df() if isinstance(table, duckdb.DuckDBPyRelation) else table.to_pandas()


def _sums(table):
    table = _frame(table)
    start, end = (pd.to_datetime(table[name]).astype("datetime64[s]") for name in ("start", "end"))
    return start.astype("int64").sum(), end.dropna().astype("int64").sum()


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    found = {"growth": growth, "beside": beside}[asked["kind"]](asked)
    scale = 1e6 if sys.platform == "darwin" else 1e3
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
    print(json.dumps(found, default=bool))
