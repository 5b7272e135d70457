"""How far one contact moves a mind, as a picture."""

import altair as alt
import pandas as pd

from cxmeasure import _charts, theme
from cxmeasure.results import Estimates

_SAID = {
    "declining gain": "The more contacts, the less one of them moves a mind",
    "constant gain": "Every contact moves a mind by the same part of the surprise",
    "running mean": "A mind is the running mean of its contacts",
}
_FREE = "tied to no rule"


def perception_gain(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `touchpoints.perception_gain` returned: the gain by contact, under each rule and under none.

    Parameters
    ----------
    result : Estimates
        The result of `touchpoints.perception_gain`.
    title : str, optional
        The finding; by default the rule that is preferred.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from cxmeasure import touchpoints
    >>> rng = np.random.default_rng(3)
    >>> diary = pd.DataFrame({"customer_id": np.arange(600) // 6, "ts": np.arange(600) % 6})
    >>> diary["performance"], belief = rng.normal(size=600), rng.normal(0, 0.5, 600)
    >>> diary["expectation_before"] = belief + rng.normal(0, 0.2, 600)
    >>> belief = belief + 0.4 * (diary["performance"] - belief)
    >>> diary["perception_after"] = belief + rng.normal(0, 0.2, 600)
    >>> found = touchpoints.perception_gain(diary)
    >>> touchpoints.chart.perception_gain(found).title.text
    ['Every contact moves a mind by the same part of the surprise']
    """
    rules, curves = result.details["rules"], result.details["curves"]
    preferred = rules.loc[rules["preferred"], "rule"].iloc[0]
    said = _SAID[preferred]
    points = result.details["contacts"].assign(label=_FREE)
    drawn = pd.concat([curves.rename(columns={"rule": "label", "contact": "at"})], ignore_index=True)
    gains = result.table[result.table["term"] == "gain"]
    spoken = " ".join(
        f"Contact {at}: {gain:.2f}, interval {low:.2f} to {high:.2f}."
        for at, gain, low, high in zip(
            gains["contact"], gains["estimate"], gains["conf_low"], gains["conf_high"], strict=True
        )
    )
    chart = _charts.band(
        drawn,
        title=title or said,
        subtitle=f"part of a surprise that stays, three rules with their {result.conf_level:.0%} bands, and "
        f"points {_FREE}; {int(result.table['n'].iloc[0]):,} entries",
        x="number of the contact",
        y="gain, part of the surprise",
        description=f"{said}: {preferred} predicts customers held out best for its size. {spoken}",
        y_format=".2f",
    )
    base = alt.Chart(points[["label", "contacts", "contact", "estimate", "conf_low", "conf_high"]]).encode(
        x="contact:Q"
    )
    bars = base.mark_rule(color=theme.INK, strokeWidth=1.5).encode(y="conf_low:Q", y2="conf_high:Q")
    dots = base.mark_point(color=theme.INK, filled=True, size=45, opacity=1).encode(
        y="estimate:Q",
        tooltip=[
            alt.Tooltip("contacts:N"),
            *(alt.Tooltip(f"{c}:Q", format=".2f") for c in ("estimate", "conf_low", "conf_high")),
        ],
    )
    chart.layer = [*chart.layer, bars, dots]
    return chart
