"""Which contacts decide? Reach × effect × gap of touchpoints, and whether it holds in other customers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats import resample
from cxmeasure._stats.intervals import Floats, t_value
from cxmeasure.errors import ArgumentError, EstimationError
from cxmeasure.results import Estimates, tidy
from cxmeasure.touchpoints import consequences
from cxmeasure.touchpoints.grouping import generator
from cxmeasure.touchpoints.reduce.contacts import Consequences, tally_contacts
from cxmeasure.touchpoints.reduce.journeys import refuse_few_customers

_FEWEST_A_SIDE = 10
_FEWEST_EXPECTED = 10
_SPLIT = ("found and tested in the same half", "tested in the other half", "flattery", "rank correlation")


def moments_of_truth(
    contacts: Any,
    *,
    outcome_column: str,
    shortfall_column: str = "failed",
    exposure_column: str | None = None,
    control_columns: Sequence[str] = (),
    touchpoint_column: str = "touchpoint",
    customer_column: str = "customer_id",
    k: int = 5,
    n_draws: int = 2000,
    n_splits: int = 200,
    rng: np.random.Generator | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate what follows from the shortfalls of each touchpoint: reach × effect × gap.

    Parameters
    ----------
    contacts : frame or str
        One row a contact. Rows with a missing value in a column used are left out and counted.
    outcome_column : str
        What followed the contact: a number, or whether it happened (such as leaving within 90 days).
    shortfall_column : str
        Whether the contact went badly, or by how much it fell short of what it should be (0 if it did
        not), such as best rating less rating.
    exposure_column : str, optional
        Days in which the outcome could happen and was watched, above zero. Then effects are on the rate
        a day: the hazard.
    control_columns : sequence of str
        Numbers, or true and false, that are held constant: what went before the contact.
    touchpoint_column, customer_column : str
        What was touched, and who touched it (whole numbers or text).
    k : int
        How many touchpoints deserve attention.
    n_draws, n_splits : int
        Draws for ranks and for the comparison with chance; halvings of the customers.
    rng : numpy.random.Generator, optional
        Give one to get the same draws again.
    conf_level : float
        Level of the intervals, in 0–1.

    Returns
    -------
    Estimates
        One row a touchpoint: `estimate` is its consequence, how much of the outcome a customer comes with
        its shortfalls (with `exposure_column` also: outcomes a customer). Besides the usual columns:
        ``reach`` (contacts, or days watched, a customer), ``effect`` of a shortfall of one with
        ``effect_low`` and ``effect_high``, and ``gap``, the mean shortfall; `p_value` says whether the
        effect is zero, ``is_found`` whether it is not, with false findings held at 1 − `conf_level`;
        ``rank`` by size with ``rank_low`` and ``rank_high``, ``probability_first`` (among the `k` largest)
        and ``confirmed_share`` (of the halvings in which it is among the `k` largest of both halves);
        ``n_missing``. ``details["all"]`` is the effect, if it is one for all touchpoints;
        ``details["gini"]`` the Gini coefficient of the consequences, against one effect for all;
        ``details["split"]`` what becomes of the first `k` of one half in the other; with
        `exposure_column` ``details["hazard"]``, the ratio of the outcome's rate after a shortfall of one to
        that without. ``draws`` has shape (n_draws, touchpoints).

    Raises
    ------
    ArgumentError, TableError, DataError
        If a choice is out of range, a column is missing, of the wrong type or named twice, a value is
        infinite, or an exposure is not above zero.
    EstimationError
        If there are fewer than ten customers, or no touchpoint has ten contacts, and ten expected outcomes
        other than zero, on either side of its mean shortfall. Where only some lack them, their rows are
        without an estimate and say so.

    Notes
    -----
    Least squares within each touchpoint, with an intercept and slopes of its own, so that customers of
    different touchpoints are not compared; with an exposure these are additive hazards of a constant
    baseline (Lin & Ying). Errors and draws come from the influence of (at most 200 buckets of)
    customers, and are never smaller than the conventional ones. Chance is drawn by giving each bucket's
    distance from the common effect a random sign. Who is chosen for being largest is too large: believe
    ``details["split"]``.

    References
    ----------
    Lin & Ying (1994), Biometrika 81:61–71, doi:10.1093/biomet/81.1.61; Benjamini & Hochberg (1995),
    Journal of the Royal Statistical Society B 57:289–300, doi:10.1111/j.2517-6161.1995.tb02031.x; Canay,
    Romano & Shaikh (2017), Econometrica 85:1013–1030, doi:10.3982/ECTA13081.

    Examples
    --------
    Of eighty calls half go badly, after twenty of which somebody leaves; of the others after four. By
    hand: 2 calls a customer × (20/40 − 4/40) × 40/80 = 0.4.

    >>> import pandas as pd
    >>> calls = pd.DataFrame({"customer_id": [i // 2 for i in range(80)], "touchpoint": "call"})
    >>> calls["failed"] = [i % 2 == 0 for i in range(80)]
    >>> calls["left"] = [i in (*range(0, 40, 2), 1, 3, 5, 7) for i in range(80)]
    >>> found = moments_of_truth(calls, outcome_column="left", n_splits=0)
    >>> found.table[["term", "n", "estimate", "reach", "effect", "gap"]].round(2)
       term   n  estimate  reach  effect   gap
    0  call  80       0.4    2.0     0.4  0.5
    """
    k = _arguments.whole(k, name="k", at_least=1)
    n_draws = _arguments.whole(n_draws, name="n_draws", at_least=2)
    n_splits = _arguments.whole(n_splits, name="n_splits", at_least=0)
    conf_level = _arguments.share(conf_level, name="conf_level")
    controls = _arguments.names(control_columns, name="control_columns")
    roles = [shortfall_column, outcome_column, touchpoint_column, customer_column, exposure_column, *controls]
    if twice := [name for name in roles if name is not None and roles.count(name) > 1]:
        raise ArgumentError(f"The column {twice[0]!r} is named twice; each must be another one.")
    rng = generator(rng)
    tally = tally_contacts(
        contacts,
        touchpoint_column=touchpoint_column,
        shortfall_column=shortfall_column,
        outcome_column=outcome_column,
        exposure_column=exposure_column,
        customer_column=customer_column,
        control_columns=controls,
    )
    refuse_few_customers(int(tally.customers.sum()))
    used = _usable(tally)
    some = _only(tally, used)
    found = consequences.fitted(some)
    deviations = rng.standard_normal((n_draws, len(found.effect_parts))) @ found.consequence_parts
    draws = found.consequence + deviations
    details = {
        "all": _pooled(found, int(some.n.sum()), conf_level),
        "gini": _concentration(found, draws, consequences.by_chance(found, n_draws, rng), conf_level),
    }
    often = np.full(len(found.effect), np.nan)
    if n_splits and len(some.customers) > 1:
        compared, often = consequences.confirmed(consequences.halves(some, n_splits, rng), k)
        details["split"] = _split(compared, conf_level)
    if exposure_column is not None:
        details["hazard"] = _hazard(some, found, conf_level)
    table = _table(tally, used, found, draws, often, k, conf_level)
    table["unit"] = f"{outcome_column} a customer"
    shown = np.full((n_draws, len(used)), np.nan)
    shown[:, used] = draws
    each = "rate" if exposure_column is not None else "level"
    return Estimates(
        table=table,
        estimand=f"How much of {outcome_column!r} a customer comes with the shortfalls of each touchpoint",
        method="Reach × effect × gap; least squares within touchpoints"
        + (", additive hazards (Lin & Ying 1994, doi:10.1093/biomet/81.1.61)" if each == "rate" else "")
        + f"; errors from {len(tally.customers)} buckets of customers",
        assumptions=(
            f"Whether a contact fell short has to do with the {each} of what followed only through the "
            "contact itself, the controls held constant.",
            "What follows two contacts of a customer counts for both: consequences of touchpoints overlap.",
            "Customers are independent of one another.",
        ),
        conf_level=conf_level,
        details=details,
        draws=shown,
    )


