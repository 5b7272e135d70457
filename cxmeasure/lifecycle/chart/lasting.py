"""Curves over time since the start: where customers are, how long they stay, why they go."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from cxmeasure import _charts
from cxmeasure.lifecycle.chart.ordering import in_order
from cxmeasure.results import Estimates, by_columns

_MOST_CURVES = 8


def state_probabilities(
    result: Estimates, *, title: str | None = None, order: Sequence[str] | None = None
) -> alt.LayerChart:
    """Draw where customers are k periods after they first appeared, one curve an episode.

    Parameters
    ----------
    result : Estimates
        The result of `lifecycle.state_probabilities`; with groups, the first is drawn.
    title : str, optional
        The finding; by default the likeliest episode at the end.
    order : sequence of str, optional
        The episodes in the order of the legend; by default that of the shipped rules, others after them.
        Of rules of your own: ``rules["episode"]``.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import lifecycle
    >>> episodes = pd.DataFrame({
    ...     "customer_id": range(20), "episode": "am",
    ...     "start": pd.Timestamp("2024-01-31"),
    ...     "end": pd.to_datetime(["2024-02-29"] * 5 + [None] * 15),
    ... })
    >>> result = lifecycle.time_in_episode(episodes, observed_until="2024-03-31")
    >>> print(lifecycle.chart.time_in_episode(result).description)
    Still in the episode after 2 periods: am 75%, 95% interval 53% to 89%.
    """
    return _curves(result, "episode", "In each episode", "periods since first seen", title, order=order)


def time_in_episode(
    result: Estimates, *, title: str | None = None, order: Sequence[str] | None = None
) -> alt.LayerChart:
    """Draw the share still in an episode, one curve an episode; the largest eight, if there are more.

    Parameters
    ----------
    result : Estimates
        The result of `lifecycle.time_in_episode`; with groups, the first is drawn.
    title : str, optional
        The finding; by default the episode that lasts longest.
    order : sequence of str, optional
        As in `state_probabilities`.
    """
    return _curves(result, "episode", "Still in the episode", "periods since it began", title, order=order)


def cumulative_incidence(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw the share that has left for each reason, one curve a reason; the largest eight.

    Parameters
    ----------
    result : Estimates
        The result of `lifecycle.cumulative_incidence`; with groups, the first is drawn.
    title : str, optional
        The finding; by default the reason most have left for.
    """
    shown = result.table[result.table["reason"] != "(still there)"]
    return _curves(result, "reason", "Left for the reason", "periods since the start", title, shown)


def _curves(
    result: Estimates,
    of: str,
    what: str,
    x: str,
    title: str | None,
    table: pd.DataFrame | None = None,
    order: Sequence[str] | None = None,
) -> alt.LayerChart:
    table = result.table if table is None else table
    groups, said = list(by_columns(result)), ""
    if groups:
        label = _charts.labels(table, groups)
        table, said = table[label == label.iloc[0]], f" ({label.iloc[0]})"
    ends = table.groupby(of, sort=False).tail(1).sort_values("estimate", ascending=False, kind="stable")
    ends = ends.head(_MOST_CURVES)
    rows = table[table[of].isin(ends[of])].assign(label=lambda kept: kept[of], at=lambda kept: kept["period"])
    place = {name: i for i, name in enumerate(in_order(ends[of], order) if of == "episode" else ends[of])}
    rows = rows.sort_values(
        ["label", "at"], key=lambda part: part.map(place) if part.name == "label" else part
    )
    # A long curve is thinned, so that each keeps its last point.
    step = -(-len(rows) // 280)
    last = rows.groupby("label")["at"].transform("max")
    rows = rows[(rows.groupby("label").cumcount() % step == 0) | (rows["at"] == last)]
    top, at = ends.iloc[0], int(ends["period"].max())
    spoken = "; ".join(
        f"{name} {share:.0%}, {result.conf_level:.0%} interval {low:.0%} to {high:.0%}"
        for name, share, low, high in zip(
            *(ends[column].tolist() for column in (of, "estimate", "conf_low", "conf_high")), strict=True
        )
    )
    return _charts.band(
        rows,
        title=title or f"After {at} periods “{top[of]}” is highest, {top.estimate:.0%}{said}",
        subtitle=f"{what[0].lower()}{what[1:]}: share with its {result.conf_level:.0%} interval",
        x=x,
        y="share",
        description=f"{what} after {at} periods: {spoken}.",
    )
