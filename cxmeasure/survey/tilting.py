"""How different would the silent have to be? Sensitivity of a score to who did not answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cxmeasure import _arguments
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError, EstimationError
from cxmeasure.results import Estimates
from cxmeasure.survey.clustering import ASSUMED, customers, over_customers, quantile
from cxmeasure.survey.moments import Definition, defined
from cxmeasure.survey.reduce import FEATURES, tally_answers, tally_proxy

_METHODS = ("tilt", "proxy", "data-defect")
_MIDDLE = 7.5
_FURTHEST = 5.0
_FEWEST = 2


def sensitivity(
    invitations: Any,
    *,
    score_column: str = "ltr",
    metric: str = "nps",
    method: str = "tilt",
    g1: Sequence[float] = (-0.4, -0.2, 0.0, 0.2, 0.4),
    g2: Sequence[float] = (0.0, 0.2, 0.4),
    middle: float = _MIDDLE,
    turning_point: float = 0.0,
    proxy_column: str | None = None,
    phi: Sequence[float] = (0.0, 0.5, 1.0),
    rho: Sequence[float] = (-0.05, -0.02, -0.005, 0.005, 0.02, 0.05),
    weight_column: str | None = None,
    cluster_column: str | None = None,
    scale: tuple[float, float] | None = None,
    threshold: float | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Say how the score of everybody invited depends on what is assumed about those who did not answer.

    Parameters
    ----------
    invitations : frame or str
        One row an invitation; the score is missing where there was no answer.
    score_column, metric, scale, threshold
        As in `metric`.
    method : {"tilt", "proxy", "data-defect"}
        ``tilt``: the chance of an answer depends on the score itself, ``logit P(answer) = a + g1·y +
        g2·|y − middle|``. ``proxy``: a pattern-mixture with a proxy known for everybody (SMUB for means, MUBP
        for shares). ``data-defect``: a correlation `rho` between answering and score.
    g1, g2 : sequence of float
        Grid of tilts, per point of the score: g1 > 0 where the satisfied answer more, g2 > 0 where both
        extremes do.
    middle : float
        The score from which extremity is counted.
    turning_point : float
        The value of the metric, in its unit, at which the conclusion turns.
    proxy_column : str, optional
        For ``proxy``: a number known of everybody invited, the better correlated with the score the better.
    phi : sequence of float
        For ``proxy``: 0 where answering depends on the proxy only, 1 where on the score only.
    rho : sequence of float
        For ``data-defect``: correlations of answering with the score.
    weight_column : str, optional
        Design weights, for ``tilt`` and ``data-defect``.
    cluster_column : str, optional
        Whose invitation it is, where one customer may have several: errors are then those of sums over
        customers, or over invitations where that is larger.
    conf_level : float
        Level of the intervals, in 0–1.

    Returns
    -------
    Estimates
        One row an assumption (columns ``g1`` and ``g2``, ``phi``, or ``rho``) with the metric of everybody
        invited; besides the usual columns ``bias`` (respondents less everybody), with ``proxy`` also
        ``bias_in_sd``, with ``data-defect`` also ``n_effective``. ``details["tipping"]``, with ``tilt``: for
        each g2 the g1 at which the metric is `turning_point`.

    Raises
    ------
    ArgumentError, TableError, DataError, EstimationError
        If a proxy is missing for somebody, a share is to be bounded by SMUB, or as in `metric`.

    Notes
    -----
    Nobody silent is seen, so no grid point is more likely than another by the data. To calibrate g1 and g2
    takes two known moments of everybody invited (such as two behaviours, or a follow-up sample); with one,
    only a line of pairs is known. The respondents' scores are weighted by ``exp(−g1·y − g2·|y − middle|)`` to
    stand for the silent: a score that no respondent gave has no part in it.

    SMUB and MUBP assume that the silent differ in one direction, along the proxy: they cannot represent a U.

    References
    ----------
    Scharfstein, Rotnitzky & Robins (1999), Journal of the American Statistical Association 94:1096–1120,
    doi:10.1080/01621459.1999.10473862 (tilt); Little, West, Boonstra & Hu (2020), Journal of Survey
    Statistics and Methodology 8:932–964, doi:10.1093/jssam/smz023 (SMUB); Andridge et al. (2019), Journal of
    the Royal Statistical Society C 68:1465–1483, doi:10.1111/rssc.12371 (MUBP); Meng (2018), Annals of
    Applied Statistics 12:685–726, doi:10.1214/18-AOAS1161SF (data defect).

    Examples
    --------
    Without tilt everybody is like the respondents; where each point of score makes an answer likelier by a
    fifth or so, the NPS of 30 is gone.

    >>> import numpy as np
    >>> import pandas as pd
    >>> sent = pd.DataFrame({"ltr": [10.0] * 50 + [8.0] * 30 + [3.0] * 20 + [np.nan] * 300})
    >>> result = sensitivity(sent, g1=[0, 0.2], g2=[0])
    >>> result.table[["g1", "g2", "estimate"]].round(1).to_numpy().tolist()
    [[0.0, 0.0, 30.0], [0.2, 0.0, -5.8]]
    >>> result.details["tipping"].round(3).to_numpy().tolist()
    [[0.0, 0.17]]
    """
    definition = defined(metric, scale, threshold)
    conf_level = _arguments.share(conf_level, name="conf_level")
    method = _arguments.choice(method, _METHODS, name="method")
    if (method == "proxy") != (proxy_column is not None):
        raise ArgumentError("method='proxy' and proxy_column= go together; give both or neither.")
    details: dict[str, pd.DataFrame] = {}
    n_customers: int | None = None
    if method == "proxy":
        values = _numbers(phi, name="phi", lowest=0.0, highest=1.0)
        roles = {"score_column": score_column, "proxy_column": str(proxy_column)}
        table, n, n_customers = _by_proxy(invitations, definition, roles, cluster_column, values, metric)
    else:
        tally = tally_answers(
            invitations,
            definition.coding,
            score_column=score_column,
            by=[score_column],
            weight_column=weight_column,
        )
        n, n_answers = int((tally["n"] + tally["n_missing"]).sum()), int(tally["n"].sum())
        if n_answers < _FEWEST:
            raise EstimationError(
                f"{score_column!r} is known of {n_answers} of {n:,} invitations; what is assumed of the "
                f"silent leans on at least {_FEWEST} answers. worst_case_bounds needs fewer."
            )
        people = None
        if cluster_column is not None:
            by = [score_column, cluster_column]
            choices: dict[str, Any] = {"score_column": score_column, "by": by, "weight_column": weight_column}
            people = _people(tally_answers(invitations, definition.coding, **choices), cluster_column)
            n_customers = int(people.codes.max()) + 1
        if method == "tilt":
            first, second = _numbers(g1, name="g1"), _numbers(g2, name="g2")
            table = _tilted(tally, definition, first, second, middle, people)
            details["tipping"] = _tipping(tally, definition, second, middle, turning_point)
        else:
            values = _numbers(rho, name="rho", lowest=-1.0, highest=1.0)
            table = _defective(tally, definition, values, people)
    half = quantile(conf_level, n_customers) * table["std_error"]
    edges = {"net share": (-100, 100), "share": (0, 1)}.get(definition.family, (-np.inf, np.inf))
    table = table.assign(
        term=metric,
        n=n,
        conf_low=(table["estimate"] - half).clip(*edges),
        conf_high=(table["estimate"] + half).clip(*edges),
        unit=definition.unit,
        note="",
    )
    order = [name for name in ("g1", "g2", "phi", "rho") if name in table]
    usual = ["term", "n", "estimate", "std_error", "conf_low", "conf_high", "unit", "note"]
    rest = [name for name in table if name not in (*order, *usual)]
    return Estimates(
        table=table[[*order, *usual, *rest]],
        estimand=f"{definition.label} of everybody invited, if those who did not answer differ as assumed",
        method=_METHOD_LINES[method],
        assumptions=_ASSUMED[method] + ((ASSUMED,) if cluster_column is not None else ()),
        conf_level=conf_level,
        details=details,
    )


