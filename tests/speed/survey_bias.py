"""Raking, propensities and R on a million invitations: python tests/speed/survey_bias.py.

peers.md has rimpy (the fastest) at .25 s on Polars and .73 s on pandas for raking a million rows on three
margins, and statsmodels on rows at 8.9 s and 1.6 GB for the propensities.
"""

import time

import numpy as np
import pandas as pd
import polars as pl

from cxmeasure import survey


def best(call, times=3):
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


if __name__ == "__main__":
    rng, n = np.random.default_rng(1), 1_000_000
    sent = pd.DataFrame(
        {
            "plan": rng.choice(["basic", "plus", "pro"], n, p=[0.5, 0.3, 0.2]),
            "region": rng.choice(list("NESW"), n),
            "age": rng.choice(["18–34", "35–54", "55+"], n),
        }
    )
    chance = 0.1 + 0.1 * (sent["plan"] == "pro") + 0.05 * (sent["age"] == "55+")
    sent["has_answered"] = rng.random(n) < chance
    margins = ["plan", "region", "age"]
    population = {
        "plan": {"basic": 4, "plus": 4, "pro": 2},
        "region": dict.fromkeys("NESW", 2.5),
        "age": {"18–34": 3, "35–54": 3, "55+": 4},
    }
    for engine, table in (("pandas", sent), ("Polars", pl.from_pandas(sent))):
        tasks = {
            "rake a million rows on three margins": lambda table=table: survey.nonresponse_weights(
                table, covariate_columns=margins, population=population
            ),
            "propensities of a million invitations": lambda table=table: survey.response_propensity(
                table, covariate_columns=margins
            ),
            "R-indicator of a million invitations": lambda table=table: survey.r_indicator(
                table, covariate_columns=margins
            ),
        }
        for name, call in tasks.items():
            print(f"{engine}: {name}: {best(call):.3f} s")
    x = np.column_stack([np.ones(n), pd.get_dummies(sent[margins], drop_first=True).to_numpy(float)])

    def on_rows():
        from statsmodels.api import GLM, families

        GLM(sent["has_answered"].to_numpy(float), x, family=families.Binomial()).fit()

    print(f"statsmodels on rows: {best(on_rows, 1):.2f} s")
