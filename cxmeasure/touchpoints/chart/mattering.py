"""Consequences of touchpoints as a picture."""

import altair as alt
import pandas as pd

from cxmeasure import _charts
from cxmeasure.results import Estimates

_SPOKEN = 5
_NAMED = 3
_DRAWN = 15


def moments_of_truth(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `touchpoints.moments_of_truth` returned, the largest consequence first; at most 15.

    Parameters
    ----------
    result : Estimates
        The result of `touchpoints.moments_of_truth`.
    title : str, optional
        The finding; by default at which touchpoints a shortfall is seen to have consequences.

    Examples
    --------
    >>> import pandas as pd
    >>> from cxmeasure import touchpoints
    >>> calls = pd.DataFrame({"customer_id": [i // 2 for i in range(80)], "touchpoint": "call"})
    >>> calls["failed"] = [i % 2 == 0 for i in range(80)]
    >>> calls["left"] = [i % 8 in (0, 2, 3) for i in range(80)]
    >>> found = touchpoints.moments_of_truth(calls, outcome_column="left")
    >>> touchpoints.chart.moments_of_truth(found).title.text
    ['What goes wrong has consequences at call']
    """
    table = result.table[result.table["note"] == ""]
    rows = table.reindex(table["estimate"].abs().sort_values(ascending=False, kind="stable").index)
    said = _finding(rows)
    drawn = rows.head(_DRAWN).assign(label=lambda frame: frame["term"])
    edge = float(drawn[["conf_low", "conf_high"]].abs().to_numpy().max())
    decimals = next((places for places in range(1, 5) if edge >= 10.0 ** (1 - places)), 4)
    left_out = f"; the first {_DRAWN} of {len(rows)}" if len(rows) > _DRAWN else ""
    return _charts.forest(
        drawn,
        title=title or said,
        subtitle=f"with shortfalls: reach × effect × gap, {result.conf_level:.0%} interval{left_out}",
        axis=str(table["unit"].iloc[0]),
        description=f"{said}. "
        + _charts.spoken(drawn.head(_SPOKEN), decimals=decimals, conf_level=result.conf_level, of="contacts"),
        reference=0.0,
        decimals=decimals,
    )


def _finding(rows: pd.DataFrame) -> str:
    names = rows.loc[rows["is_found"], "term"].tolist()
    if not names:
        return "At no touchpoint is what goes wrong seen to have consequences"
    more = len(names) - _NAMED
    listed = ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"What goes wrong has consequences at {listed}"
