"""How long does it last? Half-life of a touch's effect, and whether the tenth touch counts like the first."""

from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats import decay, resample
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import EstimationError
from cxmeasure.results import Estimates
from cxmeasure.touchpoints.grouping import generator
from cxmeasure.touchpoints.reduce.journeys import refuse_few_customers
from cxmeasure.touchpoints.reduce.waning import tally_days

_HALF_LIVES = 60
_ADAPTATIONS = np.round(np.linspace(-0.3, 0.6, 46), 3)
_MOST_NUMBERS = 24
_TERMS = ("half-life", "initial effect", "total effect", "adaptation")
_UNITS = ("days", "scale points", "scale points × days", "per touch")


def fade(
    outcomes: Any,
    *,
    outcome_column: str,
    days_column: str = "days_since",
    kind_column: str | None = None,
    number_column: str | None = None,
    customer_column: str = "customer_id",
    n_boot: int = 300,
    rng: np.random.Generator | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate how fast the effect of a touch fades: micro touch against home run.

    Parameters
    ----------
    outcomes : frame or str
        One row an outcome that was measured, of customers who were touched and of those who were not.
    outcome_column : str
        What the touch may have moved. Rows without it are left out and counted.
    days_column : str
        Days from the touch to the outcome; missing for customers who were not touched.
    kind_column : str, optional
        Which kind of touch it was; each kind is compared with those not touched.
    number_column : str, optional
        The how-manieth touch of its kind it was (1, 2, …): adds adaptation.
    customer_column : str
        Whose outcome it is (whole numbers or text).
    n_boot : int
        Draws of customers for the intervals.
    rng : numpy.random.Generator, optional
        Give one to get the same draws again.
    conf_level : float
        Level of the intervals, in 0–1.

    Returns
    -------
    Estimates
        Rows for each kind (column ``kind``): ``half-life`` in days; ``initial effect`` on the day of the
        touch, whose `p_value` says whether there is any effect at any half-life; ``total effect``, the
        area under the fading curve; and with `number_column` ``adaptation``, the rate at which the n-th
        touch counts less, exp(−adaptation · (n − 1)). ``details["pairs"]`` compares each two kinds: ratio
        of half-lives and of total effects with intervals. ``draws`` has shape (n_boot, rows).

    Raises
    ------
    ArgumentError, TableError, DataError
        If a choice is out of range, a column is missing or of the wrong type, or a value cannot be used.
    EstimationError
        If nobody was touched, nobody was not, or there are fewer than ten customers.

    Notes
    -----
    The model is baseline + effect · 2^(−days / half-life), fitted by least squares over a grid of
    half-lives from one day to four times the longest wait. Rows are summed by whole days in the engine
    that holds them. The baseline is constant: where the outcome drifts, take off the mean of those not
    touched in each period first. Who was touched must not otherwise differ from who was not: use an
    experiment. Where there is no effect, a half-life has no meaning, and the note says so.

    References
    ----------
    Golub & Pereyra (1973), doi:10.1137/0710036.

    Examples
    --------
    A made-up effect of 2 points that halves in 10 days.

    >>> import numpy as np
    >>> import pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> days = np.where(np.arange(2000) % 2 == 0, rng.integers(0, 60, 2000), np.nan)
    >>> felt = np.nan_to_num(2 * 2 ** (-days / 10)) + rng.normal(size=2000)
    >>> outcomes = pd.DataFrame({"customer_id": range(2000), "days_since": days, "felt": felt})
    >>> found = fade(outcomes, outcome_column="felt", rng=np.random.default_rng(2))
    >>> bool((found.table["conf_low"] <= [10, 2, 28.9]).all())
    True
    >>> bool((found.table["conf_high"] >= [10, 2, 28.9]).all())
    True
    """
    conf_level = _arguments.share(conf_level, name="conf_level")
    n_boot = _arguments.whole(n_boot, name="n_boot", at_least=100)
    rng = generator(rng)
    table, n_customers, n_missing = tally_days(
        outcomes,
        outcome_column=outcome_column,
        days_column=days_column,
        kind_column=kind_column,
        number_column=number_column,
        customer_column=customer_column,
    )
    refuse_few_customers(n_customers)
    is_control = table["day"].isna()
    if is_control.all() or not is_control.any():
        received = "all rows" if is_control.all() else "no row"
        raise EstimationError(
            f"{days_column!r} is missing in {received}; an effect is a difference between customers who were "
            "touched and customers who were not (days missing). Give both."
        )
    names = sorted(table.loc[~is_control, "kind"].fillna("(missing)").unique())
    half_lives = np.geomspace(1.0, 4 * max(float(table["day"].max()), 2.0), _HALF_LIVES)
    adaptations = np.zeros(1) if number_column is None else _ADAPTATIONS
    found = decay.fading(_summed(table, names, half_lives, n_boot, rng), half_lives, adaptations)
    n_terms = 3 if number_column is None else 4
    values = np.stack(
        [found.half_life, found.effect, found.effect * found.half_life / np.log(2), found.adaptation][
            :n_terms
        ],
        axis=2,
    )
    counts = table[~is_control].groupby(table["kind"].fillna("(missing)"))["n"].sum()
    return Estimates(
        table=_table(values, found, names, counts, n_missing, conf_level),
        estimand=f"Half-life and size of the effect of a touch on {outcome_column!r}, against no touch",
        method=f"Least squares of an exponential fade, {n_boot} draws of {n_customers:,} customers "
        "(Golub & Pereyra 1973, doi:10.1137/0710036)",
        assumptions=(
            "Who was touched does not otherwise differ from who was not.",
            "The effect fades at a constant rate, and a former touch has faded or is part of the baseline.",
            "Customers are independent of one another.",
        ),
        conf_level=conf_level,
        details={"pairs": _pairs(values, names, conf_level)},
        draws=values[1:].reshape(n_boot, -1),
    )


def _summed(
    table: pd.DataFrame, names: list[str], half_lives: Floats, n_boot: int, rng: np.random.Generator
) -> decay.Sums:
    bucket = pd.factorize(table["bucket"], sort=True)[0]
    n_buckets = int(bucket.max()) + 1
    weights = np.vstack([np.ones(n_buckets), resample.bucket_counts(n_buckets, n_boot, rng)])
    is_control = table["day"].isna().to_numpy()
    touched = (~is_control).astype(float)
    n, total = table["n"].to_numpy(float), table["total"].to_numpy(float)
    day = table["day"].fillna(0).to_numpy(float)
    kind = pd.Index(names).get_indexer(pd.Index(table["kind"].fillna("(missing)"))).clip(min=0)
    number = np.minimum(table["nth"].to_numpy(float).astype(int), _MOST_NUMBERS) - 1
    shape = (n_buckets, len(names), int(number.max()) + 1)
    place = np.ravel_multi_index((bucket, kind, number), shape)

    def controls(values: Floats) -> Floats:
        summed: Floats = weights @ np.bincount(bucket, values * is_control, n_buckets)
        return summed

    def by_kind(values: Floats) -> Floats:
        summed = np.bincount(place, values * touched, int(np.prod(shape))).astype(float).reshape(shape)
        drawn: Floats = np.tensordot(weights, summed, axes=1)
        return drawn

    # One pass a half-life: all at once would take the rows times the half-lives in memory.
    faded = [2.0 ** (-day / half_life) for half_life in half_lives]
    return decay.Sums(
        control_n=controls(n),
        control_total=controls(total),
        n=by_kind(n).sum(axis=2),
        total=by_kind(total).sum(axis=2),
        first=np.stack([by_kind(n * left) for left in faded], axis=3),
        second=np.stack([by_kind(n * left**2) for left in faded], axis=3),
        cross=np.stack([by_kind(total * left) for left in faded], axis=3),
    )


def _table(
    values: Floats,
    found: decay.Fading,
    names: list[str],
    counts: pd.Series,
    n_missing: int,
    conf_level: float,
) -> pd.DataFrame:
    n_draws, n_kinds, n_terms = len(values) - 1, len(names), values.shape[2]
    flat = values.reshape(n_draws + 1, -1)
    low, high = resample.percentile(flat[1:], conf_level)
    strays = resample.studentised(found.curve[1:] - found.curve[0], conf_level)
    scaled = np.divide(
        np.abs(found.curve[0]), strays.error, where=strays.error > 0, out=np.zeros(strays.error.shape)
    )
    p_value = (1 + (strays.largest >= scaled.max(axis=1)).sum(axis=0)) / (1 + n_draws)
    p_values = np.full((n_kinds, n_terms), np.nan)
    p_values[:, 1] = p_value
    is_edge = found.at_edge[1:].mean(axis=0) > (1 - conf_level) / 2
    notes = np.full((n_kinds, n_terms), "", dtype=object)
    notes[is_edge, 0] = "as long or short as could be seen in some draws: the interval is open"
    notes[p_value >= 1 - conf_level, 0] = "no effect is seen, so that a half-life has no meaning"
    return pd.DataFrame(
        {
            "kind": np.repeat(names, n_terms),
            "term": _TERMS[:n_terms] * n_kinds,
            "n": np.repeat(counts.reindex(names).to_numpy(int), n_terms),
            "estimate": flat[0],
            "std_error": flat[1:].std(axis=0, ddof=1),
            "p_value": p_values.ravel(),
            "conf_low": low,
            "conf_high": high,
            "unit": _UNITS[:n_terms] * n_kinds,
            "note": notes.ravel(),
            "n_missing": n_missing,
        }
    )


def _pairs(values: Floats, names: list[str], conf_level: float) -> pd.DataFrame:
    first, second = np.triu_indices(len(names), 1)
    tables = []
    for term, at in (("ratio of half-lives", 0), ("ratio of total effects", 2)):
        below = values[:, second, at]
        ratio = np.divide(values[:, first, at], below, out=np.full(below.shape, np.nan), where=below != 0)
        low, high = resample.percentile(np.nan_to_num(ratio[1:], nan=np.inf), conf_level)
        tables.append(
            pd.DataFrame(
                {
                    "term": term,
                    "kind": [names[i] for i in first],
                    "other": [names[i] for i in second],
                    "estimate": ratio[0],
                    "conf_low": low,
                    "conf_high": high,
                    "probability_larger": (values[1:, first, at] > values[1:, second, at]).mean(axis=0),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)