_METHOD_LINES = {
    "tilt": "Exponential tilt of respondents' scores by g1·y + g2·|y − middle|; linearised intervals",
    "proxy": "Proxy pattern-mixture: SMUB for means, MUBP for shares; intervals by the delta method",
    "data-defect": "Data-defect correlation (Meng 2018), the spread of everybody taken from respondents",
}
_ASSUMED = {
    "tilt": (
        "Every row is a different assumption; the data cannot choose between them.",
        "To choose g1 and g2 takes two moments known of everybody invited, not one.",
    ),
    "proxy": (
        "The silent differ from respondents in one direction, along the proxy: a U is ruled out.",
        "φ, from 0 (answering depends on the proxy) to 1 (on the score), cannot be estimated.",
    ),
    "data-defect": ("Every row is a different assumption; the data cannot choose between them.",),
}


def _numbers(
    values: Sequence[float], *, name: str, lowest: float = -_FURTHEST, highest: float = _FURTHEST
) -> Floats:
    try:
        numbers = np.asarray(list(values), dtype=float)
    except (TypeError, ValueError):
        numbers = np.array([np.nan])
    if not (len(numbers) and ((numbers >= lowest) & (numbers <= highest)).all()):
        raise ArgumentError(f"{name}={values!r} must be numbers from {lowest:g} to {highest:g}, in a list.")
    return numbers


