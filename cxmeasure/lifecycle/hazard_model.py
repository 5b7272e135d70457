"""Discrete-time hazards: the likelihood, with a normal frailty integrated once a customer. Arrays in and out.

Rows lie sorted by customer. A row that was not observed, but was lived through (before a late entry),
counts above and below the line: its customer is one of those who had survived it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from cxmeasure._stats.intervals import Floats

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Periods:
    """Customer-periods: design, whether left in it, whether observed, and each customer's first row."""

    design: Floats
    has_left: Flags
    is_observed: Flags
    firsts: npt.NDArray[np.intp]
    link: str


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients (the last one σ, if there is a frailty), their clustered covariance, log-likelihood."""

    coefficients: Floats
    covariance: Floats
    log_likelihood: float
    has_converged: bool
    weakest: Floats
    """Direction in which the data say least, over the standardised columns."""
    information: float
    """What they say in it; well below 1 where the likelihood rises without end."""


def log_hazard(eta: Floats, has_left: Flags, link: str) -> tuple[Floats, Floats]:
    """Return each row's log-likelihood and its derivative in the linear predictor."""
    if link == "logit":
        value = special.log_expit(np.where(has_left, eta, -eta))
        return value, has_left - special.expit(eta)
    rate = np.exp(np.minimum(eta, 30.0))
    value = np.where(has_left, np.log(-np.expm1(-rate)), -rate)
    return value, np.where(has_left, rate / np.expm1(np.minimum(rate, 700.0)), -rate)


def log_likelihood(parameters: Floats, periods: Periods, n_nodes: int) -> tuple[float, Floats]:
    """Return the log-likelihood and each customer's score, shape (customers, parameters).

    Parameters
    ----------
    parameters : ndarray
        Coefficients of the design; with `n_nodes` above 1 then the frailty's standard deviation.
    periods : Periods
    n_nodes : int
        Nodes of Gauss–Hermite quadrature; 1 for no frailty.
    """
    has_frailty = n_nodes > 1
    nodes, weights = np.polynomial.hermite_e.hermegauss(n_nodes)
    beta, spread = (parameters[:-1], parameters[-1]) if has_frailty else (parameters, 0.0)
    eta = periods.design @ beta
    parts = [log_hazard(eta + spread * node, periods.has_left, periods.link) for node in nodes]
    everything = np.stack([np.add.reduceat(value, periods.firsts) for value, _ in parts])
    level, share = _mixed(everything, weights)
    slopes = _slopes(share, parts, periods, nodes, has_frailty=has_frailty)
    if not periods.is_observed.all():
        lived = ~periods.is_observed
        before = [(value * lived, slope * lived) for value, slope in parts]
        past = np.stack([np.add.reduceat(value, periods.firsts) for value, _ in before])
        gone, share = _mixed(past, weights)
        level = level - gone
        slopes = slopes - _slopes(share, before, periods, nodes, has_frailty=has_frailty)
    return float(level.sum()), slopes


def _mixed(by_node: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the log of the mean over nodes, and each node's share in it."""
    joint = by_node + np.log(weights / weights.sum())[:, None]
    total = special.logsumexp(joint, axis=0)
    return total, np.exp(joint - total)


def _slopes(
    share: Floats,
    parts: list[tuple[Floats, Floats]],
    periods: Periods,
    nodes: Floats,
    *,
    has_frailty: bool,
) -> Floats:
    sizes = np.diff(np.append(periods.firsts, len(periods.design)))
    mixed = np.zeros(len(periods.design))
    turned = np.zeros(len(share[0]))
    for node, of_node, (_, slope) in zip(nodes, share, parts, strict=True):
        mixed += np.repeat(of_node, sizes) * slope
        turned += node * of_node * np.add.reduceat(slope, periods.firsts)
    scores = np.add.reduceat(periods.design * mixed[:, None], periods.firsts, axis=0)
    return np.column_stack([scores, turned]) if has_frailty else scores


def fit(periods: Periods, n_nodes: int) -> Fit:
    """Return the coefficients of highest likelihood, with a covariance that lets customers' rows depend.

    The covariance is the sandwich H⁻¹(Σ ss′)H⁻¹ over customers, with the factor m/(m − 1).
    """
    from scipy.optimize import minimize

    centre, scale = _standard(periods.design)
    scaled = Periods(
        (periods.design - centre) / scale, periods.has_left, periods.is_observed, periods.firsts, periods.link
    )
    width = periods.design.shape[1]
    start = np.zeros(width)
    share = periods.has_left[periods.is_observed].mean()
    start[0] = np.log(share / (1 - share)) if periods.link == "logit" else np.log(-np.log1p(-share))
    if n_nodes > 1:
        start = np.append(_maximum(minimize, start, scaled, 1).x, 0.5)
    best = _maximum(minimize, start, scaled, n_nodes)
    top, scores = log_likelihood(best.x, scaled, n_nodes)
    hessian = _hessian(best.x, scaled, n_nodes)
    n_customers = len(periods.firsts)
    bread = np.linalg.pinv(hessian)
    covariance = bread @ (scores.T @ scores) @ bread * n_customers / max(n_customers - 1, 1)
    back = np.diag(1 / scale)
    back[0] -= centre / scale
    if n_nodes > 1:
        back = np.block([[back, np.zeros((width, 1))], [np.zeros((1, width)), np.eye(1)]])
    is_settled = float(np.abs(scores.sum(axis=0)).max()) < 1e-3 * max(1.0, np.sqrt(n_customers))
    values, vectors = np.linalg.eigh(hessian)
    weakest, information = vectors[:, 0], float(values[0])
    return Fit(back @ best.x, back @ covariance @ back.T, top, is_settled, weakest, information)


def _standard(design: Floats) -> tuple[Floats, Floats]:
    """Return centre and scale of each column; 0 and 1 for the intercept, which comes first."""
    centre, scale = design.mean(axis=0), design.std(axis=0)
    centre[0], scale[0] = 0.0, 1.0
    return centre, scale


def _maximum(minimize, start: Floats, periods: Periods, n_nodes: int):  # type: ignore[no-untyped-def]
    def minus(parameters: Floats) -> tuple[float, Floats]:
        value, scores = log_likelihood(parameters, periods, n_nodes)
        return -value, -scores.sum(axis=0)

    options = {"maxiter": 200, "ftol": 1e-13, "gtol": 1e-5}
    return minimize(minus, start, jac=True, method="L-BFGS-B", options=options)


def _hessian(parameters: Floats, periods: Periods, n_nodes: int) -> Floats:
    """Return minus the second derivatives, by central differences of the exact gradient."""
    step = 1e-4
    rows = []
    for place in range(len(parameters)):
        move = np.zeros(len(parameters))
        move[place] = step
        up = log_likelihood(parameters + move, periods, n_nodes)[1].sum(axis=0)
        down = log_likelihood(parameters - move, periods, n_nodes)[1].sum(axis=0)
        rows.append((down - up) / (2 * step))
    hessian = np.array(rows)
    return np.asarray((hessian + hessian.T) / 2)
