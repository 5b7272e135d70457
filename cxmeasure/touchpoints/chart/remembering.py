"""What is remembered, and the curve along a journey, as pictures."""

import altair as alt
import pandas as pd

from cxmeasure import _charts
from cxmeasure.results import Estimates, by_columns

_SPOKEN = 8


def peak_end(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `touchpoints.peak_end` returned: the weights, with zero as a rule.

    Parameters
    ----------
    result : Estimates
        The result of `touchpoints.peak_end`.
    title : str, optional
        The finding; by default whether peak and end add to the mean.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from cxmeasure import touchpoints
    >>> rng = np.random.default_rng(1)
    >>> steps = pd.DataFrame({"journey_id": np.sort(rng.integers(0, 80, 300))})
    >>> steps["valence"] = rng.normal(size=300)
    >>> steps = steps.assign(customer_id=steps["journey_id"], ts=range(300))
    >>> steps["overall"] = steps.groupby("journey_id")["valence"].transform("mean") + rng.normal(size=300)
    >>> found = touchpoints.peak_end(steps, remembered_column="overall")
    >>> touchpoints.chart.peak_end(found).title.text
    ['Peak and end add nothing to the mean that could be seen here']
    """
    rows = result.table.assign(label=result.table["term"])
    test = result.details["tests"].iloc[0]
    said = "Peak and end add to the mean"
    if float(test["p_value"]) >= 1 - result.conf_level:
        said = "Peak and end add nothing to the mean that could be seen here"
    return _charts.forest(
        rows,
        title=title or said,
        subtitle=f"Weight in the remembered rating, {result.conf_level:.0%} interval; "
        f"{int(rows['n'].iloc[0]):,} journeys",
        axis="change with one more, scale points",
        description=f"{said}. "
        + _charts.spoken(rows.head(_SPOKEN), decimals=2, conf_level=result.conf_level, of="journeys"),
        reference=0.0,
        decimals=2,
    )


def emotion_curve(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `touchpoints.emotion_curve` returned: each curve in its band.

    Parameters
    ----------
    result : Estimates
        The result of `touchpoints.emotion_curve`.
    title : str, optional
        The finding; by default whether the steps differ.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from cxmeasure import touchpoints
    >>> rng = np.random.default_rng(2)
    >>> steps = pd.DataFrame({"journey_id": np.repeat(range(60), 3), "valence": rng.normal(size=180)})
    >>> steps = steps.assign(customer_id=steps["journey_id"], ts=range(180))
    >>> found = touchpoints.emotion_curve(steps, rng=np.random.default_rng(1))
    >>> touchpoints.chart.emotion_curve(found).title.text
    ['The steps do not differ more than chance makes them differ']
    """
    by = by_columns(result)
    table = result.table
    rows = table.assign(at=table["step"], label=_charts.labels(table, by) if by else "all journeys")
    said = _finding(result)
    ends = rows.groupby("label", sort=False).agg(
        low=("estimate", "min"), high=("estimate", "max"), n=("n", "max")
    )
    spoken = " ".join(
        f"{label}: from {low:.2f} to {high:.2f}, {n:,} ratings at most."
        for label, low, high, n in ends.head(_SPOKEN).itertuples(name=None)
    )
    return _charts.band(
        rows,
        title=title or said,
        subtitle=f"mean rating with a band that holds the whole curve at {result.conf_level:.0%}",
        x="step of the journey",
        y="mean rating, scale points",
        description=f"{said}. {spoken}",
        y_format=".1f",
    )


def _finding(result: Estimates) -> str:
    flat: pd.DataFrame = result.details["flat"]
    n_differ = int((flat["p_value"] < 1 - result.conf_level).sum())
    if len(flat) > 1:
        return f"In {n_differ} of {len(flat)} kinds of journey the steps differ"
    if n_differ == 0:
        return "The steps do not differ more than chance makes them differ"
    table = result.table
    order = table.sort_values("estimate", kind="stable")["step"].tolist()
    return f"Step {order[0]} is lowest, step {order[-1]} highest"
