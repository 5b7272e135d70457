"""Charts of what respondents' scores can say of everybody."""

import altair as alt
import pandas as pd

from cxmeasure import _charts
from cxmeasure.results import Estimates, by_columns

_NAMES = {"nps": "NPS", "csat": "CSAT", "ces": "CES", "top_box": "top-box share", "mean": "mean score"}
_DECIMALS = {"points": 0, "share": 2, "scale points": 2}


def nps_bias(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `survey.nps_bias` returned: true and observed NPS, and the tilt between them.

    Parameters
    ----------
    result : Estimates
        The result of `survey.nps_bias`.
    title : str, optional
        The finding; by default how far off the observed score is, and why.

    Examples
    --------
    >>> from cxmeasure import survey
    >>> result = survey.nps_bias(
    ...     shares={"promoter": 0.38, "detractor": 0.34},
    ...     rates={"promoter": 0.36, "passive": 0.18, "detractor": 0.24},
    ... )
    >>> survey.chart.nps_bias(result).description
    'true 4.0. observed 20.5. tilt 16.1. bias 16.5.'
    """
    values = result.table.set_index("term")
    rows = values.loc[["true", "observed", "tilt", "bias"]].reset_index().assign(label=lambda t: t["term"])
    known = rows["conf_low"].notna().all()
    for column in ("conf_low", "conf_high"):
        rows[column] = rows[column].astype(float).fillna(rows["estimate"].astype(float))
    said = (
        _charts.spoken(rows, decimals=1, conf_level=result.conf_level, of="invitations")
        if known
        else " ".join(f"{row.label} {row.estimate:.1f}." for row in rows.itertuples())
    )
    bias, factor, tilt = values["estimate"].astype(float)[["bias", "amplification", "tilt"]]
    return _charts.forest(
        rows,
        title=title
        or f"Observed {abs(bias):.0f} points too {'high' if bias > 0 else 'low'}: the poles are amplified "
        f"{factor:.2f} times, the tilt is {tilt:+.0f}",
        subtitle="Observed = true × amplification + tilt",
        axis="NPS points",
        description=said,
        reference=0,
    )


def worst_case_bounds(
    result: Estimates, *, title: str | None = None, truth: float | None = None
) -> alt.LayerChart:
    """Draw what `survey.worst_case_bounds` returned: the lowest and the highest score possible.

    Parameters
    ----------
    result : Estimates
        The result of `survey.worst_case_bounds`.
    title : str, optional
        The finding; by default the range.
    truth : float, optional
        The true score, where it is known.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from cxmeasure import survey
    >>> sent = pd.DataFrame({"ltr": [10.0] * 50 + [8.0] * 30 + [3.0] * 20 + [np.nan] * 900})
    >>> survey.chart.worst_case_bounds(survey.worst_case_bounds(sent)).description
    'lowest -87, highest 93, from 1,000 invitations.'
    """
    table = result.table
    groups, decimals = by_columns(result), _DECIMALS[table["unit"].iloc[0]]
    rows = table.assign(label=_charts.labels(table, [*groups, "term"]))
    low, high = (table[table["term"] == term].iloc[0] for term in ("lowest", "highest"))
    said = []
    for first, last in zip(rows.iloc[::2].itertuples(), rows.iloc[1::2].itertuples(), strict=True):
        said.append(
            f"{first.label} {first.estimate:.{decimals}f}, {last.label} {last.estimate:.{decimals}f}, "
            f"from {first.n:,} invitations."
        )
    return _charts.forest(
        rows,
        title=title
        or f"All from {low.estimate:.{decimals}f} to {high.estimate:.{decimals}f} agrees with the answers",
        subtitle=f"Worst-case bounds; bars: {result.conf_level:.0%} interval for everybody invited",
        axis=f"of everybody invited, {table['unit'].iloc[0]}",
        description=" ".join(said[:8]),
        truth=truth,
        decimals=decimals,
    )


def double_sample(
    result: Estimates, *, title: str | None = None, truth: float | None = None
) -> alt.LayerChart:
    """Draw what `survey.double_sample` returned: respondents, everybody, and the bounds of those not reached.

    Parameters
    ----------
    result : Estimates
        The result of `survey.double_sample`.
    title : str, optional
        The finding; by default by how much the follow-up moved the score.
    truth : float, optional
        The true score, where it is known.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from cxmeasure import survey
    >>> sent = pd.DataFrame({
    ...     "has_answered": [True] * 100 + [False] * 100,
    ...     "ltr": [10.0] * 75 + [3.0] * 25 + [np.nan] * 100,
    ...     "drawn": [False] * 100 + [True] * 20 + [False] * 80,
    ...     "follow_up_ltr": [np.nan] * 100 + [10.0] * 5 + [3.0] * 15 + [np.nan] * 80,
    ... })
    >>> chart = survey.chart.double_sample(survey.double_sample(sent))
    >>> chart.description.split(". ")[1]
    'double sample 0, 95% interval -22 to 22, from 120 answers'
    """
    rows = result.table.assign(label=result.table["term"])
    decimals = _DECIMALS[rows["unit"].iloc[0]]
    first, second = (f"{value:.{decimals}f}" for value in rows["estimate"].astype(float).head(2) + 0.0)
    return _charts.forest(
        rows,
        title=title or f"Respondents say {first}; with those who had kept silent it is {second}",
        subtitle=f"Double sample with its {result.conf_level:.0%} interval; the bounds are of the unreached",
        axis=f"score, {rows['unit'].iloc[0]}",
        description=_charts.spoken(rows, decimals=decimals, conf_level=result.conf_level, of="answers"),
        truth=truth,
        decimals=decimals,
    )


def wave_contrast(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `survey.wave_contrast` returned: the score of each wave, and what they would imply.

    Parameters
    ----------
    result : Estimates
        The result of `survey.wave_contrast`.
    title : str, optional
        The finding; by default the last wave against the first.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import survey
    >>> answers = pd.DataFrame({"wave": [1] * 6 + [2] * 4, "ltr": [10] * 5 + [3] + [10] * 2 + [3] * 2})
    >>> chart = survey.chart.wave_contrast(survey.wave_contrast(answers, wave_column="wave"))
    >>> chart.title.text
    ['Wave 2 scores −67 against wave 1']
    """
    table, wave = result.table, by_columns(result)[0]
    is_gap = table["term"].str.endswith(" difference")
    names = [
        f"wave {value}" if value is not None and value == value else "everybody" for value in table[wave]
    ]
    rows = table.assign(label=names)[~is_gap]
    decimals, last = _DECIMALS[table["unit"].iloc[0]], table[is_gap].iloc[-1]
    return _charts.forest(
        rows,
        title=title
        or f"Wave {last[wave]} scores {last['estimate']:+.{decimals}f} against wave {table[wave].iloc[0]}",
        subtitle=f"With {result.conf_level:.0%} intervals; 'everybody' takes the silent for the last wave",
        axis=f"score, {table['unit'].iloc[0]}",
        description=_charts.spoken(rows, decimals=decimals, conf_level=result.conf_level, of="answers"),
        decimals=decimals,
    )


def sensitivity(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `survey.sensitivity` returned: the score of everybody along the assumption.

    Parameters
    ----------
    result : Estimates
        The result of `survey.sensitivity`.
    title : str, optional
        The finding; by default the range over the grid.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from cxmeasure import survey
    >>> sent = pd.DataFrame({"ltr": [10.0] * 50 + [8.0] * 30 + [3.0] * 20 + [np.nan] * 300})
    >>> survey.chart.sensitivity(survey.sensitivity(sent, g1=[0, 0.2], g2=[0])).description
    'NPS of everybody invited, -6 to 30 over the grid, from 400 invitations.'
    """
    table = result.table
    along = next(name for name in ("g1", "phi", "rho") if name in table)
    lines = table["g2"].map("g2 = {:g}".format) if along == "g1" else pd.Series("", index=table.index)
    rows = table.assign(label=lines, at=table[along])
    decimals = _DECIMALS[table["unit"].iloc[0]]
    span = f"{table['estimate'].min():.{decimals}f} to {table['estimate'].max():.{decimals}f}"
    name = _NAMES[table["term"].iloc[0]]
    axes = {
        "g1": "g1: log odds of an answer per point of score",
        "phi": "φ: answering by proxy (0) or by score (1)",
        "rho": "correlation of answering with the score",
    }
    sent = f"{table['n'].iloc[0]:,} invitations"
    return _charts.band(
        rows,
        title=title or f"Depending on who is silent, the {name} of everybody is {span}",
        subtitle=f"One curve an assumption, with its {result.conf_level:.0%} band",
        x=axes[along],
        y=f"{name} of everybody invited",
        description=f"{name} of everybody invited, {span} over the grid, from {sent}.",
        y_format=f".{decimals}f",
        x_step=0.01,
    )


def sample_size(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `survey.sample_size` returned: answers, and invitations where they were asked for.

    Parameters
    ----------
    result : Estimates
        The result of `survey.sample_size`.
    title : str, optional
        The finding; by default the numbers.

    Examples
    --------
    >>> from cxmeasure import survey
    >>> survey.chart.sample_size(survey.sample_size(half_width=5, response_rate=0.2)).description
    'answers 965 for ±5. invitations 4,825 for ±5.'
    """
    rows = result.table.assign(label=result.table["term"], start=0.0)
    rows["text"] = [f"{value:,.0f}" for value in rows["estimate"]]
    base = alt.Chart(rows[["label", "estimate", "text"]]).encode(
        y=alt.Y("label:N", sort=None, title=None), x=alt.X("estimate:Q", title="customers")
    )
    goal = rows["note"].iloc[0]
    said = [f"{row.label} {row.estimate:,.0f} for {row.note}." for row in rows.itertuples()]
    return alt.LayerChart(
        layer=[base.mark_bar(size=18), base.mark_text(align="left", dx=4).encode(text="text:N")]
    ).properties(
        title=alt.TitleParams(
            _charts.wrapped(title or f"{rows['text'].iloc[0]} answers for {goal}"),
            subtitle=_charts.wrapped(result.estimand, 84),
        ),
        description=" ".join(said),
        width=400,
        height=alt.Step(32),
    )
