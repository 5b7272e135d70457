"""Does a bad touchpoint take more than a good one gives? Two slopes a driver, on the latent scale."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats import linear
from cxmeasure._stats.intervals import Floats, z_value
from cxmeasure.errors import ArgumentError, DataError, EstimationError
from cxmeasure.results import Estimates, tidy
from cxmeasure.touchpoints.reduce.journeys import refuse_few_customers
from cxmeasure.touchpoints.reduce.rows import collected, complete

_FEWEST_A_SIDE = 10
_MOST_LEVELS = 30
_SIDES = ("penalty", "reward", "penalty - reward")


def penalty_reward(
    answers: Any,
    *,
    outcome: str,
    drivers: Sequence[str],
    neutral: float | Mapping[str, float] | None = None,
    customer_column: str = "customer_id",
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate the slope of an overall rating below and above each driver's neutral point.

    Parameters
    ----------
    answers : frame or str
        One row an answer. Rows with a missing value in any column used are left out and counted.
    outcome : str
        The overall rating: a few ordered answers, such as 0–10.
    drivers : sequence of str
        Ratings of touchpoints that may explain it.
    neutral : number, or mapping of driver to number, optional
        Where a driver is neither good nor bad; by default its median.
    customer_column : str
        Whose answer it is (whole numbers or text).
    conf_level : float
        Level of the intervals, in 0–1.

    Returns
    -------
    Estimates
        Three rows a driver (column ``driver``): ``penalty``, the change of the latent rating for a point
        less misery below the neutral point; ``reward``, for a point more above it; and ``penalty -
        reward``, whose `p_value` says whether they differ. The unit is a standard deviation of the latent
        rating given the drivers. Besides the usual columns: ``neutral``, ``n_missing``, ``n_customers``.
        ``details["least_squares"]`` has the same rows from least squares on the rating as it is written.

    Raises
    ------
    ArgumentError, TableError, DataError
        If a choice cannot be used, a column is missing or holds no numbers, or the outcome has no or too
        many different values.
    EstimationError
        If a driver has fewer than ten answers on one side, there are fewer than ten customers, or the
        model does not converge.

    Notes
    -----
    An ordered probit (statsmodels) with errors clustered by customer; one row an answer is read. The
    written scale ends at its best answer: who is as happy as can be cannot tick more, so that least
    squares finds a smaller reward than penalty where the latent line is straight. On the latent scale it
    is straight; compare ``details["least_squares"]``.

    References
    ----------
    McKelvey & Zavoina (1975), Journal of Mathematical Sociology 4:103–120,
    doi:10.1080/0022250X.1975.9989847; Mittal, Ross & Baldasare (1998), Journal of Marketing 62(1):33–47,
    doi:10.1177/002224299806200104.

    Examples
    --------
    A made-up driver that takes twice as much below zero as it gives above.

    >>> import numpy as np
    >>> import pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> app = rng.normal(size=2000)
    >>> felt = np.where(app < 0, 1.0, 0.5) * app + rng.normal(size=2000)
    >>> answers = pd.DataFrame({"customer_id": range(2000), "app": app})
    >>> answers["overall"] = np.round(felt).clip(-2, 2)
    >>> found = penalty_reward(answers, outcome="overall", drivers=["app"], neutral=0)
    >>> found.table[["driver", "term", "estimate"]].round(1)
      driver              term  estimate
    0    app           penalty       0.9
    1    app            reward       0.5
    2    app  penalty - reward       0.4
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    drivers = _arguments.names(drivers, name="drivers")
    if not drivers or outcome in drivers:
        raise ArgumentError(f"drivers={drivers!r} with outcome={outcome!r}: give at least one other column.")
    rows, n_missing = complete(answers, [*drivers, outcome], customer_column, name="answers")
    table = collected(rows)
    values = table[[f"x{i}" for i in range(len(drivers))]].to_numpy(float)
    middle = _neutral(neutral, drivers, values)
    customer, names = pd.factorize(table["customer"])
    refuse_few_customers(len(names))
    codes, levels = pd.factorize(table[f"x{len(drivers)}"], sort=True)
    _refuse(values - middle, drivers, middle, outcome, len(levels))
    design = np.concatenate([np.minimum(values - middle, 0), np.maximum(values - middle, 0)], axis=1)
    beta, covariance = _probit(codes, design, customer)
    found = _rows(beta, covariance, drivers, conf_level)
    found.insert(2, "n", len(table))
    found["unit"] = "latent standard deviations"
    found["neutral"] = np.repeat(middle, 3)
    found["n_missing"], found["n_customers"] = n_missing, len(names)
    score = levels.to_numpy(float)[codes]
    return Estimates(
        table=found,
        estimand=f"Change of the latent rating behind {outcome!r} with one point of each driver, below and "
        "above its neutral point",
        method="Ordered probit with two slopes a driver, errors clustered by customer "
        "(McKelvey & Zavoina 1975, doi:10.1080/0022250X.1975.9989847)",
        assumptions=(
            "Behind the rating is a normal one that is cut at thresholds, the same for all customers.",
            "The neutral points are known; each side is a straight line.",
            "It says what goes together, not what would follow from improving a driver.",
        ),
        conf_level=conf_level,
        details={"least_squares": _least_squares(score, design, customer, drivers, conf_level)},
    )


def _neutral(neutral: float | Mapping[str, float] | None, drivers: Sequence[str], values: Floats) -> Floats:
    if neutral is None:
        return np.median(values, axis=0)
    if not isinstance(neutral, Mapping):
        return np.full(len(drivers), float(neutral))
    if absent := [driver for driver in drivers if driver not in neutral]:
        raise ArgumentError(f"neutral has no number for the driver {absent[0]!r}; give one for each.")
    return np.array([neutral[driver] for driver in drivers], dtype=float)


def _refuse(about: Floats, drivers: Sequence[str], middle: Floats, outcome: str, n_levels: int) -> None:
    if not 2 <= n_levels <= _MOST_LEVELS:
        raise DataError(
            f"{outcome!r} has {n_levels:,} different values; an ordered model takes from 2 to "
            f"{_MOST_LEVELS}. Give the answers as they were ticked, or round them."
        )
    sides = np.stack([(about < 0).sum(axis=0), (about > 0).sum(axis=0)])
    if sides.min() < _FEWEST_A_SIDE:
        side, driver = divmod(int(np.argmin(sides)), len(drivers))
        raise EstimationError(
            f"{drivers[driver]!r} has {sides[side, driver]} answers {('below', 'above')[side]} its neutral "
            f"point {middle[driver]:g}; a slope there takes at least {_FEWEST_A_SIDE}. Give another neutral "
            "point, or leave the driver out."
        )


def _probit(codes: Any, design: Floats, customer: Any) -> tuple[Floats, Floats]:
    """Fit the ordered probit on standardised regressors, and return what concerns the slopes."""
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    scale = design.std(axis=0)
    p = design.shape[1]
    # Separation shows as a Hessian without inverse, or a likelihood of one; both are one sentence to a user.
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit = OrderedModel(codes, design / scale, distr="probit").fit(
                method="bfgs",
                maxiter=1000,
                disp=False,
                cov_type="cluster",
                cov_kwds={"groups": customer},
            )
            beta, covariance = np.asarray(fit.params)[:p], np.asarray(fit.cov_params())[:p, :p]
            is_bad = fit.llf > -0.05 * len(codes) or not fit.mle_retvals["converged"]
        except np.linalg.LinAlgError:
            is_bad = True
    redundant = np.linalg.eigvalsh(np.corrcoef(design, rowvar=False))[0] < 1e-8
    if is_bad or redundant or not np.isfinite(covariance).all():
        raise EstimationError(
            "The ordered model found no end: a driver tells the outcome apart without error, or drivers "
            "determine one another. Leave out what is the outcome by another name."
        )
    return beta / scale, covariance / np.outer(scale, scale)


def _contrasts(n_drivers: int) -> Floats:
    """Return penalty, reward and their difference of each driver as combinations of the slopes."""
    below, above = np.split(np.eye(2 * n_drivers), 2)
    return np.stack([below, above, below - above], axis=1).reshape(-1, 2 * n_drivers)


def _rows(beta: Floats, covariance: Floats, drivers: Sequence[str], conf_level: float) -> pd.DataFrame:
    from scipy import special

    combined = _contrasts(len(drivers))
    estimate = combined @ beta
    error = np.sqrt(np.einsum("ip,pq,iq->i", combined, covariance, combined))
    half = z_value(conf_level) * error
    return pd.DataFrame(
        {
            "driver": np.repeat(drivers, 3),
            "term": list(_SIDES) * len(drivers),
            "estimate": estimate,
            "std_error": error,
            "statistic": estimate / error,
            "p_value": 2 * special.ndtr(-np.abs(estimate / error)),
            "conf_low": estimate - half,
            "conf_high": estimate + half,
        }
    )


def _least_squares(
    score: Floats, design: Floats, customer: Any, drivers: Sequence[str], conf_level: float
) -> pd.DataFrame:
    rows = np.column_stack([np.ones(len(score)), design, score])
    products = np.zeros((int(customer.max()) + 1, rows.shape[1], rows.shape[1]))
    np.add.at(products, customer, rows[:, :, None] * rows[:, None, :])
    fit = linear.clustered(products)
    padded = np.pad(_contrasts(len(drivers)), ((0, 0), (1, 0)))
    table = pd.DataFrame(
        {"driver": np.repeat(drivers, 3), "term": list(_SIDES) * len(drivers), "n": len(score)}
    )
    return tidy(table.assign(**fit.contrast(padded, conf_level), unit="scale points"))
