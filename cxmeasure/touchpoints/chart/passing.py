"""Ways through touchpoints as pictures."""

import altair as alt
import pandas as pd

from cxmeasure import _charts, theme
from cxmeasure.results import Estimates

_SPOKEN = 8


def removal_effects(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `touchpoints.removal_effects` returned, with the effect that chance gives as a tick.

    Parameters
    ----------
    result : Estimates
        The result of `touchpoints.removal_effects`.
    title : str, optional
        The finding; by default how many touchpoints differ from a relabelled one.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import touchpoints
    >>> steps = pd.DataFrame({"customer_id": range(20), "touchpoint": ["ad", "shop"] * 10, "ts": 1})
    >>> found = touchpoints.removal_effects(steps.assign(converted=[True, True, False, False] * 5))
    >>> " ".join(touchpoints.chart.removal_effects(found).title.text)
    'No touchpoint differs from one that is met as often, in no particular place'
    """
    rows = result.table.assign(label=result.table["term"]).sort_values(
        "estimate", ascending=False, kind="stable"
    )
    chart = _charts.forest(
        rows,
        title=title or _finding(rows),
        subtitle=f"share of successes lost without the touchpoint, {result.conf_level:.0%} interval; "
        "tick: a touchpoint met as often by chance",
        axis="share of the successes, 0 to 1",
        description=_charts.spoken(rows.head(_SPOKEN), decimals=2, conf_level=result.conf_level, of="paths"),
        domain=(0.0, 1.0),
        decimals=2,
    )
    if rows["null_mean"].isna().all():
        return chart
    ticks = alt.Chart(rows.head(_charts.MOST_ROWS)[["label", "null_mean"]]).mark_tick(
        color=theme.NAIVE, thickness=2, size=16
    )
    order = rows["label"].tolist()
    chart.layer.append(ticks.encode(x="null_mean:Q", y=alt.Y("label:N", sort=order)))
    return chart


def _finding(rows: pd.DataFrame) -> str:
    differ = rows[(rows["p_value"] * len(rows) < 0.05)]
    if rows["p_value"].isna().all():
        return f"Most successes pass {rows['label'].iloc[0]}"
    if differ.empty:
        return "No touchpoint differs from one that is met as often, in no particular place"
    named = ", ".join(differ["label"].head(3))
    return f"{len(differ)} of {len(rows)} touchpoints differ from chance, first {named}"
