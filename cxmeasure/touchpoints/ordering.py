"""What drives an answer whose levels have only an order? Shares of McFadden's R² over all subsets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse, special

from cxmeasure._frames import listed
from cxmeasure._stats import resample, shares
from cxmeasure._stats.intervals import Floats, z_value
from cxmeasure.errors import ArgumentError, DataError, EstimationError
from cxmeasure.results import Estimates, tidy
from cxmeasure.touchpoints.correlations import Sample, drawable
from cxmeasure.touchpoints.latent import Codes, Fit, fitted
from cxmeasure.touchpoints.reduce.combinations import Combinations, tally_combinations
from cxmeasure.touchpoints.sharing import assumptions, dominance_tables, tables

_MOST_DRIVERS = 10
_MOST_LEVELS = 30
_NARROW = (
    "In simulated samples of 300, intervals meant to hold 95 in 100 held the shares of drivers that matter "
    "in 93 to 94 and McFadden's R² in 91: shares come out a little high, and more "
    "customers were not shown to help."
)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Distinct answers: their level, their design (centred, scaled), how often they are in each bucket."""

    codes: Codes
    levels: list[float]
    design: Floats
    names: list[str]
    owners: npt.NDArray[np.intp]
    means: Floats
    scales: Floats
    by_bucket: Any
    counts: Floats


def ordered_shares(
    customers: Any,
    groups: Mapping[str, Sequence[str]],
    outcome: str,
    *,
    method: str,
    customer_column: str | None,
    weight_column: str | None,
    n_boot: int,
    n_null: int,
    rng: np.random.Generator,
    conf_level: float,
) -> Estimates:
    """Return the shares of McFadden's R² that each group of drivers has in a proportional-odds model.

    Raises
    ------
    ArgumentError
        If there are more than ten drivers, or the method looks at no subsets.
    TableError, DataError, EstimationError
        If the rows cannot be used, a variable has no or too many different values, drivers determine one
        another, or the model has no maximum.
    """
    _refuse_question(len(groups), method)
    variables = [column for columns in groups.values() for column in columns]
    tally = tally_combinations(
        customers,
        drivers=variables,
        outcome=outcome,
        customer_column=customer_column,
        weight_column=weight_column,
    )
    cells = _cells(tally, groups, outcome)
    n_boot, note = drawable(tally.n_customers, cells.design.shape[1], n_boot)
    n_buckets = cells.by_bucket.shape[0]
    draws = np.vstack([np.ones(n_buckets), resample.bucket_counts(n_buckets, n_boot, rng)])
    fits = [fitted(cells.codes, cells.design[:, taken], cells.counts) for taken in _subsets(cells.owners)]
    logs = np.stack([_drawn(fit, cells, draws) for fit in fits])
    r2 = 1 - logs / logs[0]
    p_values = _by_chance(fits, r2[:, 0], cells, tally, n_null, rng) if n_null else None
    divided, whole = shares.averaged(r2.copy())
    sample = Sample(
        n=tally.n,
        n_missing=tally.n_missing,
        n_customers=tally.n_customers,
        n_effective=tally.n_effective,
        is_weighted=weight_column is not None,
        interval=f"percentiles of {n_boot} one-step bootstrap draws over {tally.n_customers:,} customers "
        "(Davidson & MacKinnon 1999, doi:10.1111/1468-2354.00026)",
        note=note,
    )
    table, details = tables(list(groups), divided, whole, sample, conf_level, p_values)
    details["r2"] = details["r2"].assign(
        term="McFadden's r2", deviance=-2 * logs[-1, 0], deviance_null=-2 * logs[0, 0]
    )
    is_plain = customer_column is None and weight_column is None
    details["model"] = _model_table(fits[-1], cells, tally.n, conf_level, is_plain=is_plain)
    if method == "dominance":
        found = shares.dominance_of(r2[:, 0].copy())
        details |= dominance_tables(list(groups), divided[0], *found)
    name = "General dominance" if method == "dominance" else "LMG shares"
    said = (
        f"{name} of McFadden's R² (Azen & Traxel 2009, doi:10.3102/1076998609332754) in a "
        "proportional-odds model (McCullagh 1980, doi:10.1111/j.2517-6161.1980.tb01109.x)"
    )
    return Estimates(
        table=table,
        estimand=f"Share of the deviance of {outcome!r} that each driver takes away in a proportional-odds "
        "model, among customers like these",
        method=f"{said}; {sample.interval}" if n_boot else said,
        assumptions=(
            "A driver moves the odds of a better answer by the same factor at every level.",
            *assumptions(sample, has_draws=bool(n_boot)),
            *([_NARROW] if n_boot else []),
        ),
        conf_level=conf_level,
        details=details,
        draws=divided[1:] if n_boot else None,
    )


