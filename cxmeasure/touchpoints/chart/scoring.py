"""Levels of touchpoints as pictures."""

import altair as alt
import pandas as pd

from cxmeasure import _charts
from cxmeasure.results import Estimates, by_columns

_AXES = {"points": "net promoter score, points", "share": "share of scored contacts, 0 to 1"}
_SPOKEN = 8


def scores(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `touchpoints.scores` returned, the worst touchpoint first.

    Parameters
    ----------
    result : Estimates
        The result of `touchpoints.scores`.
    title : str, optional
        The finding; by default which group is lowest and how surely it is among the worst.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import touchpoints
    >>> answers = pd.DataFrame({"touchpoint": ["app", "web", "shop"] * 20, "csat": [5, 3, 4, 4, 2, 5] * 10})
    >>> found = touchpoints.scores(answers, k=1)
    >>> " ".join(touchpoints.chart.scores(found).title.text)
    'web scores lowest'
    """
    by = by_columns(result)
    rows = result.table.assign(label=_charts.labels(result.table, by) if by else result.table["term"])
    rows = rows.dropna(subset=["estimate"]).sort_values("estimate", kind="stable")
    unit = rows["unit"].iloc[0]
    decimals = {"points": 0, "share": 2}.get(unit, 1)
    spread = float(result.details["spread"]["estimate"].iloc[0])
    return _charts.forest(
        rows,
        title=title or _finding(rows, spread),
        subtitle=f"pooled score with its {result.conf_level:.0%} interval; {int(rows['n'].sum()):,} answers",
        axis=_AXES.get(unit, "mean score, scale points"),
        description=_charts.spoken(
            rows.head(_SPOKEN), decimals=decimals, conf_level=result.conf_level, of="answers"
        ),
        decimals=decimals,
        rows_title=" · ".join(by),
    )


def _finding(rows: pd.DataFrame, spread: float) -> str:
    if spread == 0:
        return "The touchpoints differ no more than chance makes them differ"
    lowest = rows.iloc[0]
    rest = rows.iloc[1:]
    if len(rest) and (rest["conf_low"] > lowest["conf_high"]).all():
        return f"{lowest['label']} scores lowest"
    return f"{lowest['label']} has the lowest score, but others may be as low"
