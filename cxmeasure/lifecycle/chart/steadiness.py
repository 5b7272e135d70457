"""How steady segments are, and what they tell."""

import altair as alt

from cxmeasure import _charts
from cxmeasure.results import Estimates

_SAID = {
    "steadiness": "alike when made again",
    "gain": "told of the outcome",
    "gain_beyond_covariates": "told beyond covariates",
}


def segment_stability(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `lifecycle.segment_stability` returned: how steady, and how much is told.

    Parameters
    ----------
    result : Estimates
        The result of `lifecycle.segment_stability`.
    title : str, optional
        The finding; by default the verdict on the last gain.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from cxmeasure import lifecycle
    >>> customers = pd.DataFrame({"letter": list("AABB") * 100, "spent": [1.0, 2.0, 3.0, 4.0, 5.0] * 80})
    >>> result = lifecycle.segment_stability(
    ...     customers, outcome_column="spent", segment_column="letter", rng=np.random.default_rng(1)
    ... )
    >>> print(" ".join(lifecycle.chart.segment_stability(result).title.text))
    The segments are decoration: they tell no more than shuffled labels
    """
    table = result.table.dropna(subset="estimate")
    rows = table.assign(label=table["term"].map(_SAID))
    last = rows.iloc[-1]
    beside = " beside the covariates" if last["term"] == "gain_beyond_covariates" else ""
    verdict = last["note"].split(":")[0].replace("predicts", "predict")
    found = (
        f"The segments are decoration: they tell no more than shuffled labels{beside}"
        if verdict == "decoration"
        else f"The segments {verdict}: {last['estimate']:.1%} of the scatter{beside}"
    )
    level = f"{result.conf_level:.0%} intervals, {int(last['n']):,} customers"
    return _charts.forest(
        rows,
        title=title or found,
        subtitle=f"adjusted Rand index, and share of the outcome's scatter held out, {level}",
        axis="0: as by chance; 1: all",
        description=f"{found}. "
        + _charts.spoken(rows, decimals=3, conf_level=result.conf_level, of="customers"),
        reference=0.0,
        decimals=3,
    )
