"""Do the satisfied and the dissatisfied answer more than the middle? The response curve, and fatigue."""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cxmeasure import _arguments
from cxmeasure._frames import listed
from cxmeasure._stats import intervals
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError, EstimationError
from cxmeasure.results import Estimates
from cxmeasure.survey.answering import Design, Fit, fit_logit
from cxmeasure.survey.clustering import ASSUMED, customers, quantile
from cxmeasure.survey.reduce import tally_arms, tally_bands, tally_within

_KINDS = ("behaviour", "service record", "follow-up", "past score")
_ENDS = (0.05, 0.95)
_POINTS = 41


def response_curve(
    invitations: Any,
    *,
    proxy_column: str,
    proxy_kind: str,
    responded_column: str = "has_answered",
    weight_column: str | None = None,
    cluster_column: str | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Test whether answering is U-shaped in satisfaction, by a proxy of it known for everybody invited.

    Parameters
    ----------
    invitations : frame or str
        One row an invitation.
    proxy_column : str
        A number that goes with satisfaction: days of use, complaints settled, the score of a follow-up.
    proxy_kind : {"behaviour", "service record", "follow-up"}
        Where it comes from. A ``"past score"`` is refused: it is known only of those who answered before.
    responded_column : str
        Whether the invitation was answered.
    weight_column : str, optional
        With a ``follow-up``: 1 for respondents, and for each silent person drawn how many silent ones
        stand behind.
    cluster_column : str, optional
        Whose invitation it is, where one customer may have several: errors are then those of sums over
        customers, or over invitations where that is larger.
    conf_level : float
        Level of the intervals, in 0–1.

    Returns
    -------
    Estimates
        The terms ``slope at the low end`` and ``slope at the high end`` (log odds per unit of the proxy, at
        its 5th and 95th percentile, one-sided p), ``vertex``, and ``U shape``, whose p is the larger of both;
        its note says what the curve is. ``details["curve"]`` and ``details["bands"]`` draw it.

    Raises
    ------
    ArgumentError, TableError, DataError, EstimationError
        If the proxy is a past score, missing for somebody, or does not vary.

    Notes
    -----
    Two slopes, not a quadratic term: a curve that only flattens has one too (Lind & Mehlum 2010). The logit
    is fitted on at most 60 bands of the proxy. A noisy proxy flattens the curve: a U that is found is there,
    one that is not found may be.

    A histogram of respondents' scores, however J-shaped, cannot show it: scores may be so.

    References
    ----------
    Lind & Mehlum (2010), Oxford Bulletin of Economics and Statistics 72:109–118,
    doi:10.1111/j.1468-0084.2009.00569.x.

    Examples
    --------
    >>> import pandas as pd
    >>> sent = pd.DataFrame({
    ...     "days": [0] * 100 + [5] * 100 + [10] * 100,
    ...     "has_answered": ([True] * 50 + [False] * 50) + ([True] * 20 + [False] * 80)
    ...     + ([True] * 50 + [False] * 50),
    ... })
    >>> result = response_curve(sent, proxy_column="days", proxy_kind="behaviour")
    >>> result.table.set_index("term").loc["vertex", "estimate"].round(6)
    np.float64(5.0)
    >>> result.table["note"].iloc[-1]
    'U-shaped: falls, then rises'
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    if _arguments.choice(proxy_kind, _KINDS, name="proxy_kind") == "past score":
        raise ArgumentError(
            "proxy_kind='past score' cannot show who answers: a past score is known only of those who "
            "answered before. Take a behaviour, a service record, or a follow-up sample of the silent."
        )
    bands, people = tally_bands(
        invitations,
        responded_column=responded_column,
        proxy_column=proxy_column,
        weight_column=weight_column,
        customer_column=cluster_column,
    )
    if bands["s"].sum() in (0, bands["n"].sum()) or len(bands) < 3:
        raise EstimationError(
            f"{proxy_column!r} has {len(bands)} different values, and {int(bands['s'].sum()):,} of "
            f"{int(bands['n'].sum()):,} answered; a curve takes three values, and some on both sides."
        )
    x = bands["x"].to_numpy(float)
    middle, reach = (x[0] + x[-1]) / 2, (x[-1] - x[0]) / 2
    z = (x - middle) / reach
    design = Design(bands[["x"]], bands, np.column_stack([np.ones_like(z), z, z**2]), (("", ""),) * 3)
    fit = fit_logit(design)
    if len(fit.kept) < 3 or not np.isfinite(fit.coefficient).all():
        raise EstimationError(
            "In part of the proxy's range everybody or nobody answered; the curve has no finite slope there."
        )
    covariances, n_customers = (fit.sigma if weight_column is None else fit.robust)[None], None
    if people is not None and cluster_column is not None:
        codes = customers(people["customer"], cluster_column)
        n_customers = int(codes.max()) + 1
        covariances = np.stack([covariances[0], _over_customers(fit, design, people, codes)])
    reached = np.cumsum(bands["w"]) / bands["w"].sum()
    ends = np.array([z[int(np.searchsorted(reached, end))] for end in _ENDS])
    degrees = np.inf if n_customers is None else n_customers - 1.0
    table = _slopes(fit, covariances, ends, middle, reach, conf_level, degrees)
    return Estimates(
        table=table.assign(n=int(bands["n"].sum())),
        estimand=f"How the chance of an answer runs along {proxy_column} among everybody invited",
        method="Logit with a square, two slopes tested at the 5th and 95th percentile (Lind & Mehlum 2010)",
        assumptions=(
            "The proxy goes with satisfaction in one direction; noise in it flattens the curve.",
            "Invitations are answered independently of one another." if people is None else ASSUMED,
        ),
        conf_level=conf_level,
        details={
            "curve": _curve(fit, covariances, middle, reach, quantile(conf_level, n_customers)),
            "bands": pd.DataFrame(
                {
                    "at": x,
                    "n": bands["n"].astype(int),
                    "n_responded": bands["s"].astype(int),
                    "response_rate": bands["ws"] / bands["w"],
                }
            ),
        },
    )


def _over_customers(fit: Fit, design: Design, people: pd.DataFrame, codes: npt.NDArray[np.intp]) -> Floats:
    """Return the sandwich covariance whose filling is of scores added up by customer."""
    at = people["place"].to_numpy(int)
    scale = design.cells["n"].sum() / design.cells["w"].sum()
    rest = (people["ws"] - fit.propensity[at] * people["w"]).to_numpy(float) * scale
    m = int(codes.max()) + 1
    scores = [np.bincount(codes, weights=rest * column[at], minlength=m) for column in design.matrix.T]
    filling = np.array(scores) @ np.array(scores).T * m / (m - 1)
    found: Floats = fit.sigma @ filling @ fit.sigma
    return found


def _errors(gradients: Floats, covariances: Floats) -> Floats:
    """Return the largest standard error that any of the covariances gives."""
    found: Floats = np.sqrt(np.einsum("ij,mjk,ik->mi", gradients, covariances, gradients).max(axis=0))
    return found


def _slopes(
    fit: Fit,
    covariances: Floats,
    ends: Floats,
    middle: float,
    reach: float,
    conf_level: float,
    degrees: float,
) -> pd.DataFrame:
    _, b1, b2 = fit.coefficient
    gradients = np.array([[0, 1, 2 * ends[0]], [0, 1, 2 * ends[1]], [0, -0.5 / b2, 0.5 * b1 / b2**2]])
    vertex = -b1 / (2 * b2)
    estimates = np.array(
        [(b1 + 2 * b2 * ends[0]) / reach, (b1 + 2 * b2 * ends[1]) / reach, middle + vertex * reach]
    )
    scale = np.array([1 / reach, 1 / reach, reach])
    errors = _errors(gradients, covariances) * scale
    statistic = np.array([*(estimates[:2] / errors[:2]), np.nan])
    below = special.ndtr if np.isinf(degrees) else partial(special.stdtr, degrees)
    low, high = below(statistic[0]), below(-statistic[1])
    half = quantile(conf_level, None if np.isinf(degrees) else degrees + 1) * errors
    inside = ends[0] < vertex < ends[1]
    alpha = 1 - conf_level
    shape = "no U: its shape is not settled"
    if max(low, high) < alpha and inside:
        shape = "U-shaped: falls, then rises"
    elif max(1 - low, 1 - high) < alpha and inside:
        shape = "an arch: rises, then falls"
    elif high < alpha and 1 - low < alpha:
        shape = "no U: rises throughout"
    elif low < alpha and 1 - high < alpha:
        shape = "no U: falls throughout"
    return pd.DataFrame(
        {
            "term": ["slope at the low end", "slope at the high end", "vertex", "U shape"],
            "estimate": [*estimates, np.nan],
            "std_error": [*errors, np.nan],
            "statistic": [*statistic, np.nan],
            "p_value": [low, high, np.nan, max(low, high)],
            "conf_low": [*(estimates - half), np.nan],
            "conf_high": [*(estimates + half), np.nan],
            "unit": ["log odds", "log odds", "proxy", ""],
            "note": ["", "", "inside the range" if inside else "outside the range", shape],
        }
    )


def _curve(fit: Fit, covariances: Floats, middle: float, reach: float, steps: float) -> pd.DataFrame:
    z = np.linspace(-1, 1, _POINTS)
    x = np.column_stack([np.ones_like(z), z, z**2])
    eta = x @ fit.coefficient
    half = steps * _errors(x, covariances)
    return pd.DataFrame(
        {
            "at": middle + reach * z,
            "estimate": special.expit(eta),
            "conf_low": special.expit(eta - half),
            "conf_high": special.expit(eta + half),
        }
    )


def contact_fatigue(
    invitations: Any,
    *,
    responded_column: str = "has_answered",
    arm_column: str | None = None,
    reference: object = None,
    prior_column: str | None = None,
    customer_column: str | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Say how being asked often changes the response: by randomised arms first, within persons beside them.

    Parameters
    ----------
    invitations : frame or str
        One row an invitation.
    responded_column : str
        Whether it was answered.
    arm_column : str, optional
        The randomised quiet period (or any randomised rule of asking) of the customer.
    reference : object, optional
        The arm to compare with; by default the first in sorting order.
    prior_column : str, optional
        How many invitations the customer had in the 90 days (say) before; with `customer_column` it gives the
        within-person slope.
    customer_column : str, optional
        The customer: answers of one customer belong together.
    conf_level : float
        Level of the intervals, in 0–1.

    Returns
    -------
    Estimates
        The column ``arm``, then the terms ``response rate`` of each arm, ``difference`` of each from the
        reference, and ``within-person slope``: change of the response rate per unit of log(1 + earlier
        invitations), with ``log odds`` (that slope over p(1 − p), an approximation).

    Raises
    ------
    ArgumentError, TableError, DataError, EstimationError
        If neither arms nor earlier invitations are given, or no customer's number of them varies.

    Notes
    -----
    Only the arms are an experiment. The within-person slope holds the person fixed, but not the history:
    where whom we invite depends on who answered, or on what just happened, it is biased, even its sign.
    Between persons the slope is worse: those asked often are those who like to answer.

    The log odds are nearer to zero than those of one customer, and no parameter of a model. In the sample
    company (world *claimed*) −.45 was put in for each customer, at a given satisfaction; this row gives −.31
    (−.36 to −.26). Some of the gap is how it is defined: p(1 − p) of all is .155, the mean over the chances
    of single customers .12, and the conditional logit, which needs no such step, gives −.36. The rest is
    history: satisfaction moves with what else happens to a customer; with the hidden satisfaction in that
    logit it is −.44, with channel, length and reminder too −.45. The arms are compared as assigned, and have
    neither trouble.

    References
    ----------
    Cameron, Gelbach & Miller (2008), Review of Economics and Statistics 90:414–427,
    doi:10.1162/rest.90.3.414 (clustered variance); Porter, Whitcomb & Weitzer (2004), New Directions for
    Institutional Research 121:63–73, doi:10.1002/ir.101.

    Examples
    --------
    >>> import pandas as pd
    >>> sent = pd.DataFrame({
    ...     "quiet_days": [0] * 200 + [90] * 100,
    ...     "has_answered": [True] * 30 + [False] * 170 + [True] * 25 + [False] * 75,
    ... })
    >>> table = contact_fatigue(sent, arm_column="quiet_days").table
    >>> table[["arm", "term", "estimate"]].to_numpy().tolist()
    [['0', 'response rate', 0.15], ['90', 'response rate', 0.25], ['90', 'difference', 0.1]]
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    if arm_column is None and prior_column is None:
        raise ArgumentError("Give arm_column= (the randomised arms), or prior_column= with customer_column=.")
    if prior_column is not None and customer_column is None:
        raise ArgumentError("prior_column= needs customer_column=, to compare each customer with itself.")
    parts = []
    if arm_column is not None:
        arms = tally_arms(
            invitations,
            responded_column=responded_column,
            arm_column=arm_column,
            customer_column=customer_column,
        )
        parts.append(_arms(arms, arm_column, reference, conf_level))
    if prior_column is not None:
        sums = tally_within(
            invitations,
            responded_column=responded_column,
            prior_column=prior_column,
            customer_column=str(customer_column),
        )
        parts.append(_within(sums, prior_column))
    table = pd.concat(parts, ignore_index=True)
    half = intervals.z_value(conf_level) * table["std_error"]
    is_slope = table["term"].isin(["difference", "within-person slope", "log odds"])
    table.loc[is_slope, "conf_low"] = (table["estimate"] - half)[is_slope]
    table.loc[is_slope, "conf_high"] = (table["estimate"] + half)[is_slope]
    table["statistic"] = np.where(is_slope, table["estimate"] / table["std_error"], np.nan)
    table["p_value"] = 2 * special.ndtr(-np.abs(table["statistic"]))
    return Estimates(
        table=table,
        estimand="Response to an invitation, by how often its receiver is asked",
        method="Rates by randomised arm, clustered by customer; within-person linear probability slope",
        assumptions=(
            "Customers were put into arms at random, and answer independently of one another.",
            "Within persons: whom we invite does not depend on who answered before; else do not use it.",
        ),
        conf_level=conf_level,
    )


def _arms(arms: pd.DataFrame, arm_column: str, reference: object, conf_level: float) -> pd.DataFrame:
    names = [str(value) for value in arms["arm"]]
    base = names[0] if reference is None else str(reference)
    if base not in names:
        raise ArgumentError(f"reference={reference!r} is no arm in {arm_column!r}; it holds {listed(names)}.")
    n, s, m, nn, ns, ss = (arms[name].to_numpy(float) for name in ("n", "s", "customers", "nn", "ns", "ss"))
    rate = s / n
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.maximum(ss - 2 * rate * ns + rate**2 * nn, 0) / n**2 * m / (m - 1)
        variance = np.where(m > 1, variance, np.nan)
        # Where nobody (or everybody) answered, or there is but one, a customer is worth one answer.
        effective = np.minimum(n, np.where(variance > 0, rate * (1 - rate) / variance, m))
    low, high = intervals.wilson(rate * effective, effective, conf_level)
    rates = pd.DataFrame({"arm": names, "term": "response rate", "n": n.astype(int), "estimate": rate})
    rates = rates.assign(std_error=np.sqrt(variance), conf_low=low, conf_high=high, unit="share", note="")
    at = names.index(base)
    gaps = rates.drop(index=at).assign(
        term="difference", note=f"from arm {base}", n=rates["n"] + rates["n"][at]
    )
    gaps["estimate"] = gaps["estimate"] - rate[at]
    gaps["std_error"] = np.sqrt(gaps["std_error"] ** 2 + variance[at])
    return pd.concat([rates, gaps], ignore_index=True)


def _within(sums: pd.Series, prior_column: str) -> pd.DataFrame:
    if not sums["xx"] > 0 or sums["vary"] < 2:
        raise EstimationError(
            f"{prior_column!r} does not vary within customers; there is nobody to compare with themselves."
        )
    slope = sums["xy"] / sums["xx"]
    squares = max(sums["xyxy"] - 2 * slope * sums["xxxy"] + slope**2 * sums["xxxx"], 0.0)
    error = np.sqrt(squares * sums["vary"] / (sums["vary"] - 1)) / sums["xx"]
    rate = sums["y"] / sums["n"]
    scale = np.array([1.0, 1 / (rate * (1 - rate)) if 0 < rate < 1 else np.nan])
    return pd.DataFrame(
        {
            "arm": pd.Series([None, None], dtype=object),
            "term": ["within-person slope", "log odds"],
            "n": int(sums["n"]),
            "estimate": slope * scale,
            "std_error": error * scale,
            "conf_low": np.nan,
            "conf_high": np.nan,
            "unit": ["share", "log odds"],
            "note": ["no experiment: biased where invitations depend on history", "approximate"],
        }
    )
