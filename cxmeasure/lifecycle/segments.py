"""Who bought lately, often, and for much? Customers sorted by recency, frequency and value."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats import intervals
from cxmeasure.lifecycle.calendar_days import day_of
from cxmeasure.lifecycle.reduce import handed_back
from cxmeasure.lifecycle.reduce.quintiles import SEGMENTS, scored_customers
from cxmeasure.results import Estimates, Scores


def rfm_segments(
    purchases: Any,
    *,
    value_column: str,
    customer_column: str = "customer_id",
    time_column: str = "ts",
    observed_until: date | str | None = None,
    conf_level: float = 0.95,
) -> Scores:
    """Sort customers by how lately, how often, and for how much they buy.

    Parameters
    ----------
    purchases : frame or str
        One row a purchase, in any order. Those of a customer on the same day are one.
    value_column : str
        What was paid, zero or more.
    customer_column, time_column : str
        The customer (whole numbers or text), and the time without a zone.
    observed_until : date or str, optional
        Last day observed; by default that of the latest purchase.
    conf_level : float
        Level of the intervals, in 0–1.

    Returns
    -------
    Scores
        ``rows``: one row a customer, in the engine the purchases came in: ``days_since`` the last
        purchase, ``n_purchases``, ``value_per_purchase``; ``recency_score``, ``frequency_score`` and
        ``value_score``, 1 to 5, where 5 is latest, most often and most; and ``segment``. ``summary``:
        each segment's share, with ``n`` all customers and ``n_here`` its own; ``details["cuts"]``: the
        measures' quintiles.

    Raises
    ------
    ArgumentError, TableError, DataError
        If a choice is unknown, a column is missing or of the wrong type, or a value cannot be used.

    Notes
    -----
    A score is one more than the number of quintiles of all customers that lie below the customer's
    measure, so equal measures have equal scores, and groups of scores are not equally large where many
    are equal. ``segment`` joins how lately (score 4–5 recent, 2–3 cooling, 1 quiet) with how much (large
    where the other two scores add up to 7 or more). The names describe the past; whether they say
    anything of the future is for `segment_stability`.

    References
    ----------
    Bult & Wansbeek (1995), Marketing Science 14:378–394, doi:10.1287/mksc.14.4.378 (recency, frequency
    and value in mailing).

    Examples
    --------
    By hand: customer k bought k times, last on day k of February, for k each time.

    >>> import pandas as pd
    >>> purchases = pd.DataFrame({"customer_id": [k for k in range(1, 6) for _ in range(k)]})
    >>> purchases["paid"] = purchases["customer_id"] * 1.0
    >>> back = purchases.groupby("customer_id").cumcount()
    >>> purchases["ts"] = pd.Timestamp("2024-02-01") + pd.to_timedelta(
    ...     purchases["customer_id"] - 7 * back, unit="D"
    ... )
    >>> scores = rfm_segments(purchases, value_column="paid")
    >>> scores.rows[["customer_id", "recency_score", "frequency_score", "value_score", "segment"]]
       customer_id  recency_score  frequency_score  value_score         segment
    0            1              1                1            1    quiet, small
    1            2              2                2            2  cooling, small
    2            3              3                3            3  cooling, small
    3            4              4                4            4   recent, large
    4            5              5                5            5   recent, large
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    rows, tally, cuts = scored_customers(
        purchases,
        customer_column=customer_column,
        time_column=time_column,
        value_column=value_column,
        observed_until=day_of(observed_until, name="observed_until"),
    )
    here = tally.set_index("segment")["n"].reindex(list(SEGMENTS), fill_value=0).to_numpy(dtype=float)
    n = here.sum()
    share = here / n
    low, high = intervals.wilson(here, np.full(len(here), n), conf_level)
    table = pd.DataFrame(
        {
            "segment": list(SEGMENTS),
            "term": "segment_share",
            "n": int(n),
            "estimate": share,
            "std_error": np.sqrt(share * (1 - share) / n),
            "conf_low": low,
            "conf_high": high,
            "unit": "share",
            "n_here": here.astype(np.int64),
        }
    )
    summary = Estimates(
        table=table,
        estimand="Share of customers like these in each segment, at the cuts found here",
        method="Quintiles of recency, frequency and value (Bult & Wansbeek 1995, "
        "doi:10.1287/mksc.14.4.378), Wilson interval",
        assumptions=(
            "The customers are a sample of customers like them, independent of one another.",
            "The cuts are kept: cut anew, each score would have about a fifth of the customers again.",
            "A segment is a summary of the past; that it says more is not assumed.",
        ),
        conf_level=conf_level,
        details={"cuts": cuts.reset_index()},
    )
    return Scores(rows=handed_back(rows, purchases), summary=summary)