def _refuse_question(n_drivers: int, method: str) -> None:
    if method == "johnson":
        raise ArgumentError(
            "method='johnson' needs correlations, which an ordinal outcome has not; choose method='lmg', "
            "or model='linear'."
        )
    if n_drivers > _MOST_DRIVERS:
        raise ArgumentError(
            f"{n_drivers} drivers are too many for model='ordinal', which fits a model to each of "
            f"2^{n_drivers} subsets; the most is {_MOST_DRIVERS}. Put drivers into groups: "
            "drivers={'name': [columns], …}, or use model='linear'."
        )


def _subsets(owners: npt.NDArray[np.intp]) -> list[npt.NDArray[np.bool_]]:
    """Return which columns are in each subset of groups; bit j of its number says whether group j is."""
    return [(subset >> owners) & 1 == 1 for subset in range(2 ** (int(owners.max()) + 1))]


def _cells(tally: Combinations, groups: Mapping[str, Sequence[str]], outcome: str) -> _Cells:
    variables = [(column, name) for name, columns in groups.items() for column in columns]
    roles = [f"x{i}" for i in range(len(variables))]
    for role, column in [*zip(roles, (column for column, _ in variables), strict=True), ("outcome", outcome)]:
        _refuse_values(tally.table[role], column, tally.n, is_outcome=role == "outcome")
    place = tally.table.groupby([*roles, "outcome"], sort=True).ngroup().to_numpy()
    distinct = tally.table.iloc[np.unique(place, return_index=True)[1]]
    by_bucket = sparse.csr_matrix((tally.table["weight"], (tally.table["bucket"].astype(int), place)))
    counts: Floats = np.asarray(by_bucket.sum(axis=0), dtype=float).ravel()
    parts, names, owners = [], [], []
    for role, (column, name) in zip(roles, variables, strict=True):
        part, called = _columns(distinct[role], column)
        parts.append(part)
        names += called
        owners += [list(groups).index(name)] * len(called)
    design = np.concatenate(parts, axis=1)
    means = counts @ design / counts.sum()
    scales = np.sqrt(counts @ (design - means) ** 2 / counts.sum())
    design = (design - means) / scales
    codes, levels = pd.factorize(distinct["outcome"], sort=True)
    _refuse_design((design.T * counts) @ design / counts.sum(), names, tally.n, len(levels))
    return _Cells(codes, list(levels), design, names, np.array(owners), means, scales, by_bucket, counts)


def _columns(values: pd.Series, column: str) -> tuple[Floats, list[str]]:
    """Return a number as it is, and a text as dummies measured from the first of its categories."""
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(float)[:, None], [column]
    codes, levels = pd.factorize(values, sort=True)
    return np.eye(len(levels))[codes][:, 1:], [f"{column}: {level}" for level in levels[1:]]


def _drawn(fit: Fit, cells: _Cells, draws: Floats) -> Floats:
    """Return the greatest log-likelihood of each draw, one Newton step away from that of all customers."""
    sums = draws @ (cells.by_bucket @ np.column_stack([fit.logs, fit.scores]))
    slopes = sums[:, 1:]
    gains: Floats = sums[:, 0] + np.einsum("dk,kd->d", slopes, np.linalg.solve(fit.information, slopes.T)) / 2
    return gains


