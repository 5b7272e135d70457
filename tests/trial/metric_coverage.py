"""Exact coverage of the intervals of an NPS, n from 10 to 1,000: `python tests/trial/metric_coverage.py`.

Not simulated: every outcome (promoters, detractors) of n answers has a probability, and an interval. Writes
data/trial/metric_coverage.csv; `drawn` makes the chart.
"""

from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
from scipy import special

from cxmeasure._stats import intervals

OUT = Path(__file__).resolve().parents[2] / "data" / "trial" / "metric_coverage.csv"
SIZES = (10, 12, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000)
SHAPES = {
    "lopsided": (0.90, 0.07, 0.03),
    "U-shaped": (0.45, 0.10, 0.45),
    "bell-shaped": (0.25, 0.50, 0.25),
}
"""Shares of promoters, passives and detractors."""
METHODS = {"score": intervals.net_score, "adjusted-wald": intervals.net_adjusted_wald}
NEGLIGIBLE = 1e-13


def outcomes(n, shares):
    """Return promoters, detractors and the probability of every outcome that is not next to impossible."""
    plus, minus = np.tril_indices(n + 1)
    plus = plus - minus
    rest = n - plus - minus
    logs = special.gammaln(n + 1) - sum(special.gammaln(count + 1) for count in (plus, minus, rest))
    counts = zip((plus, rest, minus), shares, strict=True)
    chance = np.exp(logs + sum(special.xlogy(count, share) for count, share in counts))
    kept = chance > NEGLIGIBLE
    return plus[kept].astype(float), minus[kept].astype(float), chance[kept]


def wald(plus, minus, n, conf_level):
    mean = (plus - minus) / n
    half = intervals.z_value(conf_level) * np.sqrt(np.maximum((plus + minus) / n - mean**2, 0) / n)
    return np.clip(mean - half, -1, 1), np.clip(mean + half, -1, 1)


def coverage(n, shares, method, conf_level=0.95):
    """Return how often the interval of `n` answers holds the truth, and its mean width in points."""
    plus, minus, chance = outcomes(n, shares)
    function = METHODS.get(method, wald)
    low, high = function(plus, minus, np.full(len(plus), float(n)), conf_level)
    truth = shares[0] - shares[2]
    held = (low <= truth + 1e-9) & (truth - 1e-9 <= high)
    return float(chance @ held), 100 * float(chance @ (high - low))


def table():
    """Return a row a shape, method and n: coverage, mean width in points, and how short of .95 it falls."""
    rows = [
        (shape, method, n, *coverage(n, shares, method))
        for shape, shares in SHAPES.items()
        for method in (*METHODS, "wald")
        for n in SIZES
    ]
    return pd.DataFrame(rows, columns=["shape", "method", "n", "coverage", "mean_width"])


def drawn(rows):
    """Return the chart of `table`: coverage by n, a panel a shape."""
    worst = rows.loc[rows["coverage"].idxmin()]
    least = rows[rows["method"] != "wald"]["coverage"].min()
    x = alt.X(
        "n:Q", scale=alt.Scale(type="log"), title="answers", axis=alt.Axis(values=[10, 30, 100, 300, 1000])
    )
    line = (
        alt.Chart(rows)
        .mark_line(point=True)
        .encode(
            x=x,
            y=alt.Y("coverage:Q", scale=alt.Scale(zero=False), axis=alt.Axis(format=".0%"), title="coverage"),
            color=alt.Color("method:N", title=None),
            tooltip=["method", "n", alt.Tooltip("coverage:Q", format=".1%")],
        )
    )
    promised = alt.Chart(pd.DataFrame({"at": [0.95]})).mark_rule(strokeDash=[4, 4]).encode(y="at:Q")
    panels = alt.layer(promised, line, data=rows).properties(width=220, height=180)
    return panels.facet(column=alt.Column("shape:N", title=None)).properties(
        title=f"Score and adjusted Wald hold at least {least:.0%}; Wald falls to {worst['coverage']:.0%}",
        description=f"Exact coverage of 95% intervals. Lowest: {worst['method']}, {worst['shape']}, "
        f"{worst['n']} answers, {worst['coverage']:.1%}.",
    )


if __name__ == "__main__":
    found = table()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    found.round(4).to_csv(OUT, index=False)
    print(found.pivot_table("coverage", ["shape", "n"], "method").round(3).to_string())
