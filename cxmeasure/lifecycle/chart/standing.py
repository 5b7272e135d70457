"""Where customers stand, and where they go: shares by snapshot, moves as a square."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from cxmeasure import _charts
from cxmeasure.lifecycle.chart.ordering import in_order
from cxmeasure.results import Estimates, by_columns

_MOST_SNAPSHOTS = 60
_MOST_GROUPS = 6


def occupancy(
    result: Estimates, *, title: str | None = None, order: Sequence[str] | None = None
) -> alt.LayerChart:
    """Draw what `lifecycle.occupancy` returned: one curve an episode, the last sixty snapshots.

    Parameters
    ----------
    result : Estimates
        The result of `lifecycle.occupancy` without groups, or of which the first group is drawn.
    title : str, optional
        The finding; by default the largest episode at the last snapshot.
    order : sequence of str, optional
        The episodes in the order of the legend; by default that of the shipped rules, others after them.
        Of rules of your own: ``rules["episode"]``.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import lifecycle
    >>> episodes = pd.DataFrame({
    ...     "customer_id": [1, 1, 2], "episode": ["become", "am", "become"],
    ...     "start": pd.to_datetime(["2024-01-10", "2024-03-01", "2024-02-10"]),
    ...     "end": pd.to_datetime(["2024-03-01", None, None]),
    ... })
    >>> result = lifecycle.occupancy(episodes, observed_until="2024-03-31")
    >>> print(lifecycle.chart.occupancy(result).description)
    At the end of 2024-03-31: am 50%, 95% interval 9% to 91%; become 50%, 95% interval 9% to 91%;
    2 customers.
    """
    table, said = _first_group(result)
    days = sorted(table["snapshot"].unique())
    table = table[table["snapshot"].isin(days[-_MOST_SNAPSHOTS:])]
    last = table[table["snapshot"] == days[-1]].sort_values("estimate", ascending=False, kind="stable")
    top = last.iloc[0]
    when = f"{days[-1]:%Y-%m-%d}"
    spoken = "; ".join(
        f"{row.episode} {row.estimate:.0%}, {result.conf_level:.0%} interval {row.conf_low:.0%} "
        f"to {row.conf_high:.0%}"
        for row in last.itertuples()
    )
    drawn = table[["snapshot", "episode", "estimate", "conf_low", "conf_high", "n_here"]]
    colour = alt.Color("episode:N", title=None, sort=in_order(last["episode"], order))
    base = alt.Chart(drawn).encode(x=alt.X("snapshot:T", title=None), color=colour)
    y = alt.Y("conf_low:Q", title="share of customers", axis=alt.Axis(format=".0%"))
    area = base.mark_area(opacity=0.2).encode(y=y, y2="conf_high:Q")
    tips = [alt.Tooltip("episode:N"), alt.Tooltip("snapshot:T"), alt.Tooltip("estimate:Q", format=".1%")]
    line = base.mark_line(strokeWidth=2.5).encode(y="estimate:Q", tooltip=[*tips, "n_here:Q"])
    return alt.LayerChart(layer=[area, line]).properties(
        title=alt.TitleParams(
            _charts.wrapped(
                title or f"At the end of {when}, {top.estimate:.0%} are in “{top.episode}”{said}"
            ),
            subtitle=_charts.wrapped(
                f"share of customers by episode with its {result.conf_level:.0%} interval, "
                f"{top.n:,} customers at the end",
                84,
            ),
        ),
        description=f"At the end of {when}: {spoken}; {top.n:,} customers.",
        width=460,
        height=280,
    )


def transitions(
    result: Estimates, *, title: str | None = None, order: Sequence[str] | None = None
) -> alt.LayerChart:
    """Draw what `lifecycle.transitions` returned: a square of probabilities, from row to column.

    Parameters
    ----------
    result : Estimates
        The result of `lifecycle.transitions`; with groups, the first is drawn.
    title : str, optional
        The finding; by default the likeliest move that is not staying.
    order : sequence of str, optional
        The episodes in the order of rows and columns; as in `occupancy`.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import lifecycle
    >>> episodes = pd.DataFrame({
    ...     "customer_id": [1, 1, 2, 2], "episode": ["become", "am", "become", "am"],
    ...     "start": pd.to_datetime(["2024-01-10", "2024-02-20", "2024-01-10", "2024-03-10"]),
    ...     "end": pd.to_datetime(["2024-02-20", None, "2024-03-10", None]),
    ... })
    >>> result = lifecycle.transitions(episodes, observed_until="2024-03-31")
    >>> print(lifecycle.chart.transitions(result).description)
    Moves from one snapshot to the next: become to am 67%, 95% interval 21% to 94%, of 3.
    """
    table, said = _first_group(result)
    moves = table[table["from_episode"] != table["to_episode"]]
    moves = moves[moves["n_moved"] > 0].sort_values("estimate", ascending=False, kind="stable")
    spoken = "; ".join(
        f"{row.from_episode} to {row.to_episode} {row.estimate:.0%}, {result.conf_level:.0%} interval "
        f"{row.conf_low:.0%} to {row.conf_high:.0%}, of {row.n:,}"
        for row in moves.itertuples()
    )
    finding = "Nobody moved: all stay where they are"
    if len(moves):
        top = moves.iloc[0]
        finding = (
            f"The likeliest move is from “{top.from_episode}” to “{top.to_episode}”, {top.estimate:.0%}{said}"
        )
    drawn = table[["from_episode", "to_episode", "estimate", "conf_low", "conf_high", "n", "n_moved"]]
    drawn = drawn.assign(text=[f"{value:.1%}" if value else "" for value in drawn["estimate"]])
    sort = in_order([*table["from_episode"], *table["to_episode"]], order)
    base = alt.Chart(drawn).encode(
        x=alt.X("to_episode:N", title="to", axis=alt.Axis(labelAngle=0, orient="top"), sort=sort),
        y=alt.Y("from_episode:N", title="from", sort=sort),
    )
    names = ["from_episode:N", "to_episode:N", "n:Q", "n_moved:Q"]
    tips = [*names, *(alt.Tooltip(f"{c}:Q", format=".2%") for c in ("estimate", "conf_low", "conf_high"))]
    shade = alt.Color("estimate:Q", scale=alt.Scale(scheme="blues", domain=[0, 1]), legend=None)
    cells = base.mark_rect().encode(color=shade, tooltip=tips)
    dark = alt.condition("datum.estimate > 0.6", alt.value("white"), alt.value("black"))
    return alt.LayerChart(
        layer=[cells, base.mark_text(fontSize=12).encode(text="text:N", color=dark)]
    ).properties(
        title=alt.TitleParams(
            _charts.wrapped(title or finding),
            subtitle=_charts.wrapped("probability of the move from one snapshot to the next", 84),
        ),
        description=f"Moves from one snapshot to the next: {spoken or 'none'}.",
        width=alt.Step(62),
        height=alt.Step(38),
    )


def _first_group(result: Estimates) -> tuple[pd.DataFrame, str]:
    groups = list(by_columns(result))
    if not groups:
        return result.table, ""
    label = _charts.labels(result.table, groups)
    first = label.iloc[0]
    return result.table[label == first], f" ({first})"


def episode_value(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw the value still to come by episode that `lifecycle.episode_value` returned.

    Parameters
    ----------
    result : Estimates
        The result of `lifecycle.episode_value`.
    title : str, optional
        The finding; by default the episode worth most.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import lifecycle
    >>> counts = pd.DataFrame({"am": [50, 0], "leave": [50, 1]}, index=["am", "leave"])
    >>> result = lifecycle.episode_value(counts, reward={"am": 10}, discount_per_period=0.0)
    >>> print(lifecycle.chart.episode_value(result).description)
    Value still to come by episode: am 20.0, 95% interval 16.1 to 23.9, from 100 moves.
    """
    rows = result.table[result.table["term"] == "value"].sort_values(
        "estimate", ascending=False, kind="stable"
    )
    rows = rows.assign(label=rows["episode"]).fillna({"n": 0})
    top = rows.iloc[0]
    spoken = _charts.spoken(rows, decimals=1, conf_level=result.conf_level, of="moves")
    return _charts.forest(
        rows,
        title=title or f"A customer in “{top.label}” is worth most: {top.estimate:,.1f} still to come",
        subtitle=f"discounted value until leaving, by episode, with its {result.conf_level:.0%} interval",
        axis="value still to come",
        description=f"Value still to come by episode: {spoken}",
        rows_title="episode",
    )