def _usable(tally: Consequences) -> npt.NDArray[np.bool_]:
    """Return which touchpoints have contacts enough, and shortfalls that controls do not determine."""
    _, inverse = consequences.slopes(tally.products.sum(axis=0), tally.outcomes.sum(axis=0))
    fewest = np.minimum(tally.n_above, tally.n_below)
    # No outcome among few contacts looks like certainty; what is expected does not depend on that.
    expected = fewest * tally.n_followed / tally.n
    enough = (fewest >= _FEWEST_A_SIDE) & (expected >= _FEWEST_EXPECTED)
    used: npt.NDArray[np.bool_] = enough & (inverse[:, 1, 1] > 0)
    if not used.any():
        raise EstimationError(
            f"No touchpoint has {_FEWEST_A_SIDE} contacts with more and {_FEWEST_A_SIDE} with less shortfall "
            f"than its mean, {_FEWEST_EXPECTED} outcomes other than zero expected on either side, and "
            "controls that do not determine the shortfall; the most contacts there are is "
            f"{fewest.max()}, the most outcomes expected {expected.max():.1f}. "
            "Take more contacts, or coarser touchpoints."
        )
    return used


def _only(tally: Consequences, used: npt.NDArray[np.bool_]) -> Consequences:
    return replace(
        tally,
        terms=[term for term, is_used in zip(tally.terms, used, strict=True) if is_used],
        n=tally.n[used],
        products=tally.products[:, used],
        outcomes=tally.outcomes[:, used],
        squares=tally.squares[used],
    )


def _tests(effect: Floats, error: Floats, degrees: int, conf_level: float) -> dict[str, Floats]:
    from scipy import special

    statistic = effect / error
    half = t_value(conf_level, np.full(effect.shape, float(degrees))) * error
    return {
        "statistic": statistic,
        "p_value": 2 * special.stdtr(degrees, -np.abs(statistic)),
        "low": effect - half,
        "high": effect + half,
    }


