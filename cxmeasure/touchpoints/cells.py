"""A tally of scores → what pooling needs: each group's value, how precise it is, and on how many answers."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxmeasure._stats import pooling
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import EstimationError


@dataclass(frozen=True, slots=True)
class Cells:
    """Groups as pooling needs them: values with precisions, in the coded unit."""

    values: Floats
    precisions: Floats
    degrees: Floats
    n_effective: Floats
    within: float
    reml: float
    is_pooled: bool


def cells_of(counts: pd.DataFrame, metric: str, spread: float | str) -> Cells:
    """Return values and precisions of the groups of a tally, and the REML estimate of their spread.

    Raises
    ------
    EstimationError
        If no group has two answers, or the answers within every group are equal.
    """
    n = counts["n"].to_numpy(float)
    squares, values = counts["squares"].to_numpy(float), counts["mean"].to_numpy(float)
    degrees = np.maximum(n - 1, 0)
    total = float(degrees.sum())
    if total == 0:
        raise EstimationError(
            "No group has two answers, so that differences between groups and differences between answers "
            "cannot be told apart; group by fewer columns."
        )
    if squares.sum() <= 0 and metric == "mean":
        raise EstimationError(
            "Within every group all scores are the same, which answers of people never are; "
            "give single answers, not averages of them."
        )
    n_effective = _effective(counts)
    variances, degrees = pooling.smoothed_variances(squares, degrees)
    if metric != "mean":
        # Unanimous answers are no proof that nobody differs: half an answer of each kind is added.
        variances, degrees = (
            np.full_like(squares, (squares.sum() + 0.5) / (total + 1)),
            np.full_like(n, total),
        )
    precisions = n_effective / variances
    within = float(np.sqrt(squares.sum() / total))
    is_pooled = int((n > 0).sum()) >= 3 or not isinstance(spread, str)
    reml = pooling.reml_spread(values, precisions) if is_pooled else np.nan
    if metric != "mean" and is_pooled:
        first = reml if isinstance(spread, str) else spread
        variances = _from_shares(counts, n_effective, variances, float(first), metric)
        precisions = n_effective / variances
        reml = pooling.reml_spread(values, precisions)
    return Cells(values, precisions, degrees, n_effective, within, reml, is_pooled)


def _effective(counts: pd.DataFrame) -> Floats:
    """Return independent answers worth as much: n over 1 + (answers a customer − 1) × their likeness."""
    n = counts["n"].to_numpy(float)
    if "between" not in counts:
        return n
    n_customers = counts["n_customers"].to_numpy(float)
    n_squared = counts["n_squared"].to_numpy(float)
    between, squares = float(counts["between"].sum()), float(counts["squares"].sum())
    within_degrees = float((n - n_customers).sum())
    between_degrees = float(np.maximum(n_customers - 1, 0).sum())
    if within_degrees <= 0 or between_degrees <= 0:
        return n
    answers = float((n - np.divide(n_squared, n, out=np.ones_like(n), where=n > 0)).sum()) / between_degrees
    among, inside = between / between_degrees, max(squares - between, 0.0) / within_degrees
    likeness = max((among - inside) / max(among + (answers - 1) * inside, 1e-300), 0.0)
    each = np.divide(n_squared, n, out=np.ones_like(n), where=n > 0)
    effective: Floats = n / (1 + (each - 1) * min(likeness, 1.0))
    return effective


def _from_shares(
    counts: pd.DataFrame, n_effective: Floats, variances: Floats, spread: float, metric: str
) -> Floats:
    """Return the variance of an answer that follows from each group's pooled shares of −1, 0 and 1."""
    n, mean = counts["n"].to_numpy(float), np.nan_to_num(counts["mean"].to_numpy(float))
    second = np.nan_to_num(counts["squares"].to_numpy(float) / np.maximum(n, 1)) + mean**2
    own = n_effective / (n_effective + np.divide(variances, spread**2) if spread > 0 else np.inf)
    all_mean, all_second = (n @ mean) / n.sum(), (n @ second + 0.5) / (n.sum() + 0.5)
    if metric == "share":
        all_mean = all_second = (n @ mean + 0.5) / (n.sum() + 1)
    drawn_mean = own * mean + (1 - own) * all_mean
    drawn_second = own * second + (1 - own) * all_second
    pooled: Floats = np.maximum(drawn_second - drawn_mean**2, 0.25 / (n + 1))
    return pooled
