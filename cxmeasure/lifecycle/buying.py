"""Who is still a customer where nobody gives notice? Purchase histories, and the BG/NBD model."""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from cxmeasure import _arguments
from cxmeasure._stats import intervals
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import EstimationError
from cxmeasure.lifecycle.calendar_days import day_of
from cxmeasure.lifecycle.reduce import handed_back, purchase_histories, tally_histories, with_probability
from cxmeasure.results import Estimates, NativeFrame, Scores

_TERMS = ("r", "alpha", "a", "b")


def summarise_purchases(
    purchases: Any,
    *,
    customer_column: str = "customer_id",
    time_column: str = "ts",
    value_column: str | None = None,
    unit: str = "week",
    observed_until: date | str | None = None,
) -> NativeFrame:
    """Turn purchases into one row a customer: how often again, how lately, and since when.

    Parameters
    ----------
    purchases : frame or str
        One row a purchase, in any order. Those of a customer on the same day are one.
    customer_column, time_column : str
        The customer (whole numbers or text), and the time without a zone.
    value_column : str, optional
        What was paid, zero or more.
    unit : {"day", "week"}
        Unit of time.
    observed_until : date or str, optional
        Last day observed; by default that of the latest purchase.

    Returns
    -------
    frame of the caller's engine
        One row a customer: ``frequency``, days with a purchase after the first; ``recency``, time from
        the first purchase to the last; ``age``, time from the first to the end; and, with values,
        ``value_per_purchase``, the mean over repeat purchases, missing without one.

    Raises
    ------
    ArgumentError, TableError, DataError
        If a choice is unknown, a column is missing or of the wrong type, or a value cannot be used.

    Examples
    --------
    >>> import pandas as pd
    >>> purchases = pd.DataFrame({
    ...     "customer_id": [1, 1, 1, 2],
    ...     "ts": pd.to_datetime(["2024-01-01", "2024-01-15", "2024-01-29", "2024-01-08"]),
    ... })
    >>> summarise_purchases(purchases, observed_until="2024-02-05").sort_values("customer_id")
       customer_id  frequency  recency  age
    0            1          2      4.0  5.0
    1            2          0      0.0  4.0
    """
    rows = purchase_histories(
        purchases,
        customer_column=customer_column,
        time_column=time_column,
        value_column=value_column,
        unit=_arguments.choice(unit, ("day", "week"), name="unit"),
        observed_until=day_of(observed_until, name="observed_until"),
    )
    return handed_back(rows.sort(customer_column), purchases)


