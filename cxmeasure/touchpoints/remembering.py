"""What do customers remember of a journey? Weights of mean, peak and end, and of how long it took."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from cxmeasure import _arguments
from cxmeasure._stats import linear
from cxmeasure.errors import EstimationError
from cxmeasure.results import Estimates, tidy
from cxmeasure.touchpoints.grouping import grouping
from cxmeasure.touchpoints.reduce.journeys import (
    adopt_steps,
    journey_products,
    refuse_constant_outcome,
    refuse_few_customers,
)

_TERMS = ["mean", "peak", "end", "steps"]


def peak_end(
    steps: Any,
    *,
    remembered_column: str,
    rating_column: str = "valence",
    customer_column: str = "customer_id",
    journey_column: str = "journey_id",
    order_column: str | Sequence[str] = "ts",
    control_columns: Sequence[str] = (),
    neutral: float = 0.0,
    negligible: float = 0.05,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate what a remembered rating is made of: mean, peak, end, and how long it took.

    Parameters
    ----------
    steps : frame or str
        One row a step of a journey, with what was felt in it.
    remembered_column : str
        The rating of the whole journey afterwards; the same in all rows of a journey.
    rating_column : str
        The rating of the step. Steps without one are left out.
    customer_column, journey_column : str
        Whose step, and of which journey (whole numbers or text).
    order_column : str or sequence of str
        What puts the steps in order. Ties are refused.
    control_columns : sequence of str
        Further numbers of the journey to hold constant, such as broken hand-offs.
    neutral : float
        The rating that is neither good nor bad: the peak is the rating farthest from it (where the best
        and the worst are as far, the best).
    negligible : float
        Change of the remembered rating with one step more that would not matter, in its standard
        deviations: the margin of the test of duration neglect.
    conf_level : float
        Level of the intervals, in 0–1.

    Returns
    -------
    Estimates
        One row each for ``mean``, ``peak``, ``end``, ``steps`` and the controls: change of the remembered
        rating with a unit more, the others held constant. Besides the usual columns: ``n_customers``, and
        ``n_missing``, journeys without a remembered rating or a control. ``details["tests"]`` has three
        rows: whether peak and end add to the mean; whether duration counts; and duration neglect, whose
        small `p_value` says that a step more changes less than `negligible`.

    Raises
    ------
    ArgumentError, TableError, DataError
        If a choice is out of range, a column is missing or of the wrong type, or the order is tied.
    EstimationError
        If there are fewer than ten customers, or mean, peak and end cannot be told apart.

    Notes
    -----
    Least squares with errors clustered by customer, from cross-products summed in the engine that holds
    the rows. Noise in the ratings of steps shrinks the weight of peak and end, which rest on one rating,
    more than that of the mean; it cannot make a weight of zero differ from zero unless a correlated one
    does. That a weight does not differ from zero is no proof that it is zero: duration neglect has a test
    of its own.

    References
    ----------
    Kahneman et al. (1993), Psychological Science 4:401–405, doi:10.1111/j.1467-9280.1993.tb00589.x;
    Alaybek et al. (2022), Organizational Behavior and Human Decision Processes 170:104149,
    doi:10.1016/j.obhdp.2022.104149; Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics
    15:657–680, doi:10.1007/BF01068419 (two one-sided tests).

    Examples
    --------
    Made-up journeys that are remembered by half mean, a quarter peak and a quarter end.

    >>> import numpy as np
    >>> import pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> steps = pd.DataFrame(
    ...     {
    ...         "journey_id": np.repeat(np.arange(200), 4),
    ...         "customer_id": np.repeat(np.arange(200), 4),
    ...         "ts": np.tile(range(4), 200),
    ...         "valence": rng.normal(size=800),
    ...     }
    ... )
    >>> felt = steps.groupby("journey_id")["valence"]
    >>> peak = felt.transform(lambda each: each.loc[each.abs().idxmax()])
    >>> end = felt.transform("last")
    >>> steps["remembered"] = 0.5 * felt.transform("mean") + 0.25 * peak + 0.25 * end
    >>> steps["remembered"] += np.repeat(0.1 * rng.normal(size=200), 4)
    >>> steps.loc[steps["journey_id"] % 3 == 0, "valence"] = steps["valence"].where(steps["ts"] > 0)
    >>> peak_end(steps, remembered_column="remembered").table[["term", "n", "estimate"]].round(1)
        term    n  estimate
    0   mean  200       0.5
    1   peak  200       0.2
    2    end  200       0.2
    3  steps  200       0.0
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    negligible = _arguments.share(negligible, name="negligible")
    controls = grouping(control_columns, _TERMS, name="control_columns")
    order_columns = [order_column] if isinstance(order_column, str) else order_column
    names = [f"control_{i}" for i in range(len(controls))]
    rated, places, n_unrated = adopt_steps(
        steps,
        customer_column=customer_column,
        journey_column=journey_column,
        order_columns=_arguments.names(order_columns, name="order_column"),
        rating_column=rating_column,
        others={
            "remembered": (remembered_column, "number"),
            **{name: (column, "number") for name, column in zip(names, controls, strict=True)},
        },
    )
    products, n_missing = journey_products(rated, places, neutral=float(neutral), controls=names)
    refuse_few_customers(len(products))
    refuse_constant_outcome(products, remembered_column)
    try:
        fit = linear.clustered(products)
    except np.linalg.LinAlgError:
        raise EstimationError(
            "Mean, peak, end, number of steps and controls determine one another in these journeys (all of "
            "one length, of one step, or a control that never varies); give journeys of different lengths."
        ) from None
    terms = [*_TERMS, *controls]
    table = pd.DataFrame({"term": terms, "n": fit.n})
    for name, values in fit.contrast(np.eye(len(terms) + 1)[1:], conf_level).items():
        table[name] = values
    table["unit"], table["note"] = "scale points", ""
    table["n_customers"], table["n_missing"] = fit.n_customers, n_missing
    return Estimates(
        table=table,
        estimand="Change of the remembered rating with one unit more of each, the others held constant",
        method="Least squares, errors clustered by customer (Liang & Zeger 1986, doi:10.1093/biomet/73.1.13)",
        assumptions=(
            "Remembering adds up mean, peak and end in a straight line.",
            "The ratings of steps are without error: noise shrinks the weights of peak and end most."
            + (f" {n_unrated:,} steps without a rating are left out." if n_unrated else ""),
            "Who remembers well is not otherwise different: nothing was randomised.",
        ),
        conf_level=conf_level,
        details={"tests": _tests(fit, negligible), "fit": pd.DataFrame({"r2": [fit.r2]})},
    )


def _tests(fit: linear.Fit, negligible: float) -> pd.DataFrame:
    rows = np.eye(len(fit.beta))
    f, p_peak_end = fit.wald(rows[[2, 3]])
    steps = fit.contrast(rows[4], 0.9)
    slope, error = float(steps["estimate"][0]), float(steps["std_error"][0])
    margin = negligible * fit.outcome_sd
    nearest = min(margin - slope, slope + margin) / max(error, 1e-300)
    p_neglect = float(special.stdtr(fit.n_customers - 1, -nearest))
    said = f"a step more changes the remembered rating by less than ±{margin:.2g}"
    return tidy(
        pd.DataFrame(
            {
                "term": ["peak and end add to the mean", "duration counts", "duration neglect"],
                "n": fit.n,
                "estimate": [np.nan, slope, slope],
                "statistic": [f, float(steps["statistic"][0]), nearest],
                "p_value": [p_peak_end, float(steps["p_value"][0]), p_neglect],
                "note": ["F, both weights zero", "t, weight of a step zero", said],
            }
        )
    )
