"""How long survey.metric takes on many groups: python tests/speed/metric.py (≤ 1 s wanted)."""

import time

import numpy as np
import pandas as pd

from cxmeasure import survey

if __name__ == "__main__":
    rng = np.random.default_rng(1)
    for groups, rows in ((10_000, 200_000), (10_000, 2_000_000)):
        answers = pd.DataFrame({"ltr": rng.integers(0, 11, rows), "shop": rng.integers(0, groups, rows)})
        seconds = []
        for _ in range(4):
            begin = time.perf_counter()
            result = survey.metric(answers, by=["shop"])
            seconds.append(time.perf_counter() - begin)
        print(
            f"{len(result.table):,} groups of {rows:,} rows: first {seconds[0]:.2f} s, "
            f"best of the next three {min(seconds[1:]):.2f} s"
        )