def probability_alive(
    customers: Any,
    *,
    frequency_column: str = "frequency",
    recency_column: str = "recency",
    age_column: str = "age",
    conf_level: float = 0.95,
) -> Scores:
    """Estimate, for each customer, the probability to be a customer still.

    Parameters
    ----------
    customers : frame or str
        One row a customer, as `summarise_purchases` returns them.
    frequency_column, recency_column, age_column : str
        Repeat purchases; time from the first purchase to the last, and to the end, in one unit.
    conf_level : float
        Level of the intervals, in 0–1.

    Returns
    -------
    Scores
        ``rows``: the customers with ``probability_alive``, in the engine they came in. ``summary``: the
        parameters ``r``, ``alpha``, ``a``, ``b``; ``details["fit"]`` has the log-likelihood and the
        number of different histories.

    Raises
    ------
    ArgumentError, TableError, DataError
        If a column is missing or of the wrong type, or a history cannot be.
    EstimationError
        If nobody came back, or the likelihood has no highest point.

    Notes
    -----
    While alive a customer buys at a rate of their own, Gamma(r, α) over customers; after each purchase
    they leave with a chance of their own, Beta(a, b). So who never came back is alive for certain: they
    had no repeat purchase to leave after. The probability is at the parameters of highest likelihood; their
    own uncertainty, in ``summary``, is not in it. Intervals are symmetric on the log.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24:275–284, doi:10.1287/mksc.1040.0098.

    Examples
    --------
    Two thousand customers made by the model, with r = .5, alpha = 4, a = .8 and b = 2.4.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> rate, leaves = rng.gamma(0.5, 1 / 4, 2000), rng.beta(0.8, 2.4, 2000)
    >>> at = rng.exponential(1, (2000, 99)).cumsum(axis=1) / rate[:, None]
    >>> stays = (rng.random((2000, 98)) > leaves[:, None]).cumprod(axis=1) > 0
    >>> bought = (at < 39) & np.column_stack([np.full(2000, True), stays])
    >>> customers = pd.DataFrame({
    ...     "frequency": bought.sum(axis=1), "recency": np.where(bought, at, 0).max(axis=1), "age": 39.0
    ... })
    >>> scores = probability_alive(customers)
    >>> scores.summary.table[["term", "estimate"]].round(1)
        term  estimate
    0      r       0.5
    1  alpha       3.8
    2      a       1.0
    3      b       2.8
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    columns = {"frequency": frequency_column, "recency": recency_column, "age": age_column}
    tally = tally_histories(customers, **columns)
    x, last, age, n = (tally[name].to_numpy() for name in ("frequency", "recency", "age", "n"))
    if not (x > 0).any():
        raise EstimationError(
            f"None of the {int(n.sum()):,} customers came back, so nothing tells how often they would."
        )
    log_parameters, covariance, level = _fit(x, last, age, n)
    estimate = np.exp(log_parameters)
    error = np.sqrt(np.diag(covariance))
    z = intervals.z_value(conf_level)
    table = pd.DataFrame(
        {
            "term": _TERMS,
            "n": int(n.sum()),
            "estimate": estimate,
            "std_error": estimate * error,
            "conf_low": estimate * np.exp(-z * error),
            "conf_high": estimate * np.exp(z * error),
            "unit": "parameter",
        }
    )
    summary = Estimates(
        table=table,
        estimand="Spread over customers of buying rates, Gamma(r, alpha), and chances to leave, Beta(a, b)",
        method="BG/NBD by maximum likelihood (Fader, Hardie & Lee 2005, doi:10.1287/mksc.1040.0098)",
        assumptions=(
            "While alive, each customer buys at random at a rate that stays the same.",
            "Customers leave only right after a purchase, for good, with a chance that stays the same.",
            "How often one buys says nothing about the chance to leave.",
        ),
        conf_level=conf_level,
        details={"fit": pd.DataFrame({"log_likelihood": [level], "n_histories": [len(tally)]})},
    )
    r, alpha, a, b = (float(value) for value in estimate)
    return Scores(rows=with_probability(customers, (r, alpha, a, b), **columns), summary=summary)


def log_likelihood(log_parameters: Floats, x: Floats, last: Floats, age: Floats) -> tuple[Floats, Floats]:
    """Return each history's log-likelihood at the logs of r, α, a and b (Fader et al. 2005, eq. 6).

    Beside it its slopes in them, shape (4, histories).
    """
    r, alpha, a, b = np.exp(log_parameters)
    psi, bought = special.psi, x > 0
    value = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha)
    value = value + special.betaln(a, b + x) - special.betaln(a, b)
    # B(a, b + x) weighs those alive, B(a + 1, b + x − 1) = B(a, b + x)·a/(b + x − 1) those who left.
    chances = np.where(bought, b + x - 1, 1.0)
    alive = -(r + x) * np.log(alpha + age)
    gone = np.where(bought, np.log(a / chances) - (r + x) * np.log(alpha + last), -np.inf)
    either = np.logaddexp(alive, gone)
    share = np.exp(gone - either)
    both = psi(a + b) - psi(a + b + x)
    slopes = (
        psi(r + x)
        - psi(r)
        + np.log(alpha)
        - (1 - share) * np.log(alpha + age)
        - share * np.log(alpha + last),
        r / alpha - (r + x) * ((1 - share) / (alpha + age) + share / (alpha + last)),
        both + share / a,
        both + psi(b + x) - psi(b) - share / chances,
    )
    return np.asarray(value + either), np.stack(slopes) * np.exp(log_parameters)[:, None]


def _fit(x: Floats, last: Floats, age: Floats, n: Floats) -> tuple[Floats, Floats, float]:
    """Return the logs of the parameters, their covariance, and the log-likelihood."""
    from scipy.optimize import minimize

    # Time in units of its mean keeps α near one.
    scale = float(np.average(age, weights=n)) or 1.0
    weight = n / n.sum()

    def minus(parameters: Floats) -> tuple[float, Floats]:
        value, slopes = log_likelihood(parameters, x, last / scale, age / scale)
        return -float(weight @ value), -(slopes @ weight)

    found = minimize(minus, np.zeros(4), jac=True, method="BFGS", options={"gtol": 1e-8, "maxiter": 500})
    best = np.asarray(found.x)
    hessian = _hessian(lambda at: minus(at)[1], best) * n.sum()
    is_top = np.abs(minus(best)[1]).max() < 1e-6 and np.abs(best).max() <= 12
    if not is_top or np.linalg.eigvalsh(hessian)[0] <= 0:
        raise EstimationError(
            "The likelihood of the purchase histories has no highest point: customers look all alike, or "
            "nobody leaves. Take more customers or a longer time."
        )
    shift = np.array([0.0, np.log(scale), 0.0, 0.0])
    level = float(n @ log_likelihood(best + shift, x, last, age)[0])
    return best + shift, np.linalg.inv(hessian), level


def _hessian(slopes: Callable[[Floats], Floats], at: Floats) -> Floats:
    step = 1e-4
    rows = [(slopes(at + move) - slopes(at - move)) / (2 * step) for move in np.eye(len(at)) * step]
    return (np.array(rows) + np.array(rows).T) / 2
