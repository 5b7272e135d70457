"""Charts of scores over time."""

import altair as alt

from cxmeasure import _charts, theme
from cxmeasure.results import Estimates, by_columns

_DECIMALS = {"points": 0, "share": 2, "scale points": 2}


def change(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `survey.change` returned: the change, and its two parts.

    Parameters
    ----------
    result : Estimates
        The result of `survey.change`.
    title : str, optional
        The finding; by default the two parts.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import survey
    >>> answers = pd.DataFrame({
    ...     "month": ["old"] * 4 + ["new"] * 4, "plan": ["a", "a", "b", "b"] * 2,
    ...     "ltr": [10, 8, 3, 8, 10, 10, 3, 8],
    ... })
    >>> result = survey.change(
    ...     answers, period_column="month", before="old", after="new", segment_columns=["plan"]
    ... )
    >>> survey.chart.change(result).description
    'change 25, 95% interval -97 to 147, from 8 answers. within 25, 95% interval -62 to 112, from 8 answers.
    mix 0, 95% interval -87 to 87, from 8 answers.'
    """
    rows = result.table.assign(label=result.table["term"])
    decimals = _DECIMALS[rows["unit"].iloc[0]]
    whole, within, mix = (f"{value:+.{decimals}f}" for value in rows["estimate"] + 0.0)
    return _charts.forest(
        rows,
        title=title or f"Of the change of {whole}, {within} is within segments and {mix} is mix",
        subtitle=f"Kitagawa's split with its {result.conf_level:.0%} intervals",
        axis=f"change, {rows['unit'].iloc[0]}",
        description=_charts.spoken(rows, decimals=decimals, conf_level=result.conf_level, of="answers"),
        reference=0,
        decimals=decimals,
    )


def control_chart(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `survey.control_chart` returned: periods, centre, limits, and which are signals.

    Parameters
    ----------
    result : Estimates
        The result of `survey.control_chart`.
    title : str, optional
        The finding; by default the signals.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import survey
    >>> answers = pd.DataFrame({"month": range(1, 8), "score": [5, 6, 5, 6, 5, 6, 15]})
    >>> result = survey.control_chart(
    ...     answers, period_column="month", score_column="score", metric="mean", method="xmr"
    ... )
    >>> survey.chart.control_chart(result).description
    '7 periods around 6.86. Signals: 7 (15.00, beyond limits).'
    """
    period = by_columns(result)[0]
    decimals = _DECIMALS[result.table["unit"].iloc[0]]
    columns = ["estimate", "centre", "limit_low", "limit_high", "signal"]
    rows = result.table[[period, *columns]].rename(columns={period: "period"})
    rows = rows.assign(period=rows["period"].astype(str))
    marked = rows[rows["signal"] != ""]
    said = "; ".join(
        f"{row.period} ({row.estimate:.{decimals}f}, {row.signal})" for row in marked.itertuples()
    )
    # Turned labels take half of a phone's height; instead every other one is left out until they fit.
    axis = alt.Axis(labelAngle=0, labelOverlap="parity", labelSeparation=6, labelPadding=8, ticks=False)
    x = alt.X("period:N", sort=None, title=period, axis=axis)
    y = alt.Y("estimate:Q", title=f"score, {result.table['unit'].iloc[0]}", scale=alt.Scale(zero=False))
    base = alt.Chart(rows).encode(x=x)
    layers = [
        base.mark_line(color=theme.INK, strokeDash=[4, 4], interpolate="step").encode(y="limit_low:Q"),
        base.mark_line(color=theme.INK, strokeDash=[4, 4], interpolate="step").encode(y="limit_high:Q"),
        base.mark_line(color=theme.INK).encode(y="centre:Q"),
        base.mark_line(color=theme.ESTIMATE, point=True).encode(y=y),
        alt.Chart(marked)
        .mark_point(color=theme.DETRACTOR, filled=True, size=110, shape="diamond")
        .encode(x=x, y="estimate:Q", tooltip=["period:N", "signal:N"]),
    ]
    found = "No period" if marked.empty else f"{len(marked)} of {len(rows)} periods"
    return alt.LayerChart(layer=layers).properties(
        title=alt.TitleParams(
            _charts.wrapped(title or f"{found} out of the ordinary"),
            subtitle=_charts.wrapped(result.assumptions[1], 84),
        ),
        description=f"{len(rows)} periods around {rows['centre'].iloc[0]:.{decimals}f}. "
        f"Signals: {said or 'none'}.",
        width=460,
        height=240,
    )
