"""Correlations and draws of them → shares of R² in tables, with what the draws say about their order."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxmeasure._stats import resample, shares
from cxmeasure._stats.intervals import Floats
from cxmeasure.results import Estimates, tidy
from cxmeasure.touchpoints.correlations import Sample, Source

Places = npt.NDArray[np.intp]

METHODS: dict[str, tuple[Callable[..., tuple[Floats, Floats]], str]] = {
    "lmg": (
        shares.lmg,
        "LMG shares, the average gain in R² over all orders of entering "
        "(Grömping 2007, doi:10.1198/000313007X188252)",
    ),
    "dominance": (
        shares.lmg,
        "General dominance (Budescu 1993, doi:10.1037/0033-2909.114.3.542), which is the same number as LMG",
    ),
    "johnson": (
        shares.johnson,
        "Johnson's relative weights (Johnson 2000, doi:10.1207/S15327906MBR3501_1)",
    ),
}


def by_chance(
    source: Source, groups: Mapping[str, Sequence[str]], method: str, n_null: int, rng: np.random.Generator
) -> Floats | None:
    """Return how often each driver, unrelated to all else, would have a share as large as it has."""
    if not n_null or source.n is None:
        return None
    divide, _ = METHODS[method]
    sizes = [len(columns) for columns in groups.values()]
    point = divide(source.correlations[None], sizes)[0][0]
    n = round(min(value for value in (source.n, source.n_customers, source.n_effective) if value is not None))
    owners = np.append(np.repeat(np.arange(len(sizes)), sizes), len(sizes))
    p_values = np.empty(len(sizes))
    # One driver at a time: all at once would take the draws times the drivers in memory.
    for driver in range(len(sizes)):
        apart = (owners == driver)[:, None] != (owners == driver)[None, :]
        drawn = resample.wishart_correlations(
            np.where(apart, 0.0, source.correlations), max(n, len(owners) + 1), n_null, rng
        )
        p_values[driver] = (1 + (divide(drawn, sizes)[0][:, driver] >= point[driver]).sum()) / (1 + n_null)
    return p_values


def divided(
    source: Source,
    groups: Mapping[str, Sequence[str]],
    outcome: str,
    method: str,
    conf_level: float,
    p_values: Floats | None = None,
) -> Estimates:
    """Return the shares of R² that `method` gives each group of drivers."""
    divide, name = METHODS[method]
    sizes = [len(columns) for columns in groups.values()]
    all_shares, all_r2 = divide(np.concatenate([source.correlations[None], source.draws]), sizes)
    point, draws = all_shares[0], all_shares[1:]
    table, details = tables(list(groups), all_shares, all_r2, source, conf_level, p_values)
    if method == "dominance":
        details |= dominance_tables(list(groups), point, *shares.dominance(source.correlations, sizes))
    return Estimates(
        table=table,
        estimand=f"Share of the variance of {outcome!r} that each driver explains in a linear model, "
        "among customers like these",
        method=f"{name}; {source.interval}" if source.interval else name,
        assumptions=assumptions(source, has_draws=bool(len(draws))),
        conf_level=conf_level,
        details=details,
        draws=draws if len(draws) else None,
    )


def tables(
    terms: list[str],
    all_shares: Floats,
    all_r2: Floats,
    sample: Sample,
    conf_level: float,
    p_values: Floats | None = None,
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Return the table of shares with its details; the first of the shares is the estimate, then draws."""
    table = _table(terms, all_shares, all_r2, conf_level)
    r2 = pd.DataFrame({"term": ["r2"], **_summary(all_r2[:, None], conf_level), "unit": "share"})
    for each in (table, r2):
        each.insert(1, "n", sample.n if sample.n is not None else np.nan)
        each["note"] = sample.note
        each["n_missing"] = sample.n_missing
        each["n_customers"] = sample.n_customers if sample.n_customers is not None else np.nan
        each["n_effective"] = sample.n_effective if sample.n_effective is not None else np.nan
    if p_values is not None:
        table["p_value"] = p_values
        said = np.where(p_values >= 1 - conf_level, "not told from zero; at most the interval's end", "")
        table["note"] = [
            f"{note}; {more}".strip("; ") for note, more in zip(table["note"], said, strict=True)
        ]
    details = {"r2": tidy(r2)}
    if len(all_shares) > 1:
        details["pairs"] = _pairs(terms, all_shares[0], all_shares[1:], conf_level)
    return table, details


