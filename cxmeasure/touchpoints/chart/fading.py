"""Fading effects as a picture."""

import altair as alt
import numpy as np
import pandas as pd

from cxmeasure import _charts
from cxmeasure.results import Estimates

_POINTS = 41
_SPOKEN = 6


def fade(result: Estimates, *, title: str | None = None) -> alt.LayerChart:
    """Draw what `touchpoints.fade` returned: the effect of each kind of touch over the days, with its band.

    Parameters
    ----------
    result : Estimates
        The result of `touchpoints.fade`.
    title : str, optional
        The finding; by default the half-life of each kind that has an effect.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from cxmeasure import touchpoints
    >>> rng = np.random.default_rng(1)
    >>> outcomes = pd.DataFrame({"customer_id": range(400), "days_since": [3.0, np.nan] * 200})
    >>> outcomes["felt"] = rng.normal(size=400)
    >>> found = touchpoints.fade(outcomes, outcome_column="felt", rng=np.random.default_rng(2))
    >>> touchpoints.chart.fade(found).title.text
    ['No touch has an effect that could be seen']
    """
    table = result.table
    wide = table.pivot_table(index="kind", columns="term", values=["estimate", "conf_low", "conf_high"])
    tests = table[table["term"] == "initial effect"].set_index("kind")
    seen = tests.index[tests["p_value"] < 1 - result.conf_level].tolist()
    half = wide["estimate"]["half-life"]
    said = "; ".join(f"the effect of {kind} halves in {half[kind]:,.0f} days" for kind in seen[:3])
    said = said or "No touch has an effect that could be seen"
    low, high = wide["conf_low"]["half-life"], wide["conf_high"]["half-life"]
    spoken = " ".join(
        f"{kind}: half-life {half[kind]:,.0f} days, interval {low[kind]:,.0f} to {high[kind]:,.0f}, initial "
        f"effect {wide['estimate']['initial effect'][kind]:.2f}."
        for kind in seen[:_SPOKEN]
    )
    return _charts.band(
        _curves(result, table["kind"].unique().tolist()),
        title=title or said[0].upper() + said[1:],
        subtitle=f"effect against no touch, {result.conf_level:.0%} band day by day",
        x="days since the touch",
        y="effect, scale points",
        description=f"{said}. {spoken}",
        y_format=".2f",
    )


def _curves(result: Estimates, kinds: list[str]) -> pd.DataFrame:
    """Return the effect at evenly spaced days, with percentiles of the draws."""
    table = result.table
    draws = np.empty((0, len(table))) if result.draws is None else result.draws
    values = np.vstack([table["estimate"].to_numpy(float), draws])
    terms = table["term"].to_numpy()
    half, effect = values[:, terms == "half-life"], values[:, terms == "initial effect"]
    days = np.linspace(0, 3 * float(np.median(half[0])), _POINTS)
    curves = effect[:, :, None] * 2.0 ** (-days / half[:, :, None])
    tail = (1 - result.conf_level) / 2
    low, high = np.quantile(curves[1:], [tail, 1 - tail], axis=0)
    return pd.DataFrame(
        {
            "label": np.repeat(kinds, _POINTS),
            "at": np.tile(days, len(kinds)),
            "estimate": curves[0].ravel(),
            "conf_low": low.ravel(),
            "conf_high": high.ravel(),
        }
    )