def _is_found(p_values: Floats, conf_level: float) -> npt.NDArray[np.bool_]:
    """Return which p-values stand with false discoveries at 1 − `conf_level` (Benjamini & Hochberg)."""
    from scipy.stats import false_discovery_control

    known = np.nan_to_num(p_values, nan=1.0)
    stands: npt.NDArray[np.bool_] = false_discovery_control(known) <= 1 - conf_level
    return stands


def _table(
    tally: Consequences,
    used: npt.NDArray[np.bool_],
    found: consequences.Fitted,
    draws: Floats,
    often: Floats,
    k: int,
    conf_level: float,
) -> pd.DataFrame:
    degrees = len(tally.customers) - 1
    test = _tests(found.effect, consequences.errors(found.effect_parts), degrees, conf_level)
    error = consequences.errors(found.consequence_parts)
    interval = _tests(found.consequence, error, degrees, conf_level)
    size = np.abs(draws)
    ranks = resample.ranks(size)
    low, high = resample.percentile(ranks, conf_level)
    columns = {
        "estimate": found.consequence,
        "std_error": error,
        "statistic": test["statistic"],
        "p_value": test["p_value"],
        "conf_low": interval["low"],
        "conf_high": interval["high"],
        "reach": found.reach,
        "effect": found.effect,
        "effect_low": test["low"],
        "effect_high": test["high"],
        "gap": found.gap,
        "rank": resample.ranks(np.abs(found.consequence)[None])[0],
        "rank_low": np.floor(low),
        "rank_high": np.ceil(high),
        "probability_first": resample.among_first(-size, k),
        "confirmed_share": often,
    }
    few = (
        f"fewer than {_FEWEST_A_SIDE} contacts or {_FEWEST_EXPECTED} expected outcomes with more, or with "
        "less shortfall than the mean"
    )
    table = pd.DataFrame({"term": tally.terms, "n": tally.n, "note": np.where(used, "", few)})
    for name, values in columns.items():
        table.loc[used, name] = values
    table["is_found"] = False
    table.loc[used, "is_found"] = _is_found(test["p_value"], conf_level)
    return table.assign(n_missing=tally.n_missing)


def _pooled(found: consequences.Fitted, n: int, conf_level: float) -> pd.DataFrame:
    parts = found.effect_parts @ (found.precision / found.precision.sum())
    error = consequences.errors(parts[:, None])
    test = _tests(np.array([found.common]), error, len(parts) - 1, conf_level)
    return tidy(
        pd.DataFrame(
            {
                "term": ["effect of a shortfall of one"],
                "n": n,
                "estimate": found.common,
                "std_error": error,
                "statistic": test["statistic"],
                "p_value": test["p_value"],
                "conf_low": test["low"],
                "conf_high": test["high"],
            }
        )
    )


def _concentration(
    found: consequences.Fitted, draws: Floats, chance: Floats, conf_level: float
) -> pd.DataFrame:
    point, drawn, null = (consequences.gini(each) for each in (found.consequence, draws, chance))
    low, high = np.quantile(drawn, [(1 - conf_level) / 2, (1 + conf_level) / 2])
    # Noise makes unequal, in the draws once more than in the estimate: the interval is turned round.
    return tidy(
        pd.DataFrame(
            {
                "term": ["gini"],
                "n": len(found.effect),
                "estimate": point,
                "std_error": drawn.std(ddof=1),
                "p_value": (1 + (null >= point - 1e-12).sum()) / (1 + len(null)),
                "conf_low": np.clip(2 * point - high, 0, 1),
                "conf_high": np.clip(2 * point - low, 0, 1),
                "null_mean": null.mean(),
                "null_high": np.quantile(null, conf_level),
            }
        )
    )


def _split(compared: Floats, conf_level: float) -> pd.DataFrame:
    low, high = resample.percentile(compared, conf_level)
    return tidy(
        pd.DataFrame(
            {
                "term": list(_SPLIT),
                "n": len(compared),
                "estimate": compared.mean(axis=0),
                "conf_low": low,
                "conf_high": high,
                "note": f"mean and middle {conf_level:.0%} of the halvings",
            }
        )
    )


def _hazard(tally: Consequences, found: consequences.Fitted, conf_level: float) -> pd.DataFrame:
    logarithm, error = consequences.hazard_ratios(tally, found)
    half = t_value(conf_level, np.full(error.shape, float(len(tally.customers) - 1))) * error
    return tidy(
        pd.DataFrame(
            {
                "term": [*tally.terms, "all touchpoints"],
                "n": [*tally.n, tally.n.sum()],
                "estimate": np.exp(logarithm),
                "conf_low": np.exp(logarithm - half),
                "conf_high": np.exp(logarithm + half),
            }
        )
    )
