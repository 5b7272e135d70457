"""What would be lost without a touchpoint? Removal effects of an exact absorbing Markov chain."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats import chains, resample
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import EstimationError
from cxmeasure.results import Estimates, tidy
from cxmeasure.touchpoints.grouping import generator
from cxmeasure.touchpoints.reduce.paths import Moves, tally_moves

_FEWEST_CUSTOMERS = 10


def removal_effects(
    events: Any,
    *,
    customer_column: str = "customer_id",
    journey_column: str | None = None,
    touchpoint_column: str = "touchpoint",
    order_column: str | Sequence[str] = "ts",
    converted_column: str = "converted",
    order: int = 1,
    n_boot: int = 500,
    n_null: int = 200,
    rng: np.random.Generator | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate which share of the successes goes through each touchpoint, and compare it with chance.

    Parameters
    ----------
    events : frame or str
        One row a step of a path.
    customer_column : str
        Whose step it is (whole numbers or text). The bootstrap draws customers.
    journey_column : str, optional
        Which path it belongs to; by default all steps of a customer are one path.
    touchpoint_column : str
        What was touched.
    order_column : str or sequence of str
        What puts the steps of a path in order. Ties are refused.
    converted_column : str
        Whether the path ended well: true in any of its rows, false in all others. A path whose rows are
        all missing is still open; it is left out and counted in ``n_missing``.
    order : int
        How many steps the chain remembers.
    n_boot, n_null : int
        Draws for the intervals, and relabellings for the comparison with chance; 0 for none.
    rng : numpy.random.Generator, optional
        Give one to get the same draws again.
    conf_level : float
        Level of the intervals, in 0–1.

    Returns
    -------
    Estimates
        One row a touchpoint: `estimate` is the share of the successes that is lost if every path that comes
        to the touchpoint fails, in 0–1; `n` counts the paths that pass it. Besides the usual columns:
        ``attributed_share``, the estimates rescaled to sum to 1, with ``attributed_share_low`` and
        ``attributed_share_high``; ``null_mean``, the effect of a touchpoint that is met as often, in no
        particular place; `p_value` says whether the effect differs from that; ``n_steps``; ``n_missing``,
        paths still open. ``details["conversion"]`` is the chance of success in the chain. ``draws`` has
        shape (n_boot, touchpoints).

    Raises
    ------
    ArgumentError, TableError, DataError
        If a choice is out of range, a column is missing or of the wrong type, a value is missing, or
        the order of steps is tied.
    EstimationError
        If no path succeeded.

    Notes
    -----
    The chain is solved, not simulated. It supposes that a path forgets all but its last `order` steps. It
    is a description: a touchpoint on the way of all who succeed need not have helped anyone. Relabelling
    shuffles the touchpoints over all steps; lengths and outcomes of paths stay. With `order` above 1 nothing
    is relabelled: shuffling makes combinations of touchpoints that no path has, and a chain of so many more
    states is not the one to compare with. A matrix of (touchpoints to the power of
    `order`)² numbers is solved a draw.

    References
    ----------
    Anderl et al. (2016), doi:10.1016/j.ijresmar.2016.03.001.

    Examples
    --------
    Three paths, of which one succeeds (S. Bryl's example; by hand .5, 1, 1; attributed .2, .4, .4).

    >>> import pandas as pd
    >>> steps = pd.DataFrame(
    ...     {
    ...         "customer_id": [1, 1, 1, 2, 3, 3],
    ...         "touchpoint": ["C1", "C2", "C3", "C1", "C2", "C3"],
    ...         "ts": [1, 2, 3, 1, 1, 2],
    ...         "converted": [True, True, True, False, False, False],
    ...     }
    ... )
    >>> removal_effects(steps).table[["term", "n", "estimate", "attributed_share"]]
      term  n  estimate  attributed_share
    0   C1  2       0.5               0.2
    1   C2  2       1.0               0.4
    2   C3  2       1.0               0.4
    """
    order = _arguments.whole(order, name="order", at_least=1)
    n_boot = _arguments.whole(n_boot, name="n_boot", at_least=0)
    n_null = _arguments.whole(n_null, name="n_null", at_least=0)
    conf_level = _arguments.share(conf_level, name="conf_level")
    rng = generator(rng)
    order_columns = [order_column] if isinstance(order_column, str) else order_column
    counts = tally_moves(
        events,
        customer_column=customer_column,
        journey_column=journey_column,
        touchpoint_column=touchpoint_column,
        order_columns=_arguments.names(order_columns, name="order_column"),
        converted_column=converted_column,
        order=order,
    )
    if not counts.paths["won"].any():
        raise EstimationError(
            f"No path succeeded ({converted_column!r} is true in none of {int(counts.paths['n'].sum()):,}); "
            "there is nothing that a touchpoint's absence could take away."
        )
    few = counts.n_customers < _FEWEST_CUSTOMERS
    chance, effects = _solved(counts, order, 0 if few else n_boot, rng)
    null = _relabelled(counts, n_null, rng) if order == 1 and n_null else np.empty((0, effects.shape[1]))
    drawn = len(effects) > 1
    return Estimates(
        table=_table(counts, effects, null, conf_level),
        estimand="Share of the successes that is lost if every path that comes to the touchpoint fails",
        method=f"Removal effects of an exact absorbing Markov chain of order {order} "
        "(Anderl et al. 2016, doi:10.1016/j.ijresmar.2016.03.001)"
        + (f"; bootstrap percentiles over {counts.n_customers:,} customers" if drawn else ""),
        assumptions=(
            f"A path remembers its last {order} step{'s' if order > 1 else ''} and nothing before.",
            "It says through what successes pass, not what would follow from taking a touchpoint away.",
            "Customers are independent of one another.",
        ),
        conf_level=conf_level,
        details={"conversion": _conversion(chance, counts, conf_level)},
        draws=effects[1:] if drawn else None,
    )


