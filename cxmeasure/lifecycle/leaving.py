"""What makes customers leave, period by period? Discrete-time hazards, with and without a frailty."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from cxmeasure import _arguments
from cxmeasure._stats import intervals
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError, DataError, EstimationError
from cxmeasure.lifecycle import hazard_model
from cxmeasure.lifecycle.reduce import customer_periods as read_periods
from cxmeasure.results import Estimates

_LINKS = {"logit": "log odds", "cloglog": "log hazard"}
_TOO_LITTLE = 0.05


def leaving_hazard(
    customer_periods: Any,
    *,
    covariate_columns: Sequence[str],
    customer_column: str = "customer_id",
    left_column: str = "exit_next",
    link: str = "logit",
    has_frailty: bool = False,
    n_nodes: int = 15,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate how covariates move the chance to leave in a period, given one is still there.

    Parameters
    ----------
    customer_periods : frame or str
        One row a customer and period at risk; the columns may change from period to period. Customers who
        enter late have rows from their entry on, and their own tenure in them.
    covariate_columns : sequence of str
        Numbers, or true and false.
    customer_column, left_column : str
        The customer, and whether they left in the period (true or false, 1 or 0). Missing means: known
        to have stayed through it, but not observed then.
    link : {"logit", "cloglog"}
        Coefficients are log odds, or log hazards (those of proportional hazards in continuous time).
    has_frailty : bool
        Whether customers differ by what no column holds: a normal term for each, constant over periods.
    n_nodes : int
        Nodes of the quadrature over that term, at least 5.
    conf_level : float
        Level of the interval, in 0–1.

    Returns
    -------
    Estimates
        One row a covariate, after ``intercept``, and ``frailty_sd`` where there is one. Besides the usual
        columns ``ratio``, ``ratio_low`` and ``ratio_high``, the odds or hazard ratio. ``details["fit"]``:
        log-likelihood, customers, periods, leavers, and the test that there is no frailty.

    Raises
    ------
    ArgumentError, TableError, DataError
        If a choice is unknown, a column is missing or of the wrong type, or a value cannot be used.
    EstimationError
        If nobody or everybody left, a covariate does not vary or follows from others, or decides alone.

    Notes
    -----
    The standard errors let the periods of one customer depend (sandwich over customers).

    With a frailty, who enters late was selected: the frail had left before. Give the earlier periods of
    such customers too, with their covariates and a missing `left_column`; the likelihood is then that of
    leaving given survival to entry. Without those rows the frailty of late entrants is taken for
    everybody's, and its spread comes out too small.

    A frailty is told from a hazard that truly falls with tenure only by its form, and not at all where
    what is unseen changes (satisfaction, habit). A tenure term that stays negative beside it is no proof.

    References
    ----------
    Singer & Willett (1993), Journal of Educational Statistics 18:155–195, doi:10.3102/10769986018002155;
    Jenkins (1995), Oxford Bulletin of Economics and Statistics 57:129–138,
    doi:10.1111/j.1468-0084.1995.tb00031.x.

    Examples
    --------
    By hand: 2 of 10 leave without an offer, 1 of 10 with one; the odds ratio is (1/9) / (2/8) = .444.

    >>> import pandas as pd
    >>> months = pd.DataFrame({
    ...     "customer_id": range(20),
    ...     "offer": [0] * 10 + [1] * 10,
    ...     "exit_next": [1, 1] + [0] * 8 + [1] + [0] * 9,
    ... })
    >>> result = leaving_hazard(months, covariate_columns=["offer"])
    >>> result.table[["term", "estimate", "ratio"]].round(3)
            term  estimate  ratio
    0  intercept    -1.386  0.250
    1      offer    -0.811  0.444
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    link = _arguments.choice(link, _LINKS, name="link")
    covariates = _arguments.names(covariate_columns, name="covariate_columns")
    if taken := [name for name in covariates if name in ("intercept", "frailty_sd", left_column)]:
        raise ArgumentError(
            f"covariate_columns has {taken[0]!r}, which the model has of its own; rename yours."
        )
    n_nodes = _arguments.whole(n_nodes, name="n_nodes", at_least=5)
    rows = read_periods(
        customer_periods,
        customer_column=customer_column,
        left_column=left_column,
        covariate_columns=covariates,
    )
    if not has_frailty:
        rows = rows[rows["left"].notna()].reset_index(drop=True)
    periods = _periods(rows, covariates, link)
    plain = hazard_model.fit(periods, 1) if not has_frailty or periods.is_observed.all() else None
    found = hazard_model.fit(periods, n_nodes) if has_frailty else plain
    if found is None or not found.has_converged or np.abs(found.coefficients).max() > 1e6:
        raise EstimationError(
            "The likelihood has no highest point that could be found; use fewer covariates, or rescale them."
        )
    _refuse_if_decided(found, covariates)
    terms = ["intercept", *covariates, *(["frailty_sd"] if has_frailty else [])]
    n = int(periods.is_observed.sum())
    return Estimates(
        table=_table(terms, found, n, _LINKS[link], conf_level),
        estimand=f"Change of the {_LINKS[link]} to leave in a period, given still there, by one unit of the "
        "covariate",
        method=f"Discrete-time hazard, {link} link (Singer & Willett 1993, doi:10.3102/10769986018002155)"
        + (", normal frailty integrated once a customer" if has_frailty else "")
        + ", errors clustered by customer",
        assumptions=_assumptions(has_frailty=has_frailty),
        conf_level=conf_level,
        details={"fit": _summary(found, plain, periods, has_frailty=has_frailty)},
    )


def _periods(rows: pd.DataFrame, covariates: Sequence[str], link: str) -> hazard_model.Periods:
    design = np.column_stack([np.ones(len(rows)), *(rows[f"x_{i}"] for i in range(len(covariates)))])
    has_left = (rows["left"] == 1).to_numpy()
    is_observed = rows["left"].notna().to_numpy()
    n, n_left = int(is_observed.sum()), int(has_left.sum())
    if n_left in (0, n):
        raise EstimationError(
            f"{'Nobody' if n_left == 0 else 'Everybody'} left in the {n:,} customer-periods observed; there "
            "is no difference to explain."
        )
    for name, column in zip(covariates, design.T[1:], strict=True):
        if np.ptp(column) == 0:
            raise DataError(f"Covariate {name!r} is {column[0]:g} in every period; leave it out.")
    spread = design[:, 1:] / design[:, 1:].std(axis=0) if covariates else design[:, :0]
    rank = (
        np.linalg.matrix_rank(spread - spread.mean(axis=0), tol=1e-7 * np.sqrt(len(rows)))
        if covariates
        else 0
    )
    if rank < len(covariates):
        raise DataError(
            f"The {len(covariates)} covariates determine one another; leave out "
            f"{len(covariates) - int(rank)} of them."
        )
    firsts = np.flatnonzero(np.diff(rows["customer"].to_numpy(), prepend=-1))
    return hazard_model.Periods(design, has_left, is_observed, firsts, link)


def _refuse_if_decided(found: hazard_model.Fit, covariates: Sequence[str]) -> None:
    """Refuse a covariate that alone says who left: its coefficient runs to infinity."""
    weakest = np.abs(found.weakest[1 : len(covariates) + 1])
    if found.information < _TOO_LITTLE and len(weakest) and weakest.max() > 0.3:
        name = covariates[int(np.argmax(weakest))]
        raise EstimationError(
            f"Covariate {name!r} decides who leaves, or who never does, so its coefficient runs to "
            "infinity; leave it out, or make it coarser."
        )


def _table(
    terms: Sequence[str], found: hazard_model.Fit, n: int, unit: str, conf_level: float
) -> pd.DataFrame:
    estimate, error = found.coefficients.copy(), np.sqrt(np.diag(found.covariance))
    z = intervals.z_value(conf_level)
    is_spread = np.array([term == "frailty_sd" for term in terms])
    estimate[is_spread] = np.abs(estimate[is_spread])
    low, high = estimate - z * error, estimate + z * error
    statistic = np.where(is_spread, np.nan, estimate / error)
    ratio: list[Floats] = [np.where(is_spread, np.nan, np.exp(each)) for each in (estimate, low, high)]
    return pd.DataFrame(
        {
            "term": terms,
            "n": n,
            "estimate": estimate,
            "std_error": error,
            "statistic": statistic,
            "p_value": 2 * special.ndtr(-np.abs(statistic)),
            "conf_low": np.where(is_spread, np.maximum(low, 0), low),
            "conf_high": high,
            "unit": unit,
            "note": np.where(is_spread & (low <= 0), "no frailty cannot be excluded", ""),
            "ratio": ratio[0],
            "ratio_low": ratio[1],
            "ratio_high": ratio[2],
        }
    )


def _summary(
    found: hazard_model.Fit,
    plain: hazard_model.Fit | None,
    periods: hazard_model.Periods,
    *,
    has_frailty: bool,
) -> pd.DataFrame:
    gain = 2 * (found.log_likelihood - plain.log_likelihood) if has_frailty and plain else np.nan
    return pd.DataFrame(
        {
            "log_likelihood": [found.log_likelihood],
            "n_customers": [len(periods.firsts)],
            "n_periods": [int(periods.is_observed.sum())],
            "n_left": [int(periods.has_left.sum())],
            # σ = 0 lies on the edge, so half of the χ² distribution is a point at zero (Self & Liang 1987).
            "p_no_frailty": [special.chdtrc(1, max(gain, 0)) / 2 if np.isfinite(gain) else np.nan],
        }
    )


def _assumptions(*, has_frailty: bool) -> tuple[str, ...]:
    said = [
        "Customers leave independently of one another; the periods of one customer may depend.",
        "Covariates were known before the period in which leaving is counted.",
        "Observation ends for reasons that do not depend on who is about to leave.",
    ]
    if has_frailty:
        said.append("What differs between customers and stands in no column is normal, and never changes.")
    else:
        said.append(
            "Coefficients are averages over customers who differ; they lie nearer to zero than each one's."
        )
    return tuple(said)
