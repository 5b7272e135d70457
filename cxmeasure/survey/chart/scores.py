"""Charts of scores and of what becomes of them."""

import altair as alt
import pandas as pd

from cxmeasure import _charts
from cxmeasure.results import Estimates, by_columns

_AXES = {"points": "points, −100 to 100", "share": "share of answers, 0 to 1", "scale points": "scale points"}
_NAMES = {"nps": "NPS", "csat": "CSAT", "ces": "CES", "top_box": "top-box share", "mean": "mean score"}


def metric(result: Estimates, *, title: str | None = None, truth: float | None = None) -> alt.LayerChart:
    """Draw what `survey.metric` returned, an interval a group.

    Parameters
    ----------
    result : Estimates
        The result of `survey.metric`.
    title : str, optional
        The finding; by default the plainest one the numbers allow.
    truth : float, optional
        The true score, where it is known.

    Examples
    --------
    >>> from cxmeasure import survey
    >>> chart = survey.chart.metric(survey.metric([10, 9, 8, 3, 10, 7]))
    >>> chart.description
    'NPS 33, 95% interval -31 to 75, from 6 answers.'
    """
    table = result.table.dropna(subset="estimate")
    groups = by_columns(result)
    name, unit = _NAMES[table["term"].iloc[0]], table["unit"].iloc[0]
    decimals = {"points": 0, "share": 2, "scale points": 1}[unit]
    label = _charts.labels(table, groups) if groups else table["term"].map(_NAMES)
    rows = table.assign(label=label).sort_values("estimate", ascending=False, kind="stable")
    said = _charts.spoken(rows.head(8), decimals=decimals, conf_level=result.conf_level, of="answers")
    return _charts.forest(
        rows,
        title=title or _finding(rows, name, decimals, is_grouped=bool(groups)),
        subtitle=f"{name} with its {result.conf_level:.0%} interval, {int(table['n'].sum()):,} answers",
        axis=f"{name}, {_AXES[unit]}",
        description=(f"{name} by {', '.join(groups)}: " if groups else "") + said,
        truth=truth,
        decimals=decimals,
        rows_title=", ".join(groups),
    )


def _finding(rows: pd.DataFrame, name: str, decimals: int, *, is_grouped: bool) -> str:
    first, last = rows.iloc[0], rows.iloc[-1]
    if not is_grouped:
        span = f"{first.conf_low:.{decimals}f} and {first.conf_high:.{decimals}f}"
        return f"The {name} is {first.estimate:.{decimals}f}, somewhere between {span}"
    if len(rows) > 1 and first.conf_low > last.conf_high:
        return f"{first.label} scores above {last.label}: their intervals do not meet"
    return f"{first.label} has the highest {name}; its interval meets that of {last.label}"
