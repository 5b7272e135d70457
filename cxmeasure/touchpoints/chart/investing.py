"""Returns of options as a picture."""

import altair as alt

from cxmeasure import _charts
from cxmeasure.results import Estimates

_SPOKEN = 8


def investment_ranking(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `touchpoints.investment_ranking` returned, the largest expected return first.

    Parameters
    ----------
    result : Estimates
        The result of `touchpoints.investment_ranking`.
    title : str, optional
        The finding; by default the best option and how surely it is best.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from cxmeasure import touchpoints
    >>> options = pd.DataFrame({"option": ["app", "shop"], "evidence": "experiment", "reach": 100})
    >>> options = options.assign(change=[0.2, 0.1], slope=0.5, value=10, cost=[20, 10])
    >>> found = touchpoints.investment_ranking(options, errors=[], rng=np.random.default_rng(1))
    >>> touchpoints.chart.investment_ranking(found).title.text
    ['app returns most: best in 100% of the draws']
    """
    table = result.table
    rows = table.assign(
        label=table["term"] + " · " + table["evidence"], n=0 if result.draws is None else len(result.draws)
    )
    rows = rows.sort_values("estimate", ascending=False, kind="stable")
    first = rows.iloc[0]
    said = f"{first['term']} returns most: best in {first['probability_best']:.0%} of the draws"
    if first["estimate"] <= 0:
        said = "No option is expected to return what it costs"
    return _charts.forest(
        rows,
        title=title or said,
        subtitle=f"expected net return, {result.conf_level:.0%} interval, and where the slope is from",
        axis="net return, euros",
        description=f"{said}. "
        + _charts.spoken(rows.head(_SPOKEN), decimals=0, conf_level=result.conf_level, of="draws"),
        reference=0.0,
        decimals=0,
    )
