"""Are those who answered like those who were asked, category by category? Covariate balance."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from cxmeasure import _arguments
from cxmeasure._stats import intervals
from cxmeasure.errors import DataError
from cxmeasure.results import Estimates
from cxmeasure.survey.answering import labelled
from cxmeasure.survey.reduce import group_keys, tally_cells


def covariate_balance(
    invitations: Any,
    *,
    covariate_columns: Sequence[str],
    responded_column: str = "has_answered",
    weight_column: str | None = None,
    invited_column: str | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Compare those who answered with all who were invited, category by category.

    Parameters
    ----------
    invitations, covariate_columns, responded_column, weight_column, invited_column, conf_level
        As in `r_indicator`; weights matter by their ratios only.

    Returns
    -------
    Estimates
        The columns ``variable`` and ``category``, then the term ``share gap``: the category's share of
        the respondents less its share of the invited, in 0–1. Besides the usual columns:
        ``share_invited``, ``share_responded``, and ``standardised_gap``, the gap over √(p(1 − p)) of the
        invited; beyond ±0.1 is by custom worth a look.

    Raises
    ------
    ArgumentError, TableError, DataError
        If a column cannot be used, nobody was invited, or nobody answered.

    Notes
    -----
    The interval is Wald's on the difference between those who answered and those who did not, times the
    share who did not: the gap to all invited is that part of it.

    References
    ----------
    Austin (2009), Statistics in Medicine 28:3083–3107, doi:10.1002/sim.3697 (standardised differences).

    Examples
    --------
    By hand: of 40 answers 20 are pro, of 150 invited 50 are: .5 − .3333.

    >>> import pandas as pd
    >>> cells = pd.DataFrame({"plan": ["basic", "pro"], "invited": [100, 50], "answered": [20, 20]})
    >>> result = covariate_balance(
    ...     cells, covariate_columns=["plan"], invited_column="invited", responded_column="answered"
    ... )
    >>> result.table[["category", "estimate", "share_invited", "standardised_gap"]].round(4)
      category  estimate  share_invited  standardised_gap
    0    basic   -0.1667         0.6667           -0.3536
    1      pro    0.1667         0.3333            0.3536
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    covariates = _arguments.names(covariate_columns, name="covariate_columns")
    cells = tally_cells(
        invitations,
        by=covariates,
        responded_column=responded_column,
        weight_column=weight_column,
        invited_column=invited_column,
    )
    if cells["ws"].sum() == 0:
        raise DataError(f"Nobody of the {cells['n'].sum():,} invited answered; there is nobody to compare.")
    keys = dict(zip(group_keys(covariates), covariates, strict=True))
    table = pd.concat(
        [_balance(cells, key, column, conf_level) for key, column in keys.items()], ignore_index=True
    )
    return Estimates(
        table=table.assign(term="share gap", n=int(cells["s"].sum()), unit="share"),
        estimand="Share of a category among those who answered, less its share among all invited",
        method="Difference of shares with a Wald interval; standardised as in Austin (2009)",
        assumptions=(
            "Invitations are answered independently of one another.",
            "Balance on what is recorded is no proof of balance on satisfaction.",
        ),
        conf_level=conf_level,
    )


def _balance(cells: pd.DataFrame, key: str, column: str, conf_level: float) -> pd.DataFrame:
    codes, labels = labelled(cells[key])
    everyone, answered, squares, answered_squares = (
        np.bincount(codes, weights=cells[name]) for name in ("w", "ws", "w2", "w2s")
    )
    all_w, all_ws = everyone.sum(), answered.sum()
    invited, responded = everyone / all_w, answered / all_ws
    silent = everyone - answered
    with np.errstate(divide="ignore", invalid="ignore"):
        others = silent / silent.sum()
        # A weighted share of n answers varies as one of (Σw)²/Σw² equal ones.
        by_answers = responded * (1 - responded) * answered_squares.sum() / all_ws**2
        by_silent = others * (1 - others) * (squares - answered_squares).sum() / silent.sum() ** 2
        error = np.where(silent.sum() > 0, (1 - all_ws / all_w) * np.sqrt(by_answers + by_silent), 0.0)
        gap = responded - invited
        statistic = gap / error
        standardised = gap / np.sqrt(invited * (1 - invited))
    half = intervals.z_value(conf_level) * error
    return pd.DataFrame(
        {
            "variable": column,
            "category": labels,
            "term": "share gap",
            "estimate": gap,
            "std_error": error,
            "statistic": statistic,
            "p_value": 2 * special.ndtr(-np.abs(statistic)),
            "conf_low": np.clip(gap - half, -1, 1),
            "conf_high": np.clip(gap + half, -1, 1),
            "note": "",
            "share_invited": invited,
            "share_responded": responded,
            "standardised_gap": standardised,
        }
    )
