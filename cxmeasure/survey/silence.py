"""What if everybody silent thinks the worst, or the best? Bounds that assume nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from cxmeasure import _arguments
from cxmeasure._stats import intervals
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError
from cxmeasure.results import Estimates
from cxmeasure.survey.clustering import ASSUMED, refuse_without
from cxmeasure.survey.grouping import grouping, regrouped
from cxmeasure.survey.moments import defined
from cxmeasure.survey.reduce import tally_answers


def worst_case_bounds(
    invitations: Any,
    *,
    score_column: str = "ltr",
    metric: str = "nps",
    by: Sequence[str] = (),
    weight_column: str | None = None,
    cluster_column: str | None = None,
    scale: tuple[float, float] | None = None,
    threshold: float | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Bound the score of everybody invited, whatever those think who did not answer.

    Parameters
    ----------
    invitations : frame or str
        One row an invitation; the score is missing where there was no answer.
    score_column : str
        The score.
    metric : {"nps", "csat", "ces", "top_box", "mean"}
        As in `metric`; a mean needs a `scale` with two ends.
    by : sequence of str
        Columns that make the groups.
    weight_column : str, optional
        Design weights.
    cluster_column : str, optional
        Whose invitation it is, where one customer may have several: the errors are then those of sums over
        customers, or over invitations where that is larger.
    scale, threshold
        As in `metric`.
    conf_level : float
        Level of the interval, in 0–1.

    Returns
    -------
    Estimates
        A group's terms ``lowest`` and ``highest``: the score if everybody silent gave the worst, or the best,
        answer. The interval, the same on both rows, holds the score of everybody invited with
        `conf_level`. Besides the usual columns ``response_rate``.

    Raises
    ------
    ArgumentError, TableError, DataError
        If a mean has no scale, or as in `metric`.

    Notes
    -----
    The width is the share who did not answer times the width of the scale: at a response of one in ten the
    NPS is known to within 180 points. No assumption makes it narrower but one about the silent.

    References
    ----------
    Manski (1990), American Economic Review 80:319–323 (no DOI); Imbens & Manski (2004), Econometrica
    72:1845–1857, doi:10.1111/j.1468-0262.2004.00555.x (the interval).

    Examples
    --------
    One in ten answers, with an NPS of 30 among them.

    >>> import numpy as np
    >>> import pandas as pd
    >>> sent = pd.DataFrame({"ltr": [10.0] * 50 + [8.0] * 30 + [3.0] * 20 + [np.nan] * 900})
    >>> worst_case_bounds(sent).table[["term", "estimate", "conf_low", "conf_high"]].round(1)
          term  estimate  conf_low  conf_high
    0   lowest     -87.0     -89.4       94.7
    1  highest      93.0     -89.4       94.7
    """
    definition = defined(metric, scale, threshold)
    conf_level = _arguments.share(conf_level, name="conf_level")
    groups = grouping(by, "response_rate")
    coding = definition.coding
    if definition.family == "mean" and not (coding.low > -1e300 and coding.high < 1e300):
        raise ArgumentError(f"metric={metric!r} has no worst answer without scale=(lowest, highest).")
    tally = tally_answers(
        invitations,
        coding,
        score_column=score_column,
        by=groups,
        weight_column=weight_column,
        cluster_column=cluster_column,
    )
    if cluster_column is not None:
        refuse_without(int(tally["n_silent_without"].sum()), cluster_column)
    ends = {"net share": (-1.0, 1.0), "share": (0.0, 1.0)}.get(definition.family, (coding.low, coding.high))
    centre = tally["centre"].to_numpy(float)
    bounds = [_filled(tally, end - centre) for end in ends]
    (low, low_error), (high, high_error) = bounds
    reach = _imbens_manski(high - low, np.maximum(low_error, high_error), conf_level)
    reach = reach * _student(tally, conf_level)
    outer = (
        np.maximum(low - reach * low_error + centre, ends[0]),
        np.minimum(high + reach * high_error + centre, ends[1]),
    )
    n, keys = (tally["n"] + tally["n_missing"]).to_numpy(), regrouped(tally, groups)
    rate = tally["w"] / (tally["w"] + tally["w_missing"])
    alone = tally["clusters_invited"] < 2 if cluster_column is not None else np.zeros(len(n), bool)
    notes = np.where(alone, "one customer only: no interval", "")
    parts = [
        keys.assign(
            term=term,
            n=n,
            estimate=(value + centre) * definition.factor,
            std_error=error * definition.factor,
            conf_low=outer[0] * definition.factor,
            conf_high=outer[1] * definition.factor,
            unit=definition.unit,
            note=notes,
            response_rate=rate,
        )
        for term, (value, error) in zip(("lowest", "highest"), bounds, strict=True)
    ]
    across = np.arange(2 * len(keys)).reshape(2, -1).T.ravel()
    return Estimates(
        table=pd.concat(parts, ignore_index=True).iloc[across].reset_index(drop=True),
        estimand=f"{definition.label} of everybody invited: the range that the answers leave open",
        method="Worst-case bounds (Manski 1990) with the interval of Imbens & Manski (2004)",
        assumptions=(
            ASSUMED
            if cluster_column is not None
            else "Invitations are independent draws from the customers meant.",
            "Nothing is assumed about those who did not answer.",
        ),
        conf_level=conf_level,
    )


def _filled(tally: pd.DataFrame, value: Floats) -> tuple[Floats, Floats]:
    """Return the mean over everybody invited, silent ones given `value`, and its standard error."""
    w, w2, wf, w2f, w2ff, silent, silent2 = (
        tally[name].to_numpy(float) for name in ("w", "w2", "wf", "w2f", "w2ff", "w_missing", "w2_missing")
    )
    total = w + silent
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (wf + silent * value) / total
        squares = w2ff - 2 * mean * w2f + mean**2 * w2 + silent2 * (value - mean) ** 2
        if "clusters_invited" in tally:
            m, ww, wf_, ff, ss, ws, fs = (
                tally[name].to_numpy(float)
                for name in ("clusters_invited", "cww", "cwf", "cff", "css", "cws", "cfs")
            )
            # Σ over customers of (Σwf − mean · Σw + (value − mean) · Σw of the silent)².
            gap = value - mean
            over = ff - 2 * mean * wf_ + mean**2 * ww + 2 * gap * (fs - mean * ws) + gap**2 * ss
            squares = np.where(m > 1, np.maximum(squares, over * m / (m - 1)), np.nan)
        return mean, np.sqrt(np.maximum(squares, 0)) / total


def _student(tally: pd.DataFrame, conf_level: float) -> Floats | float:
    """Return by how much Student's quantile of so many customers is larger than the normal one."""
    if "clusters_invited" not in tally:
        return 1.0
    degrees = tally["clusters_invited"].to_numpy(float) - 1
    return intervals.t_value(conf_level, degrees) / intervals.z_value(conf_level)


def _imbens_manski(width: Floats, error: Floats, conf_level: float) -> Floats:
    """Return by how many standard errors to widen the bounds: between the one- and the two-sided quantile."""
    from scipy.optimize import brentq

    def gap(reach: float, ratio: float) -> float:
        return float(special.ndtr(reach + ratio) - special.ndtr(-reach)) - conf_level

    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.nan_to_num(np.where(error > 0, width / error, np.inf), nan=0.0, posinf=1e6)
    return np.array([brentq(gap, 0, 10, args=(ratio,)) for ratio in ratios])
