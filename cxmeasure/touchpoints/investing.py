"""Where does the next euro go? Options ranked by what they return, in joint draws of all they rest on."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats import resample
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError, DataError
from cxmeasure.results import Estimates, tidy
from cxmeasure.touchpoints.grouping import generator
from cxmeasure.touchpoints.reduce.options import FACTORS, read_options

_EVIDENCE = ("experiment", "association")


def investment_ranking(
    options: Any,
    *,
    errors: Iterable[str] = ("change", "slope"),
    has_score: bool = False,
    slope_covariance: pd.DataFrame | None = None,
    n_draws: int = 10_000,
    rng: np.random.Generator | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Rank options by reach × change × slope × value − cost, with the probability that each is best.

    Parameters
    ----------
    options : frame or str
        One row an option, with the columns ``option`` (name), ``evidence`` (``"experiment"`` where the
        slope comes from one, ``"association"`` where it does not), ``reach`` (customers who meet it),
        ``change`` (by how many points it moves the score), ``slope`` (change of the outcome a customer
        with a point more), ``value`` (euros of a unit of the outcome) and ``cost`` (euros).
    errors : iterable of str
        Which of these come with a standard error, in a column such as ``change_std_error``. The others
        are taken as known.
    has_score : bool
        Whether there is a column ``score``, the present level: adds the choice of the usual quadrant
        (important and bad: slope above and score below the median), and what that choice loses.
    slope_covariance : DataFrame, optional
        Covariances of slopes that come from one model, with the options on rows and columns; by default
        the slopes' errors are independent. Replaces ``slope_std_error``.
    n_draws : int
        Joint draws behind the probabilities.
    rng : numpy.random.Generator, optional
        Give one to get the same draws again.
    conf_level : float
        Level of the intervals, in 0–1.

    Returns
    -------
    Estimates
        One row an option: `estimate` is its expected net return in euros. Besides the usual columns:
        ``evidence``, ``probability_positive``, ``probability_best`` (of all options and of doing
        nothing), ``rank`` with ``rank_low`` and ``rank_high``, and ``expected_regret``, what choosing it
        loses on average against knowing all. ``details["pairs"]`` has the probability that one beats
        another; ``details["choice"]`` the best choice, the value of perfect information, and with
        `has_score` the quadrant's choice and its regret. ``draws`` has shape (n_draws, options): net
        returns in euros, a column an option, in the order of the rows of ``table``: by name, whatever the
        order of `options`.

    Raises
    ------
    ArgumentError, TableError, DataError
        If a choice cannot be used, a column is missing or of the wrong type, a number is missing, an
        error negative, the evidence unknown, or covariances do not fit the options.

    Notes
    -----
    A share of R² would not do for a slope: it has no sign and no euros. The factors are drawn from normal
    distributions, independent of one another. Where the evidence is an association, the interval leaves
    out what matters most: that the slope may not be causal.

    References
    ----------
    Raiffa & Schlaifer (1961), Applied Statistical Decision Theory (value of information; book, no DOI);
    Goodman (1960), Journal of the American Statistical Association 55:708–713,
    doi:10.1080/01621459.1960.10483369 (variance of a product); Martilla & James (1977), Journal of
    Marketing 41(1):77–79, doi:10.1177/002224297704100112 (the quadrant).

    Examples
    --------
    By hand: 1000 × 0.2 × 0.05 × 100 − 400 = 600 and 500 × 0.4 × 0.05 × 100 − 700 = 300.

    >>> import pandas as pd
    >>> options = pd.DataFrame(
    ...     {
    ...         "option": ["app", "shop"],
    ...         "evidence": ["experiment", "association"],
    ...         "reach": [1000, 500],
    ...         "change": [0.2, 0.4],
    ...         "change_std_error": [0.05, 0.1],
    ...         "slope": [0.05, 0.05],
    ...         "slope_std_error": [0.01, 0.02],
    ...         "value": [100, 100],
    ...         "cost": [400, 700],
    ...     }
    ... )
    >>> investment_ranking(options).table[["term", "estimate", "std_error", "rank"]].round(0)
       term  estimate  std_error  rank
    0   app     600.0      324.0     1
    1  shop     300.0      482.0     2
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    n_draws = _arguments.whole(n_draws, name="n_draws", at_least=100)
    rng = generator(rng)
    given = _arguments.names(errors, name="errors")
    if unknown := [name for name in given if name not in FACTORS]:
        raise ArgumentError(f"errors={given!r}: {unknown[0]!r} is none of {', '.join(map(repr, FACTORS))}.")
    if slope_covariance is not None:
        given = [name for name in given if name != "slope"]
    columns = [*FACTORS, *(f"{name}_std_error" for name in given), *(["score"] if has_score else [])]
    table = read_options(options, columns, has_score=has_score)
    if strange := sorted(set(table["evidence"].fillna("")) - set(_EVIDENCE)):
        raise DataError(
            f"evidence={strange[0]!r} is not known; say 'experiment' or 'association' of each slope."
        )
    covariance = _covariance(slope_covariance, table)
    net = _drawn(table, covariance, n_draws, rng)
    mean, deviation = _moments(table, covariance)
    return Estimates(
        table=_table(table, net, mean, deviation, conf_level),
        estimand="Expected net return of each option, in euros",
        method=f"Joint draws ({n_draws:,}) of reach × change × slope × value − cost; mean and error exact "
        "(Goodman 1960, doi:10.1080/01621459.1960.10483369)",
        assumptions=_assumptions(table),
        conf_level=conf_level,
        details={"pairs": _pairs(table["option"].tolist(), net, mean), "choice": _choice(table, net, mean)},
        draws=net,
    )


def _covariance(slope_covariance: pd.DataFrame | None, table: pd.DataFrame) -> Floats:
    names = table["option"].tolist()
    if slope_covariance is None:
        return np.diag(table["slope_std_error"].to_numpy(float) ** 2)
    frame = pd.DataFrame(slope_covariance)
    if sorted(map(str, frame.index)) != sorted(names) or sorted(map(str, frame.columns)) != sorted(names):
        raise ArgumentError(
            "slope_covariance must have each option once on rows and once on columns: "
            f"{', '.join(map(repr, names))}."
        )
    matrix: Floats = frame.loc[names, names].to_numpy(float)
    symmetric = np.allclose(matrix, matrix.T)
    if not symmetric or np.linalg.eigvalsh(matrix)[0] < -1e-8 * np.abs(matrix).max():
        raise DataError("slope_covariance is no covariance matrix; give the one that the model estimated.")
    return matrix


def _drawn(table: pd.DataFrame, covariance: Floats, n_draws: int, rng: np.random.Generator) -> Floats:
    """Return net returns, shape (n_draws, options)."""
    drawn = {
        name: rng.normal(table[name], table[f"{name}_std_error"], size=(n_draws, len(table)))
        for name in FACTORS
        if name != "slope"
    }
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    slope = table["slope"].to_numpy(float) + rng.standard_normal((n_draws, len(table))) @ root.T
    net: Floats = drawn["reach"] * drawn["change"] * slope * drawn["value"] - drawn["cost"]
    return net


def _moments(table: pd.DataFrame, covariance: Floats) -> tuple[Floats, Floats]:
    """Return exact means and standard deviations of the net returns."""
    product = table[["reach", "change", "slope", "value"]].to_numpy(float)
    errors = table[[f"{name}_std_error" for name in ("reach", "change", "slope", "value")]].to_numpy(float)
    errors[:, 2] = np.sqrt(np.diagonal(covariance))
    mean = product.prod(axis=1)
    variance = (product**2 + errors**2).prod(axis=1) - mean**2
    cost_error = table["cost_std_error"].to_numpy(float)
    return mean - table["cost"].to_numpy(float), np.sqrt(np.maximum(variance, 0) + cost_error**2)


def _table(
    table: pd.DataFrame, net: Floats, mean: Floats, deviation: Floats, conf_level: float
) -> pd.DataFrame:
    low, high = resample.percentile(net, conf_level)
    ranks = resample.ranks(net)
    rank_low, rank_high = resample.percentile(ranks, conf_level)
    is_association = table["evidence"] == "association"
    found = pd.DataFrame({"term": table["option"], "estimate": mean, "std_error": deviation})
    found["conf_low"], found["conf_high"], found["unit"] = low, high, "euros"
    found["note"] = np.where(is_association, "the slope is an association: it may not be causal", "")
    best = np.maximum(net.max(axis=1), 0.0)
    found["evidence"] = table["evidence"]
    found["probability_positive"] = (net > 0).mean(axis=0)
    found["probability_best"] = ((net >= best[:, None]) & (net > 0)).mean(axis=0)
    found["rank"] = resample.ranks(mean[None])[0].astype(int)
    found["rank_low"], found["rank_high"] = np.floor(rank_low), np.ceil(rank_high)
    found["expected_regret"] = best.mean() - net.mean(axis=0)
    return found


def _pairs(names: list[str], net: Floats, mean: Floats) -> pd.DataFrame:
    order = np.argsort(-mean, kind="stable")
    first, second = np.triu_indices(len(names), 1)
    ahead, behind = order[first], order[second]
    return pd.DataFrame(
        {
            "option": [names[i] for i in ahead],
            "other": [names[i] for i in behind],
            "difference": mean[ahead] - mean[behind],
            "probability_ahead": (net[:, ahead] > net[:, behind]).mean(axis=0),
        }
    )


def _choice(table: pd.DataFrame, net: Floats, mean: Floats) -> pd.DataFrame:
    """Return the best choice, the value of knowing all, and what the quadrant's choice loses."""
    knowing = float(np.maximum(net.max(axis=1), 0.0).mean())
    drawn = net.mean(axis=0)
    best = int(np.argmax(drawn))
    at_best = max(float(drawn[best]), 0.0)
    rows = [
        (
            "best choice",
            max(float(mean[best]), 0.0),
            table["option"].iloc[best] if at_best > 0 else "do nothing",
        ),
        ("value of perfect information", max(knowing - at_best, 0.0), ""),
    ]
    if "score" in table:
        chosen = _quadrant(table)
        said = "none is important and bad" if chosen is None else str(table["option"].iloc[chosen])
        at = 0.0 if chosen is None else float(drawn[chosen])
        rows.append(("regret of the quadrant's choice", knowing - at, said))
    named = pd.DataFrame(rows, columns=["term", "estimate", "note"])
    return tidy(named.assign(unit="euros"))


def _quadrant(table: pd.DataFrame) -> int | None:
    """Return the worst of the options whose slope is above, and score below, the median."""
    slope, score = table["slope"].to_numpy(float), table["score"].to_numpy(float)
    inside = (slope >= np.median(slope)) & (score <= np.median(score))
    return int(np.flatnonzero(inside)[np.argmin(score[inside])]) if inside.any() else None


def _assumptions(table: pd.DataFrame) -> tuple[str, ...]:
    said = [
        "The standard errors given are right, and the factors' errors independent of one another.",
        "Doing nothing returns nothing, and an option's return does not depend on the others.",
    ]
    if n := int((table["evidence"] == "association").sum()):
        said.append(
            f"For {n} of {len(table)} options the slope is an association, taken as if it were causal."
        )
    return tuple(said)
