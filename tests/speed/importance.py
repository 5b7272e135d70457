"""Print how long `touchpoints.importance` takes; run it on a quiet machine, it is no test.

python tests/speed/importance.py prints up to 20 drivers; with 25 behind it, up to 25 (some 0.8 GB).
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import touchpoints


def _customers(n_drivers: int, n_rows: int, rng: np.random.Generator) -> pd.DataFrame:
    common = rng.standard_normal((n_rows, 1))
    ratings = np.clip(np.round(7 + common + 1.2 * rng.standard_normal((n_rows, n_drivers))), 0, 10)
    overall = ratings @ rng.random(n_drivers) + 2 * rng.standard_normal(n_rows)
    named = pd.DataFrame(ratings, columns=[f"d{i:02d}" for i in range(n_drivers)])
    return named.assign(overall=overall)


def _best(call: Callable[[], Any], times: int) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def main(largest: int) -> None:
    """Time matrices of 8 to `largest` drivers, then 500 bootstraps of 8 drivers on 5,000 rows."""
    rng = np.random.default_rng(7)
    for n_drivers in [size for size in (8, 15, 20, 25) if size <= largest]:
        customers = _customers(n_drivers, 5_000, rng)
        matrix, drivers = customers.corr(), list(customers.columns[:-1])
        taken = _best(
            lambda m=matrix, d=drivers: touchpoints.importance(correlations=m, outcome="overall", drivers=d),
            1 if n_drivers > 20 else 3,
        )
        print(f"matrix, {n_drivers} drivers, LMG: {1000 * taken:,.1f} ms")
    customers = _customers(8, 5_000, rng)
    drivers = list(customers.columns[:-1])
    for method in ("lmg", "johnson"):
        taken = _best(
            lambda m=method: touchpoints.importance(
                customers, outcome="overall", drivers=drivers, method=m, n_boot=500, rng=rng
            ),
            5,
        )
        print(f"pandas, 5,000 rows, 8 drivers, 500 bootstraps, {method}: {1000 * taken:,.0f} ms")
    try:
        import resource
    except ImportError:
        return
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    print(f"peak memory of this process: {peak:.2f} GB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
