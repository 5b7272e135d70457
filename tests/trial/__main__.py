"""Try estimators on samples of worlds whose truth is known: `python -m tests.trial survey --samples 1000`.

Writes data/trial/<wing>.csv, a row a function, scenario and term, and prints what holds less than promised.
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
sys.path.insert(0, str(HERE))


def wings():
    return sorted(path.stem for path in HERE.glob("*.py") if "\nSCENARIOS = Scenarios()" in path.read_text("utf-8"))


def tried(wing, position, n_samples):
    """Return the rows of one scenario; each sample has a stream of random numbers of its own."""
    from scenario import scored

    scenario = runpy.run_path(str(HERE / f"{wing}.py"))["SCENARIOS"].all[position]
    streams = np.random.SeedSequence([SEED, position]).spawn(n_samples)
    samples, failed = [], 0
    for stream in streams:
        try:
            samples.append(scenario.draw(np.random.default_rng(stream)))
        except ArithmeticError:
            failed += 1  # An EstimationError: the sample has no estimate, and says so.
    return [row | {"n_refused": failed} for row in scored(scenario, samples)]


def run(wing, n_samples, only=""):
    scenarios = runpy.run_path(str(HERE / f"{wing}.py"))["SCENARIOS"].all
    places = [at for at, each in enumerate(scenarios) if only in f"{each.function}: {each.name}"]
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ProcessPoolExecutor(max_workers=min(workers, 4)) as pool:
        jobs = [pool.submit(tried, wing, at, n_samples) for at in places]
        return pd.DataFrame([row for job in jobs for row in job.result()])


def short(table):
    """Return the rows that hold clearly less than .93 where the assumptions hold."""
    return table[table["holds"] & (table["coverage"] < LEAST - 2 * table["monte_carlo_error"])]


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.trial", description=__doc__)
    parser.add_argument("wing", choices=wings())
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--only", default="", help="scenarios whose 'function: name' has this in it")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    begin = time.perf_counter()
    table = run(given.wing, given.samples, given.only)
    given.out.mkdir(parents=True, exist_ok=True)
    table.round(4).to_csv(given.out / f"{given.wing}.csv", index=False)
    print(table.round(3).to_string(index=False))
    print(f"\n{len(table)} rows in {time.perf_counter() - begin:.0f} s")
    less = short(table)
    print(
        "None holds clearly less than promised." if less.empty else f"Short of {LEAST}:\n{less.to_string()}"
    )


if __name__ == "__main__":
    main()