def _answered(tally: pd.DataFrame) -> tuple[Floats, Floats, Floats, Floats, float, float]:
    """Return score, coded value, Σw and Σw² of the answers by score, and Σw and Σw² of the silent."""
    rows = tally[tally["n"] > 0]
    w = rows["w"].to_numpy(float)
    value = rows["wf"].to_numpy(float) / w + rows["centre"].to_numpy(float)
    score = rows["by_0"].to_numpy(float)
    silent = float(tally["w_missing"].sum()), float(tally["w2_missing"].sum())
    return score, value, w, rows["w2"].to_numpy(float), *silent


@dataclass(frozen=True, slots=True)
class _People:
    """Sums of each customer by score: its position among the scores (the last: silent), Σw, the customer."""

    at: npt.NDArray[np.intp]
    w: Floats
    codes: npt.NDArray[np.intp]

    def variance(self, answered: Floats, silent: Floats) -> Floats:
        """Return the variance over customers of Σ w × influence, of each score and of the silent."""
        influence = np.column_stack([answered, silent])[:, self.at] * self.w
        return over_customers(influence.T, self.codes)


def _people(tally: pd.DataFrame, cluster_column: str) -> _People:
    is_silent = tally["by_0"].isna().to_numpy()
    scores = np.unique(tally.loc[~is_silent & (tally["n"] > 0).to_numpy(), "by_0"].to_numpy(float))
    at = np.where(is_silent, len(scores), np.searchsorted(scores, tally["by_0"].to_numpy(float)))
    w = (tally["w"] + tally["w_missing"]).to_numpy(float)
    counts = w > 0
    return _People(at[counts], w[counts], customers(tally.loc[counts, "by_1"], cluster_column))


def _tilted(
    tally: pd.DataFrame,
    definition: Definition,
    g1: Floats,
    g2: Floats,
    middle: float,
    people: _People | None = None,
) -> pd.DataFrame:
    score, value, w, w2, silent, silent2 = _answered(tally)
    first, second = (axis.ravel() for axis in np.meshgrid(g1, g2))
    total, observed = w.sum() + silent, w @ value / w.sum()
    odds = np.exp(-np.outer(first, score - middle) - np.outer(second, np.abs(score - middle))) * w
    share = odds / odds.sum(axis=1, keepdims=True)
    unseen = share @ value
    estimate = (w @ value + silent * unseen) / total
    influence = value + silent * share / w * (value - unseen[:, None]) - estimate[:, None]
    variance = (influence**2 @ w2 + silent2 * (unseen - estimate) ** 2) / total**2
    if people is not None:
        variance = np.maximum(variance, people.variance(influence, unseen - estimate) / total**2)
    return pd.DataFrame(
        {
            "g1": first,
            "g2": second,
            "estimate": estimate * definition.factor,
            "std_error": np.sqrt(variance) * definition.factor,
            "bias": (observed - estimate) * definition.factor,
        }
    )


def _tipping(
    tally: pd.DataFrame, definition: Definition, g2: Floats, middle: float, turning_point: float
) -> pd.DataFrame:
    """Return for each g2 the g1 at which the metric is `turning_point`; missing where none within ±5 is."""
    from scipy.optimize import brentq

    def gap(at: float, extreme: float) -> float:
        row = _tilted(tally, definition, np.array([at]), np.array([extreme]), middle)
        return float(row["estimate"].iloc[0]) - turning_point

    found = []
    for extreme in g2:
        ends = gap(-_FURTHEST, extreme), gap(_FURTHEST, extreme)
        turns = ends[0] * ends[1] < 0
        found.append(brentq(gap, -_FURTHEST, _FURTHEST, args=(extreme,)) if turns else np.nan)
    return pd.DataFrame({"g2": g2, "g1_at_turning_point": found})


def _defective(
    tally: pd.DataFrame, definition: Definition, rho: Floats, people: _People | None
) -> pd.DataFrame:
    _, value, w, w2, silent, _ = _answered(tally)
    share = w.sum() / (w.sum() + silent)
    mean = w @ value / w.sum()
    deviation = np.sqrt(w @ (value - mean) ** 2 / w.sum())
    bias = rho * np.sqrt((1 - share) / share) * deviation
    variance = float(w2 @ (value - mean) ** 2)
    if people is not None:
        variance = max(variance, float(people.variance((value - mean)[None, :], np.zeros(1))[0]))
    error = np.sqrt(variance) / w.sum()
    with np.errstate(divide="ignore"):
        effective = np.where(share < 1, share / (1 - share) / rho**2, np.inf)
    return pd.DataFrame(
        {
            "rho": rho,
            "estimate": (mean - bias) * definition.factor,
            "std_error": error * definition.factor,
            "bias": bias * definition.factor,
            "n_effective": effective,
        }
    )


