"""What makes customers leave: ratios as a forest."""

import altair as alt

from cxmeasure import _charts
from cxmeasure.results import Estimates


def leaving_hazard(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw the odds or hazard ratios that `lifecycle.leaving_hazard` returned.

    Parameters
    ----------
    result : Estimates
        The result of `lifecycle.leaving_hazard`.
    title : str, optional
        The finding; by default the covariate whose ratio lies farthest from one.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import lifecycle
    >>> months = pd.DataFrame({
    ...     "customer_id": range(20), "offer": [0] * 10 + [1] * 10,
    ...     "exit_next": [1, 1] + [0] * 8 + [1] + [0] * 9,
    ... })
    >>> result = lifecycle.leaving_hazard(months, covariate_columns=["offer"])
    >>> print(lifecycle.chart.leaving_hazard(result).description)
    Odds ratio of leaving: offer 0.44, 95% interval 0.03 to 6.29, from 20 customer-periods.
    """
    ratio = "odds ratio" if result.table["unit"].iloc[0] == "log odds" else "hazard ratio"
    rows = result.table[~result.table["term"].isin(["intercept", "frailty_sd"])]
    rows = rows.assign(
        label=rows["term"],
        estimate=rows["ratio"],
        conf_low=rows["ratio_low"],
        conf_high=rows["ratio_high"],
    )
    top = rows.sort_values("statistic", key=abs).iloc[-1]
    way = "multiplies" if top["estimate"] >= 1 else "cuts"
    what = ratio.removesuffix(" ratio")
    return _charts.forest(
        rows,
        title=title or f"“{top['label']}” {way} the {what} of leaving to {top['estimate']:.2f} times, a unit",
        subtitle=f"{ratio} of leaving in a period, with its {result.conf_level:.0%} interval, "
        f"{top['n']:,} customer-periods",
        axis=f"{ratio}; 1: no difference",
        description=f"{ratio.capitalize()} of leaving: "
        + _charts.spoken(rows, decimals=2, conf_level=result.conf_level, of="customer-periods"),
        reference=1.0,
        decimals=2,
        rows_title="covariate",
    )