def _solved(counts: Moves, order: int, n_boot: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return chance and effects of the chain, first of all customers, then of each draw."""
    moves = counts.moves
    terms = pd.Index(counts.touched["touchpoint"])
    labels = moves[["touchpoint", *(f"back_{i}" for i in range(1, order))]]
    codes = np.column_stack([terms.get_indexer(pd.Index(labels[column])) for column in labels])
    states, here = np.unique(codes, axis=0, return_inverse=True)
    n_states = len(states)
    ahead = np.column_stack([terms.get_indexer(pd.Index(moves["next"])), codes[:, : order - 1]])
    has_next = moves["next"].notna().to_numpy()
    there = _places(states, ahead)
    ends = np.where(moves["won"] == 1, n_states, n_states + 1)
    cells = here * (n_states + 2) + np.where(has_next, there, ends)
    kinds, kind = np.unique(cells, return_inverse=True)
    bucket = pd.factorize(moves["bucket"], sort=True)[0]
    n_buckets = int(bucket.max()) + 1
    sums = np.bincount(bucket * len(kinds) + kind, moves["n"], n_buckets * len(kinds)).reshape(n_buckets, -1)
    first = moves["is_first"].to_numpy() * moves["n"].to_numpy()
    begins = np.bincount(bucket * n_states + here, first, n_buckets * n_states).reshape(n_buckets, -1)
    weights = np.vstack([np.ones(n_buckets), resample.bucket_counts(n_buckets, n_boot, rng)])
    flat = np.zeros((len(weights), n_states * (n_states + 2)))
    flat[:, kinds] = weights @ sums
    full = flat.reshape(len(weights), n_states, -1)
    return chains.removal(
        weights @ begins, full[:, :, :n_states], full[:, :, -2], full[:, :, -1], states[:, 0], len(terms)
    )


def _places(states: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Return the row of `states` that equals each row of `wanted`; 0 where there is none."""
    base = int(max(states.max(), wanted.max())) + 2
    powers = base ** np.arange(states.shape[1])[::-1]
    keys, sought = (states + 1) @ powers, (wanted + 1) @ powers
    return np.minimum(np.searchsorted(keys, sought), len(keys) - 1)


def _relabelled(counts: Moves, n_null: int, rng: np.random.Generator) -> Floats:
    """Return the effects after shuffling the touchpoints over all steps, once a row."""
    paths, n_terms = counts.paths, len(counts.touched)
    steps = np.repeat(paths["steps"].to_numpy(), paths["n"])
    won = np.repeat(paths["won"].to_numpy(), paths["n"])
    last = np.cumsum(steps) - 1
    first = last - steps + 1
    labels = np.repeat(np.arange(n_terms), counts.touched["steps"])
    goes_on = np.delete(np.arange(len(labels)), last)
    target = np.zeros((3, n_null, n_terms))
    moves = np.empty((n_null, n_terms, n_terms))
    # One shuffle at a time: all at once would take the steps times the shuffles in memory.
    for draw in range(n_null):
        shuffled = rng.permutation(labels)
        pairs = shuffled[goes_on] * n_terms + shuffled[goes_on + 1]
        moves[draw] = np.bincount(pairs, minlength=n_terms**2).reshape(n_terms, n_terms)
        target[0, draw] = np.bincount(shuffled[first], minlength=n_terms)
        target[1, draw] = np.bincount(shuffled[last], won, minlength=n_terms)
        target[2, draw] = np.bincount(shuffled[last], 1 - won, minlength=n_terms)
    return chains.removal(target[0], moves, target[1], target[2], np.arange(n_terms), n_terms)[1]


def _table(counts: Moves, effects: Floats, null: Floats, conf_level: float) -> pd.DataFrame:
    point, draws = effects[0], effects[1:]
    low, high = resample.percentile(draws, conf_level)
    relative = effects / effects.sum(axis=1, keepdims=True).clip(1e-300)
    share_low, share_high = resample.percentile(relative[1:], conf_level)
    table = pd.DataFrame({"term": counts.touched["touchpoint"], "n": counts.touched["paths"].astype("int64")})
    table["estimate"] = point
    table["std_error"] = draws.std(axis=0, ddof=1) if len(draws) > 1 else np.nan
    table["p_value"] = _p_values(point, null)
    table["conf_low"], table["conf_high"], table["unit"] = low, high, "share"
    few = counts.n_customers < _FEWEST_CUSTOMERS
    table["note"] = f"no interval from fewer than {_FEWEST_CUSTOMERS} customers" if few else ""
    table["attributed_share"] = relative[0]
    table["attributed_share_low"], table["attributed_share_high"] = share_low, share_high
    table["null_mean"] = null.mean(axis=0) if len(null) else np.nan
    table["n_steps"] = counts.touched["steps"].astype("int64")
    return table.assign(n_missing=counts.n_open)


def _p_values(point: Floats, null: Floats) -> Floats:
    if not len(null):
        return np.full_like(point, np.nan)
    middle = null.mean(axis=0)
    as_far = np.abs(null - middle) >= np.abs(point - middle) - 1e-12
    values: Floats = (1 + as_far.sum(axis=0)) / (1 + len(null))
    return values


def _conversion(chance: Floats, counts: Moves, conf_level: float) -> pd.DataFrame:
    low, high = resample.percentile(chance[1:, None], conf_level)
    return tidy(
        pd.DataFrame(
            {
                "term": ["conversion"],
                "n": [int(counts.paths["n"].sum())],
                "estimate": chance[:1],
                "conf_low": low,
                "conf_high": high,
                "unit": "share",
            }
        )
    )