def _by_chance(
    fits: Sequence[Fit], r2: Floats, cells: _Cells, tally: Combinations, n_null: int, rng: np.random.Generator
) -> Floats:
    """Return how often a driver unrelated to all else would have a share as large as each one has.

    Shuffled among customers, it adds half a chi-squared to the log-likelihood beside every set of others;
    these are as alike as the residuals of the models without it.
    """
    n_groups = int(cells.owners.max()) + 1
    subsets = np.arange(len(fits))
    point = shares.averaged(r2[:, None].copy())[0][0]
    null_logs = -float(cells.counts @ fits[0].logs)
    # Alike answers of one customer, and unequal weights, are worth fewer rows.
    inflated = tally.n / min(tally.n, tally.n_customers, tally.n_effective)
    p_values = np.empty(n_groups)
    for group in range(n_groups):
        others = subsets[(subsets >> group) & 1 == 0]
        orders = np.array([1 / (n_groups * comb(n_groups - 1, int(s).bit_count())) for s in others])
        residuals = np.stack([fits[s].residuals for s in others])
        curvatures = np.array([cells.counts @ fits[s].curvatures for s in others])
        likeness = (residuals * cells.counts) @ residuals.T / np.sqrt(np.outer(curvatures, curvatures))
        values, vectors = np.linalg.eigh(likeness)
        root = vectors * np.sqrt(np.maximum(values, 0))
        n_columns = int((cells.owners == group).sum())
        chance = np.zeros(n_null)
        for _ in range(n_columns):
            chance += (rng.standard_normal((n_null, len(others))) @ root.T) ** 2 @ orders / 2
        p_values[group] = (1 + (chance * inflated / null_logs >= point[group]).sum()) / (1 + n_null)
    return p_values


def _model_table(fit: Fit, cells: _Cells, n: int, conf_level: float, *, is_plain: bool) -> pd.DataFrame:
    """Return slopes and thresholds in the drivers' own units, on the scale of log-odds."""
    p, k = cells.design.shape[1], len(fit.theta)
    own = np.eye(k)
    own[:p, :p] /= cells.scales[:, None]
    own[p:, :p] = cells.means / cells.scales
    inverse = np.linalg.inv(fit.information)
    if not is_plain:
        scores = cells.by_bucket @ fit.scores
        factor = len(scores) / (len(scores) - 1) if len(scores) > 1 else np.nan
        inverse = inverse @ scores.T @ scores @ inverse * factor
    estimate = own @ fit.theta
    error = np.sqrt(np.diagonal(own @ inverse @ own.T))
    half = z_value(conf_level) * error
    cuts = [
        f"threshold {low:g} | {high:g}" for low, high in zip(cells.levels, cells.levels[1:], strict=False)
    ]
    return tidy(
        pd.DataFrame(
            {
                "term": [*cells.names, *cuts],
                "n": n,
                "estimate": estimate,
                "std_error": error,
                "statistic": estimate / error,
                "p_value": 2 * special.ndtr(-np.abs(estimate / error)),
                "conf_low": estimate - half,
                "conf_high": estimate + half,
                "unit": "log-odds",
            }
        )
    )


def _refuse_values(values: pd.Series, column: str, n: int, *, is_outcome: bool) -> None:
    n_levels = values.nunique()
    if n_levels == 1:
        only = values.iloc[0] if isinstance(values.iloc[0], str) else f"{values.iloc[0]:g}"
        raise DataError(
            f"{column!r} is {only} in all {n:,} complete rows; what does not vary explains nothing "
            "and cannot be explained. Leave it out, or name another column."
        )
    if n_levels > _MOST_LEVELS and (is_outcome or not pd.api.types.is_numeric_dtype(values)):
        said = "an ordered model takes from 2 to" if is_outcome else "categories of a driver may be at most"
        raise DataError(
            f"{column!r} has {n_levels:,} different values; {said} {_MOST_LEVELS}. "
            "Give the answers as they were ticked, or join them into fewer."
        )


def _refuse_design(correlations: Floats, names: list[str], n: int, n_levels: int) -> None:
    needed = len(names) + n_levels
    if n <= needed:
        raise EstimationError(
            f"{n:,} complete rows for {needed - 1} numbers to estimate; give at least {needed + 1} rows "
            "without missing values, or fewer drivers."
        )
    if sets := shares.entangled(correlations):
        raise EstimationError(
            f"These determine one another exactly: {listed([names[place] for place in sets[0]])}; an ordered "
            "model cannot tell them apart. Leave one out."
        )
