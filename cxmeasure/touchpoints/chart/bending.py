"""Slopes of touchpoints as pictures."""

import altair as alt

from cxmeasure import _charts
from cxmeasure.results import Estimates

_SPOKEN = 9


def penalty_reward(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `touchpoints.penalty_reward` returned: two slopes a driver.

    Parameters
    ----------
    result : Estimates
        The result of `touchpoints.penalty_reward`.
    title : str, optional
        The finding; by default which drivers take more than they give.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from cxmeasure import touchpoints
    >>> rng = np.random.default_rng(1)
    >>> answers = pd.DataFrame({"customer_id": range(300), "app": rng.normal(size=300)})
    >>> answers["overall"] = np.round(np.minimum(3 * answers["app"], 0) + rng.normal(size=300)).clip(-3, 3)
    >>> found = touchpoints.penalty_reward(answers, outcome="overall", drivers=["app"])
    >>> touchpoints.chart.penalty_reward(found).title.text
    ['app takes more when bad than it gives when good']
    """
    table = result.table
    rows = table[table["term"] != "penalty - reward"].assign(
        label=lambda frame: frame["driver"] + " · " + frame["term"]
    )
    gaps = table[(table["term"] == "penalty - reward") & (table["p_value"] < 1 - result.conf_level)]
    takes, gives = (gaps.loc[sign * gaps["estimate"] > 0, "driver"].tolist() for sign in (1, -1))
    said = "; ".join(
        f"{', '.join(names)} {verb}"
        for names, verb in (
            (takes, "takes more when bad than it gives when good"),
            (gives, "gives more when good than it takes when bad"),
        )
        if names
    )
    said = said or "No driver is seen to take more than it gives"
    return _charts.forest(
        rows,
        title=title or said,
        subtitle=f"slope below (penalty) and above (reward) neutral, {result.conf_level:.0%} interval",
        axis="change of the latent rating with a point more, standard deviations",
        description=f"{said}. "
        + _charts.spoken(rows.head(_SPOKEN), decimals=2, conf_level=result.conf_level, of="answers"),
        reference=0.0,
        decimals=2,
    )


def expectation_gap(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `touchpoints.expectation_gap` returned: gap, coefficients and shape of the surface.

    Parameters
    ----------
    result : Estimates
        The result of `touchpoints.expectation_gap`.
    title : str, optional
        The finding; by default on which side of expectations the experience was.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import touchpoints
    >>> diary = pd.DataFrame({"customer_id": range(20), "expectation_before": [1, 2] * 10})
    >>> found = touchpoints.expectation_gap(diary.assign(performance=[0, 2, 1, 2] * 5))
    >>> touchpoints.chart.expectation_gap(found).title.text
    ['Experience fell short of expectation']
    """
    rows = result.table.assign(label=result.table["term"])
    low, high = float(rows["conf_low"].iloc[0]), float(rows["conf_high"].iloc[0])
    said = "Experience was as expected, as far as can be seen"
    if high < 0:
        said = "Experience fell short of expectation"
    elif low > 0:
        said = "Experience was better than expected"
    return _charts.forest(
        rows,
        title=title or said,
        subtitle=f"with {result.conf_level:.0%} interval; {int(rows['n'].iloc[0]):,} pairs",
        axis="scale points",
        description=f"{said}. "
        + _charts.spoken(rows.head(_SPOKEN), decimals=2, conf_level=result.conf_level, of="pairs"),
        reference=0.0,
        decimals=2,
    )
