"""Charts of who was asked and who answered."""

import altair as alt
import numpy as np
import pandas as pd

from cxmeasure import _charts
from cxmeasure.results import Estimates, by_columns

_MOST = 8


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


def response_propensity(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `survey.response_propensity` returned: the propensity of each cell with its interval.

    Parameters
    ----------
    result : Estimates
        The result of `survey.response_propensity`.
    title : str, optional
        The finding; by default which cell answers most and which least.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import survey
    >>> cells = pd.DataFrame({"plan": ["basic", "pro"], "invited": [100, 50], "answered": [20, 20]})
    >>> result = survey.response_propensity(
    ...     cells, covariate_columns=["plan"], invited_column="invited", responded_column="answered"
    ... )
    >>> survey.chart.response_propensity(result).description
    'pro 40.0, 95% interval 27.5 to 54.0, from 50 invitations. basic 20.0, 95% interval 13.3 to 29.0,
    from 100 invitations.'
    """
    cells = result.details["cells"]
    covariates = list(cells.columns[: cells.columns.get_loc("n_invited")])
    rows = cells.assign(label=_charts.labels(cells, covariates), n=cells["n_invited"])
    rows = rows.assign(estimate=rows["propensity"]).sort_values("estimate", ascending=False)
    rows = _in_hundred(rows)
    first, last = rows.iloc[0], rows.iloc[-1]
    return _charts.forest(
        rows,
        title=title
        or f"{first.label} answers most often, {last.label} least: {first.estimate:.0f} in 100 "
        f"against {last.estimate:.0f}",
        subtitle=f"Modelled chance of an answer with its {result.conf_level:.0%} interval",
        axis="of 100 invitations answered",
        description=_spoken(rows, result, "invitations"),
    )


def r_indicator(result: Estimates, *, title: str | None = None, truth: float | None = None) -> alt.LayerChart:
    """Draw what `survey.r_indicator` returned: R with its interval, beside the unadjusted value.

    Parameters
    ----------
    result : Estimates
        The result of `survey.r_indicator`.
    title : str, optional
        The finding; by default R, and what it is blind to.
    truth : float, optional
        R of the true propensities, where they are known.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import survey
    >>> cells = pd.DataFrame({"plan": ["basic", "pro"], "invited": [100, 50], "answered": [20, 20]})
    >>> result = survey.r_indicator(
    ...     cells, covariate_columns=["plan"], invited_column="invited", responded_column="answered"
    ... )
    >>> survey.chart.r_indicator(result).description
    'R 0.84, 95% interval 0.69 to 1.00, from 150 invitations. R unadjusted 0.81, no interval.'
    """
    row = result.table[result.table["term"] == "R"].iloc[[0]].assign(label="R")
    value = float(row["unadjusted"].iloc[0])
    plain = row.assign(label="R unadjusted", estimate=value, conf_low=value, conf_high=value)
    said = _charts.spoken(row, decimals=2, conf_level=result.conf_level, of="invitations")
    return _charts.forest(
        pd.concat([row, plain], ignore_index=True),
        title=title or f"R is {row['estimate'].iloc[0]:.2f} on what is recorded; it is blind to the rest",
        subtitle=f"1 − 2 × standard deviation of the propensities, {result.conf_level:.0%} interval",
        axis="R, 1 = everybody equally likely to answer",
        description=f"{said} R unadjusted {value:.2f}, no interval.",
        truth=truth,
        decimals=3,
    )


def partial_r_indicators(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `survey.partial_r_indicators` returned: the categories, unconditional.

    Parameters
    ----------
    result : Estimates
        The result of `survey.partial_r_indicators`.
    title : str, optional
        The finding; by default which category answers too little.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import survey
    >>> cells = pd.DataFrame({"plan": ["basic", "pro"], "invited": [100, 50], "answered": [20, 20]})
    >>> result = survey.partial_r_indicators(
    ...     cells, covariate_columns=["plan"], invited_column="invited", responded_column="answered"
    ... )
    >>> survey.chart.partial_r_indicators(result).description
    'plan · pro 0.077, 95% interval 0.017 to 0.137, from 150 invitations. plan · basic -0.054,
    95% interval -0.097 to -0.012, from 150 invitations.'
    """
    table = result.table[(result.table["term"] == "unconditional") & (result.table["category"] != "(all)")]
    rows = table.assign(label=_charts.labels(table, ["variable", "category"]))
    rows = rows.sort_values("estimate", ascending=False)
    last = rows.iloc[-1]
    return _charts.forest(
        rows,
        title=title or f"{last.label} is missing most among those who answered",
        subtitle=f"Unconditional partial R-indicators with their {result.conf_level:.0%} intervals",
        axis="below zero: answers too little; above: too much",
        description=_spoken(rows, result, "invitations", decimals=3),
        reference=0,
        decimals=3,
    )


def covariate_balance(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `survey.covariate_balance` returned: the gap of each category, in percentage points.

    Parameters
    ----------
    result : Estimates
        The result of `survey.covariate_balance`.
    title : str, optional
        The finding; by default the category with the widest gap.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import survey
    >>> cells = pd.DataFrame({"plan": ["basic", "pro"], "invited": [100, 50], "answered": [20, 20]})
    >>> result = survey.covariate_balance(
    ...     cells, covariate_columns=["plan"], invited_column="invited", responded_column="answered"
    ... )
    >>> survey.chart.covariate_balance(result).description
    'plan · pro 16.7, 95% interval 3.8 to 29.6, from 40 answers. plan · basic -16.7,
    95% interval -29.6 to -3.8, from 40 answers.'
    """
    table = result.table
    rows = table.assign(label=_charts.labels(table, ["variable", "category"]))
    rows = _in_hundred(rows.sort_values("estimate", ascending=False))
    widest = rows.iloc[int(np.argmax(rows["estimate"].abs()))]
    way = "more" if widest.estimate > 0 else "fewer"
    return _charts.forest(
        rows,
        title=title
        or f"{widest.label}: {abs(widest.estimate):.0f} in 100 {way} among answers than among invited",
        subtitle=f"Share of answers less share of invited, with its {result.conf_level:.0%} interval",
        axis="percentage points",
        description=_spoken(rows, result, "answers"),
        reference=0,
    )


def response_curve(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `survey.response_curve` returned: the fitted curve with its band, and the bands' rates.

    Parameters
    ----------
    result : Estimates
        The result of `survey.response_curve`.
    title : str, optional
        The finding; by default what the test says of the shape.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import survey
    >>> sent = pd.DataFrame({
    ...     "days": [0, 5, 10] * 100,
    ...     "has_answered": [True, False, True] * 40 + [False] * 120 + [True, True, True] * 20,
    ... })
    >>> result = survey.response_curve(sent, proxy_column="days", proxy_kind="behaviour")
    >>> survey.chart.response_curve(result).description
    'Chance of an answer by the proxy: 60 of 100 at its lowest, 60 at its highest. U-shaped: falls, then
    rises.'
    """
    curve = result.details["curve"].assign(label="fitted")
    bands = result.details["bands"].assign(label="fitted")
    # Where only one side was seen (a follow-up that reached nobody silent) 0 or 100 % is no observed rate.
    bands = bands[bands["n_responded"].between(1, bands["n"] - 1)]
    shape = str(result.table["note"].iloc[-1])
    first, last = (f"{100 * curve['estimate'].iloc[at]:.0f}" for at in (0, -1))
    return _charts.band(
        curve,
        title=title or f"Response is {shape}",
        subtitle=f"Logit with a square and its {result.conf_level:.0%} band; points: rates seen",
        x="proxy of satisfaction, known of everybody invited",
        y="chance of an answer",
        description=f"Chance of an answer by the proxy: {first} of 100 at its lowest, {last} at its highest. "
        f"{shape}.",
        observed=bands.rename(columns={"response_rate": "estimate"}),
    )


def contact_fatigue(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `survey.contact_fatigue` returned: the response rate of each arm, and the slopes.

    Parameters
    ----------
    result : Estimates
        The result of `survey.contact_fatigue`.
    title : str, optional
        The finding; by default the arms furthest apart.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import survey
    >>> sent = pd.DataFrame({
    ...     "quiet_days": [0] * 200 + [90] * 100,
    ...     "has_answered": [True] * 30 + [False] * 170 + [True] * 25 + [False] * 75,
    ... })
    >>> survey.chart.contact_fatigue(survey.contact_fatigue(sent, arm_column="quiet_days")).description
    'arm 0 15.0, 95% interval 10.7 to 20.6, from 200 invitations. arm 90 25.0, 95% interval 17.5 to 34.4,
    from 100 invitations.'
    >>> again = pd.DataFrame({
    ...     "customer": [1, 1, 2, 2, 3, 3], "earlier": [0, 1] * 3,
    ...     "has_answered": [True, False, True, True, True, False],
    ... })
    >>> slope = survey.contact_fatigue(again, prior_column="earlier", customer_column="customer")
    >>> survey.chart.contact_fatigue(slope).title.text
    ['One earlier invitation moves the response by −66.7 in 100']
    """
    table = result.table
    is_rate = table["term"] == "response rate"
    rows = _in_hundred(table[is_rate] if is_rate.any() else table[table["unit"] == "share"])
    pairs = zip(rows["arm"], rows["term"], strict=True)
    rows = rows.assign(label=[f"arm {arm}" if arm is not None else term for arm, term in pairs])
    rows = rows.sort_values("estimate", kind="stable")
    low, high = rows.iloc[0], rows.iloc[-1]
    said = f"{high['label']}: {high['estimate']:.0f} in 100 answer; {low['label']}: {low['estimate']:.0f}"
    subtitle = f"With {result.conf_level:.0%} intervals, clustered by customer where one is given"
    if not is_rate.any():
        # A step of log(1 + earlier invitations) is nobody's unit: from none to one it is log 2.
        columns = ["estimate", "conf_low", "conf_high"]
        rows = rows.assign(label="one earlier invitation")
        rows[columns] = np.log(2) * rows[columns]
        said = f"One earlier invitation moves the response by {rows['estimate'].iloc[0]:+.1f} in 100"
        subtitle = f"Each customer against itself, no experiment; {result.conf_level:.0%} interval"
    return _charts.forest(
        rows,
        title=title or said,
        subtitle=subtitle,
        axis="of 100 invitations",
        description=_spoken(rows, result, "invitations"),
    )


def _in_hundred(rows: pd.DataFrame) -> pd.DataFrame:
    columns = ["estimate", "conf_low", "conf_high"]
    return rows.assign(**{column: 100 * rows[column] for column in columns})


def _spoken(rows: pd.DataFrame, result: Estimates, of: str, *, decimals: int = 1) -> str:
    return _charts.spoken(rows.head(_MOST), decimals=decimals, conf_level=result.conf_level, of=of)