def _by_proxy(
    invitations: Any,
    definition: Definition,
    roles: Mapping[str, str],
    cluster_column: str | None,
    phi: Floats,
    metric: str,
) -> tuple[pd.DataFrame, int, int | None]:
    if definition.family == "net share":
        raise ArgumentError(
            f"metric={metric!r} is a difference of shares; use metric='top_box' for each, or method='tilt'."
        )
    alone = tally_proxy(invitations, definition.coding, **roles)
    n, shift, point = alone.n, alone.shift, alone.means
    function = _smub if definition.family == "mean" else _mubp
    found = function(point, phi, n)
    if not np.isfinite(found).all():
        raise EstimationError(
            f"{roles['proxy_column']!r} or {roles['score_column']!r} does not vary among those who answered; "
            "there is no correlation to lean on."
        )
    gradients = np.empty((len(found), len(FEATURES)))
    for position in range(len(FEATURES)):
        step = np.zeros_like(point)
        step[position] = 1e-6 * max(abs(point[position]), 1.0)
        ends = function(point + step, phi, n), function(point - step, phi, n)
        gradients[:, position] = (ends[0] - ends[1]) / (2 * step[position])
    variance, n_customers = np.einsum("ij,jk,ik->i", gradients, alone.covariance, gradients), None
    if cluster_column is not None:
        over = tally_proxy(invitations, definition.coding, **roles, cluster_column=cluster_column)
        n_customers = over.n_units
        variance = np.maximum(variance, np.einsum("ij,jk,ik->i", gradients, over.covariance, gradients))
    errors = np.sqrt(np.maximum(variance, 0))
    everybody, bias, in_sd = found.reshape(3, -1)
    table = pd.DataFrame(
        {
            "phi": phi,
            "estimate": (everybody + shift[1]) * definition.factor,
            "std_error": errors.reshape(3, -1)[0] * definition.factor,
            "bias": bias * definition.factor,
            "bias_in_sd": in_sd,
            "bias_std_error": errors.reshape(3, -1)[1] * definition.factor,
        }
    )
    return table, n, n_customers


def _spreads(point: Floats, n: int) -> tuple[float, float, float, float, float, float]:
    """Return the share who answered, their mean and variance of x and y, and the correlation."""
    r, rx, rxx, ry, ryy, rxy = point[:6]
    x, y = rx / r, ry / r
    unbiased = r * n / (r * n - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        var_x, var_y = (rxx / r - x**2) * unbiased, (ryy / r - y**2) * unbiased
        correlation = (rxy / r - x * y) * unbiased / np.sqrt(var_x * var_y)
    return r, x, var_x, y, var_y, correlation


def _smub(point: Floats, phi: Floats, n: int) -> Floats:
    _, x, var_x, y, var_y, correlation = _spreads(point, n)
    lean = (phi + (1 - phi) * correlation) / (phi * correlation + 1 - phi)
    in_sd = lean * (x - point[6]) / np.sqrt(var_x)
    bias = in_sd * np.sqrt(var_y)
    return np.concatenate([y - bias, bias, in_sd])


def _mubp(point: Floats, phi: Floats, n: int) -> Floats:
    """Return the share of everybody, the bias, and the bias over the deviation of the share's answers."""
    r, x, var_x, p, _, correlation = _spreads(point, n)
    at = special.ndtri(p)
    # The correlation of the proxy with the normal variable behind yes and no (biserial).
    biserial = np.clip(correlation * np.sqrt(p * (1 - p)) * np.sqrt(2 * np.pi) * np.exp(at**2 / 2), -1, 1)
    lean = (phi + (1 - phi) * biserial) / (phi * biserial + 1 - phi)
    with np.errstate(invalid="ignore", divide="ignore"):
        x_silent = (point[6] - r * x) / (1 - r)
        var_silent = (point[7] - point[2]) / (1 - r) - x_silent**2
        middle = at + lean * (x_silent - x) / np.sqrt(var_x)
        spread = np.maximum(1 + lean**2 * (var_silent - var_x) / var_x, 1e-12)
    everybody = r * p + (1 - r) * special.ndtr(middle / np.sqrt(spread))
    bias = p - everybody
    return np.concatenate([everybody, bias, bias / np.sqrt(p * (1 - p))])
