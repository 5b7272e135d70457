"""Pictures that every wing draws the same way: intervals as a forest, curves with a band.

Small tidy frames in, Altair charts out. Titles state the finding; the description says it to someone
who cannot see the chart.
"""

import re
from collections.abc import Sequence

import altair as alt
import pandas as pd

from cxmeasure import theme

MOST_ROWS = 60
_ROW = 26


def forest(
    rows: pd.DataFrame,
    *,
    title: str,
    subtitle: str,
    axis: str,
    description: str,
    truth: float | None = None,
    reference: float | None = None,
    domain: tuple[float, float] | None = None,
    decimals: int = 1,
    rows_title: str = "",
) -> alt.LayerChart:
    """Draw one interval a row.

    Parameters
    ----------
    rows : DataFrame
        Columns ``label estimate conf_low conf_high``; drawn in this order, at most `MOST_ROWS` of them.
    title, subtitle, axis, description : str
        The finding; what is drawn with n and level; the axis with its unit; the finding for a listener.
    truth : float, optional
        A known truth, drawn as a rule and labelled so.
    reference : float, optional
        A value to compare with, drawn as a thin rule: zero, or the mean.
    domain : (float, float), optional
        Ends of the axis; by default what the intervals need.
    decimals : int
        Decimals of the numbers written beside the points.
    rows_title : str
        What the rows are, written above their labels: the grouping columns.
    """
    drawn = rows.head(MOST_ROWS)[["label", "estimate", "conf_low", "conf_high"]].reset_index(drop=True)
    drawn = drawn.assign(text=[with_minus(f"{value:,.{decimals}f}") for value in drawn["estimate"]])
    order = drawn["label"].tolist()
    scale = alt.Scale(domain=list(domain)) if domain else alt.Scale(zero=False, nice=True, padding=8)
    above = alt.Axis(
        labelLimit=200, ticks=False, domain=False, titleAngle=0, titleAlign="right", titleY=-8, titleX=-4
    )
    y = alt.Y("label:N", sort=order, title=rows_title or None, axis=above)
    tips = [
        alt.Tooltip("label:N", title=" "),
        alt.Tooltip("estimate:Q", title="estimate", format=f",.{decimals}f"),
        alt.Tooltip("conf_low:Q", title="from", format=f",.{decimals}f"),
        alt.Tooltip("conf_high:Q", title="to", format=f",.{decimals}f"),
    ]
    base = alt.Chart(drawn).encode(y=y, tooltip=tips)
    x_axis = alt.X("conf_low:Q", title=axis, scale=scale, axis=alt.Axis(tickCount=6))
    bars = base.mark_rule(color=theme.ESTIMATE, strokeWidth=3, opacity=0.55).encode(
        x=x_axis, x2="conf_high:Q"
    )
    points = base.mark_point(color=theme.ESTIMATE, filled=True, size=70, opacity=1).encode(x="estimate:Q")
    labels = base.mark_text(dy=-10, fontSize=11, color=theme.INK).encode(x="estimate:Q", text="text:N")
    layers = [*_marks(reference, None), bars, points, labels, *_marks(truth, "truth")]
    return alt.LayerChart(layer=layers).properties(
        title=alt.TitleParams(wrapped(title), subtitle=wrapped(subtitle, 84)),
        description=description,
        width=400,
        height=alt.Step(_ROW + 6),
    )


def band(
    rows: pd.DataFrame,
    *,
    title: str,
    subtitle: str,
    x: str,
    y: str,
    description: str,
    observed: pd.DataFrame | None = None,
    y_format: str = ".0%",
    x_step: float = 1,
) -> alt.LayerChart:
    """Draw one curve a ``label`` with its band.

    Parameters
    ----------
    rows : DataFrame
        Columns ``label at estimate conf_low conf_high``.
    title, subtitle, x, y, description : str
        As in `forest`; `x` and `y` are the titles of the axes.
    observed : DataFrame, optional
        Points to draw beside the curve: ``label at estimate``.
    y_format : str
        How numbers of the y axis are written.
    x_step : float
        Least distance of two ticks of the x axis.
    """
    columns = ["label", "at", "estimate", "conf_low", "conf_high"]
    names = rows["label"].unique().tolist()
    colour = alt.Color("label:N", title=None, sort=names, legend=None if len(names) == 1 else alt.Undefined)
    across = alt.X("at:Q", title=x, axis=alt.Axis(tickMinStep=x_step))
    base = alt.Chart(rows[columns].head(MOST_ROWS * 5)).encode(x=across, color=colour)
    area = base.mark_area(opacity=0.2).encode(
        y=alt.Y("conf_low:Q", title=y, axis=alt.Axis(format=y_format), scale=alt.Scale(zero=True)),
        y2="conf_high:Q",
    )
    line = base.mark_line(strokeWidth=2.5).encode(
        y="estimate:Q",
        tooltip=["label:N", "at:Q", *(alt.Tooltip(f"{c}:Q", format=y_format) for c in columns[2:])],
    )
    layers = [area, line]
    if observed is not None:
        points = alt.Chart(observed[["label", "at", "estimate"]]).mark_point(
            size=45, filled=False, strokeWidth=2
        )
        layers.append(points.encode(x="at:Q", y="estimate:Q", color=colour))
    return alt.LayerChart(layer=layers).properties(
        title=alt.TitleParams(wrapped(title), subtitle=wrapped(subtitle, 84)),
        description=description,
        width=460,
        height=260,
    )


def with_minus(text: str) -> str:
    """Return `text` with a minus sign, which is as wide as a plus, where a hyphen stands before a number."""
    return re.sub(r"(?<![\w.])-(?=\.?\d)", "−", text)


def wrapped(text: str, width: int = 62) -> list[str]:
    """Break `text` into lines of at most about `width` characters, for a chart's title."""
    lines = [""]
    for word in with_minus(text).split():
        if len(lines[-1]) + len(word) + 1 > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def labels(table: pd.DataFrame, by: Sequence[str]) -> pd.Series:
    """Return one readable label a row from its grouping columns, missing values as ``(missing)``."""
    parts = [table[name].astype(object).where(table[name].notna(), "(missing)").astype(str) for name in by]
    label = parts[0]
    for part in parts[1:]:
        label = label + " · " + part
    return label


def spoken(rows: pd.DataFrame, *, decimals: int, conf_level: float, of: str) -> str:
    """Say each row's interval in a sentence, for a chart's description."""
    columns = (rows[name].tolist() for name in ("label", "estimate", "conf_low", "conf_high", "n"))
    return " ".join(
        f"{label} {at:,.{decimals}f}, {conf_level:.0%} interval {low:,.{decimals}f} to {high:,.{decimals}f}, "
        f"from {n:,} {of}."
        for label, at, low, high, n in zip(*columns, strict=True)
    )


def _marks(at: float | None, label: str | None) -> list[alt.Chart]:
    if at is None:
        return []
    frame = pd.DataFrame({"at": [at]})
    rule = (
        alt.Chart(frame).mark_rule(color=theme.INK, strokeDash=[1, 0] if label else [3, 3]).encode(x="at:Q")
    )
    if label is None:
        return [rule]
    text = alt.Chart(frame.assign(text=label)).mark_text(align="left", dx=4, baseline="top", color=theme.INK)
    return [rule, text.encode(x="at:Q", y=alt.value(0), text="text:N")]
