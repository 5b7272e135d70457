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


def screen(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw the summary of what `survey.screen` returned: the score with and without the flagged answers.

    Parameters
    ----------
    result : Estimates
        The ``summary`` of what `survey.screen` returned.
    title : str, optional
        The finding; by default how many are flagged, and by how much the score moves without them.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import survey
    >>> answers = pd.DataFrame({"seconds": [60] * 9 + [5], "ltr": [10, 10, 8, 8, 9, 3, 10, 9, 7, 0]})
    >>> survey.chart.screen(survey.screen(answers, duration_column="seconds").summary).description
    'all 30, 95% interval -22 to 68, from 10 answers. kept 44, 95% interval -9 to 77, from 9 answers.
    10.0 of 100 rows flagged.'
    """
    values = result.table.set_index("term")
    rows = result.table.head(2).assign(label=["all answers", "without those flagged"])
    unit = rows["unit"].iloc[0]
    decimals, name = {"points": 0, "share": 2, "scale points": 2}[unit], result.estimand.split(" of ")[0]
    share = 100 * values["estimate"].astype(float)["flagged"]
    moved = values.loc["kept less all", ["conf_low", "estimate", "conf_high"]].astype(float)
    low, gap, high = (f"{value:+.{decimals + 1}f}" for value in moved + 0.0)
    said = _charts.spoken(
        rows.assign(label=["all", "kept"]), decimals=decimals, conf_level=result.conf_level, of="answers"
    )
    return _charts.forest(
        rows,
        title=title or f"{share:.1f} of 100 answers are flagged; without them the {name} moves by {gap}",
        subtitle=f"With {result.conf_level:.0%} intervals; that of the difference is {low} to {high}",
        axis=f"{name}, {_AXES[unit]}",
        description=f"{said} {share:.1f} of 100 rows flagged.",
        decimals=decimals,
    )


def _finding(rows: pd.DataFrame, name: str, decimals: int, *, is_grouped: bool) -> str:
    first, last = rows.iloc[0], rows.iloc[-1]
    if not is_grouped:
        span = f"{first.conf_low:.{decimals}f} and {first.conf_high:.{decimals}f}"
        return f"The {name} is {first.estimate:.{decimals}f}, somewhere between {span}"
    if len(rows) > 1 and first.conf_low > last.conf_high:
        return f"{first.label} scores above {last.label}: their intervals do not meet"
    return f"{first.label} has the highest {name}; its interval meets that of {last.label}"