def _summary(values: Floats, conf_level: float) -> dict[str, Floats]:
    """Return estimate, error and interval of each column: the first row is the estimate, the rest draws."""
    low, high = resample.percentile(values[1:], conf_level)
    enough = len(values) > 2
    error = values[1:].std(axis=0, ddof=1) if enough else np.full(values.shape[1], np.nan)
    return {"estimate": values[0], "std_error": error, "conf_low": low, "conf_high": high}


def _table(terms: list[str], all_shares: Floats, all_r2: Floats, conf_level: float) -> pd.DataFrame:
    relative = np.divide(
        all_shares, all_r2[:, None], out=np.zeros_like(all_shares), where=all_r2[:, None] > 0
    )
    rescaled = _summary(relative, conf_level)
    ranks = resample.ranks(all_shares)
    rank_low, rank_high = resample.percentile(ranks[1:], conf_level)
    return pd.DataFrame(
        {
            "term": terms,
            **_summary(all_shares, conf_level),
            "unit": "share",
            "note": "",
            "share_of_r2": rescaled["estimate"],
            "share_of_r2_low": rescaled["conf_low"],
            "share_of_r2_high": rescaled["conf_high"],
            "rank": ranks[0].astype(int),
            "rank_low": np.floor(rank_low),
            "rank_high": np.ceil(rank_high),
        }
    )


def _pairs(terms: list[str], point: Floats, draws: Floats, conf_level: float) -> pd.DataFrame:
    first, second = _in_pairs(point)
    difference = draws[:, first] - draws[:, second]
    low, high = resample.percentile(difference, conf_level)
    return pd.DataFrame(
        {
            "driver": [terms[i] for i in first],
            "other": [terms[i] for i in second],
            "difference": point[first] - point[second],
            "conf_low": low,
            "conf_high": high,
            "probability_ahead": (difference > 0).mean(axis=0),
            "is_settled": low > 0,
        }
    )


def dominance_tables(
    terms: list[str], point: Floats, gains: Floats, conditional: shares.Flags, complete: shares.Flags
) -> dict[str, pd.DataFrame]:
    """Return what `shares.dominance` found, as tables."""
    first, second = _in_pairs(point)
    levels = pd.DataFrame(
        {
            "driver": [terms[i] for i in first],
            "other": [terms[i] for i in second],
            "is_conditional": conditional[first, second],
            "is_complete": complete[first, second],
        }
    )
    steps = pd.DataFrame(
        {
            "term": np.repeat(terms, len(terms)),
            "others": np.tile(np.arange(len(terms)), len(terms)),
            "gain": gains.ravel(),
        }
    )
    return {"dominance": levels, "gains": steps}


def _in_pairs(point: Floats) -> tuple[Places, Places]:
    """Return the positions of each two drivers, the one with the larger share first."""
    order = np.argsort(-point, kind="stable")
    first, second = np.triu_indices(len(order), 1)
    return order[first], order[second]


def assumptions(sample: Sample, *, has_draws: bool) -> tuple[str, ...]:
    """Return what has to hold for shares of such a sample."""
    said = [
        "Each driver's effect is a straight line, and no driver changes the effect of another.",
        "A share says what goes together with the outcome, not what would follow from improving a driver.",
    ]
    if has_draws:
        said += [
            "Customers are independent of one another.",
            "A share cannot be negative: a driver without effect shows a small positive one, and its "
            "interval stays above zero.",
        ]
        if sample.n_customers is None:
            said.append("The interval supposes that the variables are jointly normal.")
    if sample.is_weighted:
        said.append("The weights are taken as known.")
    if sample.n_missing:
        said.append(f"The {sample.n_missing:,} rows left out for a missing value would have shown the same.")
    return tuple(said)
