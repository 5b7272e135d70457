"""How far is the respondents' NPS from everybody's? The bias as an identity."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError, DataError
from cxmeasure.results import Estimates
from cxmeasure.survey.clustering import customers, over_customers, quantile
from cxmeasure.survey.moments import defined
from cxmeasure.survey.reduce import tally_answers

_CLASSES = ("promoter", "passive", "detractor")
_STEP = 1e-30


def nps_bias(
    invitations: Any = None,
    *,
    score_column: str = "ltr",
    responded_column: str = "has_answered",
    weight_column: str | None = None,
    cluster_column: str | None = None,
    shares: Mapping[str, float] | None = None,
    rates: Mapping[str, float] | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Split the bias of the NPS into amplification and tilt: observed = true × amplification + tilt.

    Amplification is how much more often the two poles answer than everybody; tilt is what promoters answering
    more often than detractors adds. A U-shaped response amplifies; only asymmetry tilts.

    Parameters
    ----------
    invitations : frame or str, optional
        One row an invitation, with the score of everybody: known because the company is simulated, or
        because a follow-up asked those who had not answered.
    score_column, responded_column, weight_column : str
        Its columns: scores 0–10, whether the first invitation was answered, weights.
    cluster_column : str, optional
        Whose invitation it is, where one customer may have several: errors are then those of sums over
        customers (one row a customer is taken out of the engine), or over invitations where that is larger.
    shares, rates : mapping, optional
        Instead of a table, what is assumed: the share and the response rate of each ``promoter``,
        ``passive`` and ``detractor``. One share may be left out. No interval then.
    conf_level : float
        Level of the intervals, in 0–1.

    Returns
    -------
    Estimates
        The terms ``true``, ``amplification``, ``tilt``, ``observed`` and ``bias``; ``details["classes"]`` has
        the share and the rate of each class.

    Raises
    ------
    ArgumentError, TableError, DataError
        If neither or both are given, shares do not add up, or a class has nobody.

    Notes
    -----
    With r̄ the response rate, p the shares and r the rates: amplification = (r_P + r_D)/2 ÷ r̄, tilt =
    (p_P + p_D)(r_P − r_D)/2 ÷ r̄. It is elementary algebra, the NPS form of "bias = covariance of propensity
    and score over mean propensity", and holds exactly. Intervals are linearised.

    References
    ----------
    Bethlehem (1988), Journal of Official Statistics 4:251–260 (no DOI; the general form).

    Examples
    --------
    Promoters answer more often than detractors: 20.5 observed where 4.0 is true.

    >>> result = nps_bias(
    ...     shares={"promoter": 0.38, "detractor": 0.34},
    ...     rates={"promoter": 0.36, "passive": 0.18, "detractor": 0.24},
    ... )
    >>> result.table[["term", "estimate"]].round(3).to_numpy().tolist()
    [['true', 4.0], ['amplification', 1.116], ['tilt', 16.071], ['observed', 20.536], ['bias', 16.536]]
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    if (invitations is None) == (shares is None or rates is None):
        raise ArgumentError(
            "Give either the invitations, or shares= and rates=; received both or too little."
        )
    n_customers = None
    if invitations is None:
        cells = _assumed(shares or {}, rates or {})
        estimates, errors, n = _identity(cells), np.full(5, np.nan), 0
    else:
        cells, squares, n = _counted(invitations, score_column, responded_column, weight_column)
        gradients = _gradients(cells)
        estimates, errors = _identity(cells), np.sqrt((gradients**2 * squares.ravel()).sum(axis=1))
        if cluster_column is not None:
            choices = {"score_column": score_column, "weight_column": weight_column}
            over, n_customers = _over_customers(
                invitations, gradients, responded_column, cluster_column, choices
            )
            errors = np.maximum(errors, over)
    half = quantile(conf_level, n_customers) * errors
    scale = np.array([100, 1, 100, 100, 100])
    table = pd.DataFrame(
        {
            "term": ["true", "amplification", "tilt", "observed", "bias"],
            "n": n if n else pd.NA,
            "estimate": estimates * scale,
            "std_error": errors * scale,
            "conf_low": (estimates - half) * scale,
            "conf_high": (estimates + half) * scale,
            "unit": ["points", "ratio", "points", "points", "points"],
            "note": "" if n else "of the shares and rates assumed",
        }
    )
    return Estimates(
        table=table,
        estimand="NPS of those who answered, as NPS of everybody × amplification + tilt",
        method="Amplification–tilt identity; linearised intervals",
        assumptions=(
            "The scores of those who did not answer are known: simulated, or asked for afterwards.",
            "An identity says what the bias is, not why.",
        ),
        conf_level=conf_level,
        details={"classes": _classes(cells)},
    )


def _identity(cells: Floats) -> Floats:
    """Return true, amplification, tilt, observed and bias from shares of class × (answered, silent)."""
    share, answered = cells.sum(axis=1), cells[:, 0]
    rate, everyone = answered / share, answered.sum()
    true = share[0] - share[2]
    amplification = (rate[0] + rate[2]) / 2 / everyone
    tilt = (share[0] + share[2]) * (rate[0] - rate[2]) / 2 / everyone
    observed = (answered[0] - answered[2]) / everyone
    found: Floats = np.array([true, amplification, tilt, observed, observed - true])
    return found


def _gradients(cells: Floats) -> Floats:
    """Return the derivatives (terms × cells) by a complex step, exact to the last bits."""
    gradients = np.empty((5, cells.size))
    for position in range(cells.size):
        moved = cells.astype(complex)
        moved.flat[position] += _STEP * 1j
        # The shares are of one total: moving one moves the total.
        gradients[:, position] = (_identity(moved / moved.sum()).imag) / _STEP
    return gradients


def _over_customers(
    invitations: Any,
    gradients: Floats,
    responded_column: str,
    cluster_column: str,
    choices: Mapping[str, Any],
) -> tuple[Floats, int]:
    """Return the standard errors of sums over customers, and how many customers there are."""
    tally = tally_answers(
        invitations, defined("nps", None, None).coding, by=[responded_column, cluster_column], **choices
    )
    codes = customers(tally["by_1"], cluster_column)
    w, first, second = (tally[name].to_numpy(float) for name in ("w", "wf", "wff"))
    classes = np.column_stack([(second + first) / 2, w - second, (second - first) / 2])
    # The cells are class × (answered, silent).
    side = np.where(tally["by_0"].astype(float) == 1, 0, 1)
    influence = np.einsum("rc,tcr->rt", classes, gradients.reshape(len(gradients), 3, 2)[:, :, side])
    return np.sqrt(over_customers(influence / w.sum(), codes)), int(codes.max()) + 1


def _assumed(shares: Mapping[str, float], rates: Mapping[str, float]) -> Floats:
    absent = [name for name in _CLASSES if name not in shares]
    share = dict(shares)
    if len(absent) == 1:
        share[absent[0]] = 1 - sum(shares.values())
    p, r = (np.array([given.get(name, np.nan) for name in _CLASSES], dtype=float) for given in (share, rates))
    if set(share) != set(_CLASSES) or not (abs(p.sum() - 1) < 1e-9 and (p > 0).all()):
        raise ArgumentError(
            f"shares={dict(shares)!r} must be those of promoter, passive and detractor, each above zero, "
            "and add up to 1."
        )
    if set(rates) != set(_CLASSES) or not ((r > 0) & (r <= 1)).all():
        raise ArgumentError(
            f"rates={dict(rates)!r} must be those of promoter, passive and detractor, each above 0 and at "
            "most 1."
        )
    return np.column_stack([p * r, p * (1 - r)])


def _counted(
    invitations: Any, score_column: str, responded_column: str, weight_column: str | None
) -> tuple[Floats, Floats, int]:
    """Return shares of class × (answered, silent), Σw² of each over (Σw)², and how many there are."""
    tally = tally_answers(
        invitations,
        defined("nps", None, None).coding,
        score_column=score_column,
        by=[responded_column],
        by_kind="flag",
        weight_column=weight_column,
    )
    if tally["n_missing"].sum() or tally["by_0"].isna().any():
        raise DataError(
            f"{score_column!r} or {responded_column!r} is missing for some invitations: the identity needs "
            "the score of everybody. With respondents' scores only, see worst_case_bounds and sensitivity."
        )
    sides = [tally[tally["by_0"].astype(float) == side] for side in (1.0, 0.0)]
    weight = np.column_stack([_by_class(side, "w") for side in sides])
    square = np.column_stack([_by_class(side, "w2") for side in sides])
    for name, (answered, silent) in zip(_CLASSES, weight, strict=True):
        if not answered + silent > 0:
            raise DataError(f"Nobody invited is a {name}; its response rate is not defined.")
    if not weight[:, 0].sum() > 0:
        raise DataError("Nobody answered; there is no observed score to explain.")
    return weight / weight.sum(), square / weight.sum() ** 2, int(tally["n"].sum())


def _by_class(side: pd.DataFrame, power: str) -> Floats:
    """Return Σw or Σw² of promoters, passives and detractors, from the sums of the coded value."""
    whole, first, second = (float(side[f"{power}{suffix}"].sum()) for suffix in ("", "f", "ff"))
    return np.array([(second + first) / 2, whole - second, (second - first) / 2])


def _classes(cells: Floats) -> pd.DataFrame:
    share = cells.sum(axis=1)
    return pd.DataFrame({"class": _CLASSES, "share": share, "response_rate": cells[:, 0] / share})
