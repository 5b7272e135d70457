"""Was it as expected? The paired gap, and how expectation and experience together make the outcome."""

from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats import linear
from cxmeasure.errors import ArgumentError, EstimationError
from cxmeasure.results import Estimates, tidy
from cxmeasure.touchpoints.reduce.journeys import refuse_constant_outcome, refuse_few_customers
from cxmeasure.touchpoints.reduce.rows import complete, gap_products

_SURFACE = {
    "expectation": (1, 0, 0, 0, 0),
    "experience": (0, 1, 0, 0, 0),
    "expectation²": (0, 0, 1, 0, 0),
    "expectation × experience": (0, 0, 0, 1, 0),
    "experience²": (0, 0, 0, 0, 1),
    "slope where they agree (a1)": (1, 1, 0, 0, 0),
    "curve where they agree (a2)": (0, 0, 1, 1, 1),
    "slope where they part (a3)": (1, -1, 0, 0, 0),
    "curve where they part (a4)": (0, 0, 1, -1, 1),
}


def expectation_gap(
    answers: Any,
    *,
    expectation_column: str = "expectation_before",
    experience_column: str = "performance",
    outcome: str | None = None,
    customer_column: str = "customer_id",
    neutral: float = 0.0,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate the gap between experience and expectation, and the outcome as a surface over both.

    Parameters
    ----------
    answers : frame or str
        One row a contact with an expectation asked before and an experience asked after, on one scale.
        Rows with one of the two only are left out and counted: unpaired answers have no gap.
    expectation_column, experience_column : str
        The two ratings.
    outcome : str, optional
        What may follow from both, such as satisfaction.
    customer_column : str
        Whose answer it is (whole numbers or text).
    neutral : float
        Middle of the scale of the two ratings; the surface is described there.
    conf_level : float
        Level of the intervals, in 0–1.

    Returns
    -------
    Estimates
        First row ``gap``: mean of experience − expectation. With an outcome, also the five coefficients of
        the quadratic surface and its four shape numbers: slope and curve along the line where both agree
        (a1, a2) and along the line where they part (a3, a4; expectation up, experience down). Besides the
        usual columns ``n_customers`` and ``n_missing``. ``details["tests"]`` says whether a difference
        score would do, and whether a plane would.

    Raises
    ------
    ArgumentError, TableError, DataError
        If columns are named twice, missing or hold no numbers, or no row has both ratings.
    EstimationError
        If there are fewer than ten customers, or too few different ratings for a surface.

    Notes
    -----
    A difference score ties the two slopes to be equal and opposite, and hides when the experience alone
    does the work. Least squares with errors clustered by customer, from cross-products summed in the
    engine that holds the rows. Being asked for an expectation may itself change the experience.

    References
    ----------
    Edwards & Parry (1993), Academy of Management Journal 36:1577–1613, doi:10.5465/256822;
    Liang & Zeger (1986), Biometrika 73:13–22, doi:10.1093/biomet/73.1.13.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> diary = pd.DataFrame({"customer_id": range(400), "expectation_before": rng.integers(-3, 4, 400)})
    >>> diary["performance"] = rng.integers(-3, 4, 400)
    >>> diary["satisfaction"] = diary["performance"] - 0.5 * diary["expectation_before"]
    >>> diary["satisfaction"] += rng.normal(size=400)
    >>> found = expectation_gap(diary, outcome="satisfaction")
    >>> found.table[["term", "estimate"]].round(1).iloc[[1, 2, 6, 8]]
                              term  estimate
    1                  expectation      -0.5
    2                   experience       1.0
    6  slope where they agree (a1)       0.5
    8   slope where they part (a3)      -1.6
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    variables = [expectation_column, experience_column, *([outcome] if outcome is not None else [])]
    if len(set(variables)) < len(variables):
        raise ArgumentError(f"{variables!r}: expectation, experience and outcome must be different columns.")
    rows, n_missing = complete(answers, variables, customer_column, name="answers")
    gaps, products = gap_products(rows, neutral=float(neutral), has_outcome=outcome is not None)
    refuse_few_customers(len(gaps))
    gap = linear.clustered(gaps)
    table = pd.DataFrame({"term": ["gap"], "n": gap.n, **gap.contrast(np.ones(1), conf_level)})
    details = {}
    if products is not None and outcome is not None:
        refuse_constant_outcome(products, outcome)
        fit = _surface(products)
        shape = np.pad(np.array(list(_SURFACE.values()), dtype=float), ((0, 0), (1, 0)))
        surface = pd.DataFrame({"term": list(_SURFACE), "n": fit.n, **fit.contrast(shape, conf_level)})
        table = pd.concat([table, surface], ignore_index=True)
        details["tests"] = _tests(fit)
    few = "fewer than 100 pairs" if gap.n < 100 else ""
    return Estimates(
        table=table.assign(unit="scale points", note=few, n_customers=gap.n_customers, n_missing=n_missing),
        estimand="Mean of experience − expectation of the contacts with both"
        + (f", and the surface of {outcome!r} over both" if outcome is not None else ""),
        method="Paired mean and quadratic response surface, errors clustered by customer "
        "(Edwards & Parry 1993, doi:10.5465/256822)",
        assumptions=(
            "Expectation and experience are given on one scale.",
            "Asking for the expectation did not change the experience.",
            "The ratings are without error: noise shrinks slopes and mixes the two.",
        ),
        conf_level=conf_level,
        details=details,
    )


def _surface(products: Any) -> linear.Fit:
    try:
        return linear.clustered(products)
    except np.linalg.LinAlgError:
        raise EstimationError(
            "A surface takes at least three different expectations and experiences that do not determine "
            "one another; leave out outcome= to have the gap alone."
        ) from None


def _tests(fit: linear.Fit) -> pd.DataFrame:
    quadratic = np.eye(6)[3:]
    opposite = np.array([[0, 1, 1, 0, 0, 0.0]])
    difference, plane = fit.wald(np.vstack([opposite, quadratic])), fit.wald(quadratic)
    return tidy(
        pd.DataFrame(
            {
                "term": ["a difference score would do", "a plane would do"],
                "n": fit.n,
                "statistic": [difference[0], plane[0]],
                "p_value": [difference[1], plane[1]],
                "note": ["F; small p: it would not", "F; small p: it would not"],
            }
        )
    )
