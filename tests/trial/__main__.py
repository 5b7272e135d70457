"""Try estimators on samples of worlds whose truth is known: `python -m tests.trial survey --samples 1000`.

Writes data/trial/<wing>.csv, a row a function, scenario and term, after each scenario; then prints what holds
less than promised. A scenario that used up `--seconds-each` of the processor stops with the samples it has,
and `n_samples` says how many; none is left out for being slow.
"""

import argparse
import os
import runpy
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
OUT = HERE.parents[1] / "data" / "trial"
SEED = 20_250_901
LEAST = 0.93
AT_LEAST = 20
"""Samples of a scenario, however long one takes."""
sys.path.insert(0, str(HERE))


def wings():
    return sorted(
        path.stem for path in HERE.glob("*.py") if "\nSCENARIOS = Scenarios()" in path.read_text("utf-8")
    )


def tried(wing, position, n_samples, seconds=np.inf):
    """Return the rows of one scenario; each sample has a stream of random numbers of its own."""
    from scenario import scored

    scenario = runpy.run_path(str(HERE / f"{wing}.py"))["SCENARIOS"].all[position]
    streams = np.random.SeedSequence([SEED, position]).spawn(n_samples)
    samples, failed, begin = [], 0, time.process_time()
    for tries, stream in enumerate(streams):
        if tries >= AT_LEAST and time.process_time() - begin > seconds:
            break
        try:
            samples.append(scenario.draw(np.random.default_rng(stream)))
        except ArithmeticError:
            failed += 1  # An EstimationError: the sample has no estimate, and says so.
    return [row | {"n_refused": failed} for row in scored(scenario, samples)]


def run(wing, n_samples, only="", seconds=np.inf, workers=None, then=lambda rows: None):
    """Try the scenarios of `wing`, and hand all rows so far to `then` after each."""
    scenarios = runpy.run_path(str(HERE / f"{wing}.py"))["SCENARIOS"].all
    places = [at for at, each in enumerate(scenarios) if only in f"{each.function}: {each.name}"]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    rows = []
    with ProcessPoolExecutor(max_workers=workers or min(cores, 4)) as pool:
        for job in [pool.submit(tried, wing, at, n_samples, seconds) for at in places]:
            rows += job.result()
            then(pd.DataFrame(rows))
    return pd.DataFrame(rows)


def stored(table, path, *, is_all):
    """Write `table`; where only some scenarios were tried, in place of their rows in what is stored."""
    named = ["function", "scenario"]
    if not is_all and path.exists():
        known = pd.read_csv(path)
        where = known[named].apply(tuple, axis=1).isin(set(table[named].apply(tuple, axis=1)))
        table = pd.concat([known[~where], table], ignore_index=True)
    table.round(4).to_csv(path, index=False)


def short(table):
    """Return the rows that hold clearly less than .93 where the assumptions hold."""
    return table[table["holds"] & (table["coverage"] < LEAST - 2 * table["monte_carlo_error"])]


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.trial", description=__doc__)
    parser.add_argument("wing", choices=wings())
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--only", default="", help="scenarios whose 'function: name' has this in it")
    parser.add_argument("--seconds-each", type=float, default=np.inf, help="processor time of a scenario")
    parser.add_argument("--workers", type=int, default=None, help="processes; by default a core each")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    begin = time.perf_counter()
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / f"{given.wing}.csv"
    table = run(
        given.wing,
        given.samples,
        given.only,
        given.seconds_each,
        given.workers,
        lambda rows: stored(rows, path, is_all=not given.only),
    )
    print(table.round(3).to_string(index=False))
    print(f"\n{len(table)} rows in {time.perf_counter() - begin:.0f} s")
    less = short(table)
    print(
        "None holds clearly less than promised." if less.empty else f"Short of {LEAST}:\n{less.to_string()}"
    )


if __name__ == "__main__":
    main()
