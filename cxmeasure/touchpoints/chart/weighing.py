"""`Estimates` of the touchpoint wing → Altair charts, each of its estimator's name."""

import altair as alt
import pandas as pd

from cxmeasure import _charts
from cxmeasure.results import Estimates

_SPOKEN = 8


def importance(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `touchpoints.importance` returned, the driver with the largest share first.

    Parameters
    ----------
    result : Estimates
        The result of `touchpoints.importance`.
    title : str, optional
        The finding; by default what the intervals allow to say about the order.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from cxmeasure import touchpoints
    >>> names = ["overall", "app", "support"]
    >>> matrix = pd.DataFrame([[1, 0.6, 0.4], [0.6, 1, 0.5], [0.4, 0.5, 1]], index=names, columns=names)
    >>> shares = touchpoints.importance(
    ...     correlations=matrix, outcome="overall", drivers=names[1:], n=400, rng=np.random.default_rng(1)
    ... )
    >>> " ".join(touchpoints.chart.importance(shares).title.text)
    'app weighs more than support'
    """
    rows = result.table.assign(label=result.table["term"]).sort_values(
        "estimate", ascending=False, kind="stable"
    )
    has_intervals = bool(rows["conf_low"].notna().all())
    r2 = result.details["r2"].iloc[0]
    customers = f", {int(r2.n):,} rows" if pd.notna(r2.n) else ""
    name, of = ("McFadden's R²", "deviance") if "model" in result.details else ("R²", "variance")
    interval = f" with its {result.conf_level:.0%} interval" if has_intervals else ""
    edge = float(rows["conf_high"].max() if has_intervals else rows["estimate"].max())
    return _charts.forest(
        rows,
        title=title or _finding(rows, result, of),
        subtitle=f"share of {name}{interval}; all drivers together explain {r2.estimate:.0%}{customers}",
        axis=f"share of the outcome's {of}, 0 to 1",
        description=_description(rows, result, name, has_intervals=has_intervals),
        domain=(0.0, min(1.0, 1.08 * edge) or 1.0),
        decimals=2 if edge >= 0.1 else 3,
    )


def _finding(rows: pd.DataFrame, result: Estimates, of: str) -> str:
    terms = rows["term"].tolist()
    first = terms[0]
    if len(terms) == 1:
        return f"{first} explains {rows['estimate'].iloc[0]:.0%} of the outcome's {of}"
    if "pairs" not in result.details:
        return f"{first} has the largest share; without intervals the order is not settled"
    pairs = result.details["pairs"]
    rivals = pairs.loc[(pairs["driver"] == first) & ~pairs["is_settled"], "other"].tolist()
    if not rivals:
        return f"{first} weighs more than {terms[1] if len(terms) == 2 else 'every other driver'}"
    if len(rivals) == len(terms) - 1:
        return f"{first} has the largest share, but no other driver is surely behind it"
    named = ", ".join(rivals[:2]) + (f" and {len(rivals) - 2} more" if len(rivals) > 2 else "")
    return f"{first} has the largest share; whether it weighs more than {named} is not settled"


def _description(rows: pd.DataFrame, result: Estimates, name: str, *, has_intervals: bool) -> str:
    first = rows.head(_SPOKEN)
    if has_intervals:
        said = " ".join(
            f"{row.term} {row.estimate:.2f}, {result.conf_level:.0%} interval {row.conf_low:.2f} to "
            f"{row.conf_high:.2f}."
            for row in first.itertuples()
        )
        pairs = result.details["pairs"]
        settled = f" The order of {int(pairs['is_settled'].sum())} of {len(pairs)} pairs is settled."
    else:
        said = " ".join(f"{row.term} {row.estimate:.2f}." for row in first.itertuples())
        settled = " There are no intervals."
    more = f" And {len(rows) - _SPOKEN} more drivers." if len(rows) > _SPOKEN else ""
    return f"Share of {name} by driver: {said}{more}{settled}"
