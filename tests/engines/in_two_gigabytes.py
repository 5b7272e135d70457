"""How much memory a long log takes where the engine may have two gigabytes; a process of its own each time.

    python tests/engines/in_two_gigabytes.py [millions of events] [folder]

writes the log, runs the reductions on DuckDB (``SET memory_limit``) and on Polars' streaming engine, and
prints the seconds of the processor, the peak of memory, and the sum that both must give.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT = "2GB"
UNTIL = "2023-12-31"
REDUCTIONS = ("occupancy", "summarise_purchases", "assign_episodes", "transitions")


def on_duckdb(path, folder):
    import duckdb

    connection = duckdb.connect(config={"memory_limit": LIMIT, "temp_directory": str(folder)})
    events = connection.sql(f"from '{path}'")
    purchases = events.filter("event = 'purchase'")

    def written(rows):
        rows.write_parquet(str(folder / "rows.parquet"))

    return events, purchases, written


def on_polars(path, folder):
    import polars as pl

    events = pl.scan_parquet(path)

    def written(rows):
        rows.sink_parquet(folder / "rows.parquet", engine="streaming")

    return events, events.filter(pl.col("event") == "purchase"), written


def measured(engine, reduction, path):
    """Run one reduction; return its seconds on the clock and of the processor, its peak in MB, and a sum."""
    import duckdb

    from cxmeasure import lifecycle

    folder = Path(tempfile.mkdtemp(dir=Path(path).parent))
    events, purchases, written = {"duckdb": on_duckdb, "polars": on_polars}[engine](path, folder)
    clock, work = time.perf_counter(), time.process_time()
    if reduction == "summarise_purchases":
        written(lifecycle.summarise_purchases(purchases, value_column="value", observed_until=UNTIL))
    else:
        told = lifecycle.assign_episodes(events, observed_until=UNTIL, contracts_may_overlap=True)
        if reduction == "assign_episodes":
            written(told)
        else:
            table = getattr(lifecycle, reduction)(told).table
            total = int(table["n_here" if reduction == "occupancy" else "n_moved"].sum())
    seconds = time.perf_counter() - clock, time.process_time() - work
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    if reduction in ("assign_episodes", "summarise_purchases"):
        number = "date_diff('day', start, \"end\")" if reduction == "assign_episodes" else "frequency"
        rows = duckdb.sql(f"select count(*), sum({number})::varchar from '{folder / 'rows.parquet'}'")
        total = list(map(str, rows.fetchall()[0]))
    return {"seconds": seconds[0], "cpu": seconds[1], "peak_mb": peak, "total": total}


def main(millions="30", folder=None):
    """Measure all, in turn."""
    folder = Path(folder or tempfile.mkdtemp())
    path = folder / f"events{millions}.parquet"
    if not path.exists():
        sys.path.insert(0, str(ROOT / "tests" / "speed"))
        from made_events import write_events

        write_events(int(float(millions) * 1e6), path)
    print(f"{path.stat().st_size / 1e9:.2f} GB of Parquet, {millions} million events, {LIMIT} for DuckDB")
    for reduction in REDUCTIONS:
        for engine in ("duckdb", "polars"):
            job = json.dumps([engine, reduction, str(path)])
            own = {"POLARS_ENGINE_AFFINITY": "streaming", "PYTHONPATH": str(ROOT)}
            done = subprocess.run(
                [sys.executable, "-W", "ignore", __file__, "--job", job],
                env=os.environ | own,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                print(
                    f"{reduction:20} {engine:7} failed: {done.stderr.strip().splitlines()[-1:]}", flush=True
                )
                continue
            found = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{reduction:20} {engine:7} {found['cpu']:6.0f} s processor, {found['seconds']:5.0f} s "
                f"clock, peak {found['peak_mb']:6.0f} MB, {found['total']}",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--job"]:
        print(json.dumps(measured(*json.loads(sys.argv[2]))))
    else:
        main(*sys.argv[1:])
