"""`Estimates` of the survey wing → Altair charts, each of its estimator's name."""

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


def response_rates(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `survey.response_rates` returned, an interval a rate and group.

    Parameters
    ----------
    result : Estimates
        The result of `survey.response_rates`.
    title : str, optional
        The finding; by default how many in a hundred answered.

    Examples
    --------
    >>> from cxmeasure import survey
    >>> rates = survey.response_rates({"I": 400, "P": 20, "R": 900, "NC": 680}, rates=["RR1", "RR2"])
    >>> survey.chart.response_rates(rates).description
    'RR1 20.0, 95% interval 18.3 to 21.8, from 2,000 invitations. RR2 21.0, 95% interval 19.3 to 22.8,
    from 2,000 invitations.'
    """
    table = result.table.dropna(subset="estimate")
    rows = table.assign(label=_charts.labels(table, [*by_columns(result), "term"]))
    columns = ["estimate", "conf_low", "conf_high"]
    rows[columns] = 100 * rows[columns]
    first = rows.iloc[0]
    span = f"{first.conf_low:.0f} to {first.conf_high:.0f}"
    return _charts.forest(
        rows,
        title=title or f"{first.label}: {first.estimate:.0f} in 100, somewhere from {span}",
        subtitle=f"AAPOR outcome rates with their {result.conf_level:.0%} intervals",
        axis="of 100 invitations in the denominator",
        description=_charts.spoken(rows.head(8), decimals=1, conf_level=result.conf_level, of="invitations"),
    )
