"""`Estimates` of the lifecycle wing → Altair charts, each of its estimator's name."""

import altair as alt
import pandas as pd

from cxmeasure import _charts, theme
from cxmeasure.results import Estimates, by_columns

_MOST_COHORTS = 8


def projected_retention(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw the survival curve that `lifecycle.projected_retention` returned, with what was observed.

    Parameters
    ----------
    result : Estimates
        The result of `lifecycle.projected_retention`.
    title : str, optional
        The finding; by default the share still there at the horizon.

    Examples
    --------
    >>> from cxmeasure import lifecycle
    >>> result = lifecycle.projected_retention([1000, 869, 743, 653, 593, 551, 517, 491], horizon=12)
    >>> print(lifecycle.chart.projected_retention(result).description)
    Observed: 1,000 customers at the start, 49% still there after 7 periods. Projected for period 12:
    38% still there, 95% interval 34% to 42%.
    """
    curve = result.table[result.table["term"] == "survival"]
    rows = curve.assign(label="still there", at=curve["period"].astype(int))
    seen = rows.dropna(subset="observed").assign(estimate=lambda known: known["observed"])
    last, end = seen.iloc[-1], rows.iloc[-1]
    span = f"{end.conf_low:.0%} to {end.conf_high:.0%}"
    is_beyond = end["at"] > last["at"]
    said = "Projected" if is_beyond else "Fitted"
    chart = _charts.band(
        rows,
        title=title or f"In period {end['at']}, {end.estimate:.0%} are still there, or anything from {span}",
        subtitle=f"share still there: observed (circles) and shifted beta-geometric with its "
        f"{result.conf_level:.0%} interval, {end.n:,} customers",
        x="periods since the start",
        y="share still there",
        observed=seen,
        description=f"Observed: {end.n:,} customers at the start, {last.observed:.0%} still there after "
        f"{last['at']} periods. {said} for period {end['at']}: {end.estimate:.0%} still there, "
        f"{result.conf_level:.0%} interval {span}.",
    )
    return _with_edge(chart, int(last["at"])) if is_beyond else chart


def _with_edge(chart: alt.LayerChart, last: int) -> alt.LayerChart:
    """Mark where the data end and extrapolation begins."""
    edge = alt.Chart(pd.DataFrame({"at": [last], "text": ["extrapolated from here"]}))
    rule = edge.mark_rule(color=theme.INK, strokeDash=[3, 3]).encode(x="at:Q")
    text = edge.mark_text(align="left", dx=5, baseline="top", color=theme.INK)
    marked: alt.LayerChart = chart + rule + text.encode(x="at:Q", y=alt.value(0), text="text:N")
    return marked


def cohort_retention(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw the curves that `lifecycle.cohort_retention` returned; the largest eight, if there are more.

    Parameters
    ----------
    result : Estimates
        The result of `lifecycle.cohort_retention`.
    title : str, optional
        The finding; by default a comparison where the drawn curves can last be compared.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import lifecycle
    >>> contracts = pd.DataFrame({
    ...     "customer_id": range(20),
    ...     "start_date": pd.to_datetime(["2024-01-10"] * 20),
    ...     "end_date": pd.to_datetime(["2024-02-20"] * 5 + [None] * 15),
    ... })
    >>> result = lifecycle.cohort_retention(contracts, observed_until="2024-03-31")
    >>> print(lifecycle.chart.cohort_retention(result).description)
    Share still there after 2 months, by cohort: 2024-01 75%, 95% interval 53% to 89%, from 20 customers.
    """
    every = result.details["scope"]["every"].item()
    groups = list(by_columns(result))
    sizes = result.table.groupby(groups, dropna=False, sort=False)["n"].first()
    kept = sizes.nlargest(_MOST_COHORTS)
    rows = result.table.merge(kept.reset_index()[groups], on=groups)
    rows = rows.assign(label=_charts.labels(rows, groups), at=rows["period"])
    shared = int(rows.groupby("label")["at"].max().min())
    there = rows[rows["at"] == shared].sort_values("estimate", ascending=False, kind="stable")
    spoken = " ".join(
        f"{row.label} {row.estimate:.0%}, {result.conf_level:.0%} interval {row.conf_low:.0%} to "
        f"{row.conf_high:.0%}, from {row.n:,} customers."
        for row in there.itertuples()
    )
    drawn = f", the {len(kept)} largest of {len(sizes)} cohorts" if len(sizes) > len(kept) else ""
    return _charts.band(
        rows,
        title=title or _finding(there, f"{shared} {every}{'s' if shared != 1 else ''}"),
        subtitle=f"share still there with its {result.conf_level:.0%} interval, "
        f"{kept.sum():,} customers{drawn}",
        x=f"whole {every}s since the start",
        y="share still there",
        description=f"Share still there after {shared} {every}{'s' if shared != 1 else ''}, "
        f"by cohort: {spoken}",
    )


def _finding(there: pd.DataFrame, when: str) -> str:
    first, last = there.iloc[0], there.iloc[-1]
    if len(there) == 1:
        span = f"{first.conf_low:.0%} and {first.conf_high:.0%}"
        return f"After {when} {first.estimate:.0%} are still there, somewhere between {span}"
    said = f"After {when} {first.label} has kept {first.estimate:.0%}, {last.label} {last.estimate:.0%}"
    meet = "do not meet" if first.conf_low > last.conf_high else "meet"
    return f"{said}: their intervals {meet}"
