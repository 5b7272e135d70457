"""Why do customers go? The share that has left for each reason, competing with the others."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure.errors import EstimationError
from cxmeasure.lifecycle import counting
from cxmeasure.lifecycle.course import ALIKE, LATE, filled, opened
from cxmeasure.lifecycle.reduce import THERE
from cxmeasure.results import Estimates


def cumulative_incidence(
    stays: Any,
    *,
    customer_column: str = "customer_id",
    start_column: str = "start_date",
    end_column: str = "end_date",
    reason_column: str = "reason",
    by: Sequence[str] = (),
    every: str = "day",
    observed_from: date | str | None = None,
    observed_until: date | str | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate the share of customers who have left for each reason k periods after they came.

    Parameters
    ----------
    stays : frame or str
        One row a stay. A missing end means still there; a reason counts where there is an end, and a
        missing one is called ``(none given)``.
    customer_column, start_column, end_column, reason_column : str
        The customer; the first day there, and the first day away; why, as text.
    by : sequence of str
        Columns that split the customers further.
    every : {"day", "week", "month"}
        The period: days, weeks of seven, or mean months of 30.4 days since the start.
    observed_from : date or str, optional
        First day on which leaving was recorded. Who had come before enters late, with the tenure reached.
    observed_until : date or str, optional
        Last day on which leaving would be known; by default the latest date in the table.
    conf_level : float
        Level of the interval, in 0–1.

    Returns
    -------
    Estimates
        One row a group × ``reason`` × ``period`` in which anyone left, with ``n`` stays, ``n_at_risk``,
        and ``n_left`` for this reason. A further reason ``(still there)`` is what the others leave.
        ``details["scope"]``: rows used, and those never at risk.

    Raises
    ------
    ArgumentError, TableError, DataError, EstimationError
        As `state_probabilities`.

    Notes
    -----
    One minus Kaplan–Meier for one reason, with the others as censoring, would say what happened if nobody
    left for another: it is too high for what does happen. Here reasons and those still there sum to one.

    References
    ----------
    Aalen & Johansen (1978), Scandinavian Journal of Statistics 5:141–150 (no DOI);
    Choudhury (2002), Statistics in Medicine 21:1129–1144, doi:10.1002/sim.1098.

    Examples
    --------
    By hand: of four, one leaves over the price on day 10; of three, one over quality on day 20.

    >>> import pandas as pd
    >>> stays = pd.DataFrame({
    ...     "customer_id": [1, 2, 3, 4],
    ...     "start_date": pd.to_datetime(["2024-01-01"] * 4),
    ...     "end_date": pd.to_datetime(["2024-01-11", "2024-01-21", None, None]),
    ...     "reason": ["price", "quality", None, None],
    ... })
    >>> result = cumulative_incidence(stays, observed_until="2024-03-31")
    >>> result.table[["reason", "period", "estimate", "n_at_risk", "n_left"]]
              reason  period  estimate  n_at_risk  n_left
    0          price      10      0.25          4       1
    1          price      20      0.25          3       0
    2        quality      10      0.00          4       0
    3        quality      20      0.25          3       1
    4  (still there)      10      0.75          4       0
    5  (still there)      20      0.50          3       0
    """
    course = opened(
        stays,
        (customer_column, reason_column, start_column, end_column),
        by,
        every,
        observed_from,
        observed_until,
        is_tenure=False,
        conf_level=conf_level,
        is_reason=True,
    )
    begin = np.zeros((len(course.groups), len(course.states)))
    begin[:, 0] = 1.0
    p, covariance = counting.aalen_johansen(course.at_risk, course.moves, begin, course.begins[:, 0] * 0)
    variance = np.diagonal(covariance, axis1=2, axis2=3)
    left = course.moves[:, :, 0, :]
    any_left = left.sum(axis=(0, 2)) > 0
    if not any_left.any():
        raise EstimationError("Nobody left while observed; there is no reason to count.")
    order = [*range(1, len(course.states)), 0]
    shown = p[:, 1:][:, :, order].transpose(0, 2, 1)
    is_shown = ~np.isnan(shown) & any_left
    group, reason, at = np.nonzero(is_shown)
    names = np.asarray([*course.states[1:], THERE], dtype=object)
    table = course.groups.iloc[group].reset_index(drop=True).assign(term="cumulative_incidence")
    table["n"] = course.begins[group, 0]
    risk = course.at_risk[:, :, 0][group, at]
    spread = variance[:, 1:][:, :, order].transpose(0, 2, 1)[is_shown]
    table = filled(table, shown[is_shown], spread, risk, conf_level)
    table["reason"], table["period"], table["n_at_risk"] = names[reason], at + 1, risk
    gone = left[:, :, order].transpose(0, 2, 1)
    table["n_left"] = np.where(names[reason] == THERE, 0, gone[group, reason, at])
    return Estimates(
        table=table,
        estimand=f"Share of customers who have left for each reason k {every}s after they came",
        method="Aalen–Johansen (1978), variance as Choudhury (2002), doi:10.1002/sim.1098",
        assumptions=(
            "Customers leave independently of one another.",
            ALIKE,
            "Each leaves for the one reason that is stated; what people misreport is not corrected.",
            *([LATE] if course.is_late else []),
        ),
        conf_level=conf_level,
        details={"scope": pd.DataFrame([course.dropped])},
    )
