"""What would be lost without a touchpoint? Removal effects of an exact absorbing Markov chain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._stats import chains, resample
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import EstimationError
from cxmeasure.results import Estimates, tidy
from cxmeasure.touchpoints import relabelling
from cxmeasure.touchpoints.grouping import generator
from cxmeasure.touchpoints.reduce.paths import Moves, tally_moves

_FEWEST_CUSTOMERS = 10
_NUMBERS = 2**24


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
        Draws for the intervals, and draws for each comparison with chance; 0 for none.
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
        particular place; `p_value` says whether the effect differs from that; ``ends_null_mean``, the
        effect if the same paths succeeded by lot, and ``ends_p_value``, whether it differs from that;
        ``n_steps``; ``n_missing``, paths still open. ``details["conversion"]`` is the chance of success in
        the chain. ``draws`` has shape (n_boot, touchpoints).

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
    is a description: a touchpoint on the way of all who succeed need not have helped anyone. A matrix of
    (touchpoints to the power of `order`)² numbers is solved a draw.

    Two comparisons with chance, at any order. For `p_value` the touchpoints are shuffled over all steps;
    lengths and outcomes of paths stay. Where journeys follow a script this calls every touchpoint
    different, because it finds the script: 12 of 12 in the first journey of the sample company, with
    effects and without. There read ``ends_p_value``: every path stays as it is, and the outcomes are dealt
    to the paths by lot. Both hold their level where their chance is the truth (3 to 6 in 100 at 5 %). The
    second still finds what ends paths early: where a lost path is cut short, the steps that it did not come
    to differ (some 3 in 10 touchpoints of the sample company, in which none helps). Whether a touchpoint
    helps is seen by changing it for some, by lot. Where shuffled paths would have more than 1,000 states
    there is no `p_value`, and the assumptions say so.

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
    chain, n_terms = _counted(counts, order), len(counts.touched)
    chance, effects = _solved(chain, n_terms, 0 if few else n_boot, rng)
    labels = relabelling.labels_by_lot(counts, order, n_null, rng)
    whole = chain.table(np.ones((1, len(chain.begins))))[0]
    ends = relabelling.ends_by_lot(chain.begins.sum(axis=0), whole, chain.owners, n_terms, n_null, rng)
    drawn = len(effects) > 1
    return Estimates(
        table=_table(counts, effects, {"": labels, "ends_": ends}, conf_level),
        estimand="Share of the successes that is lost if every path that comes to the touchpoint fails",
        method=f"Removal effects of an exact absorbing Markov chain of order {order} "
        "(Anderl et al. 2016, doi:10.1016/j.ijresmar.2016.03.001)"
        + (f"; bootstrap percentiles over {counts.n_customers:,} customers" if drawn else ""),
        assumptions=_assumptions(order, labels, ends),
        conf_level=conf_level,
        details={"conversion": _conversion(chance, counts, conf_level)},
        draws=effects[1:] if drawn else None,
    )


@dataclass(frozen=True, slots=True)
class _Chain:
    """Counts of a chain, by buckets of customers; `kinds` are the cells of its table that are not zero."""

    owners: npt.NDArray[np.intp]
    begins: Floats
    kinds: npt.NDArray[np.intp]
    sums: Floats

    def table(self, weights: Floats) -> Floats:
        """Return moves to each state, then wins and losses, shape (draws, states, states + 2)."""
        n_states = len(self.owners)
        flat = np.zeros((len(weights), n_states * (n_states + 2)))
        flat[:, self.kinds] = weights @ self.sums
        return flat.reshape(len(weights), n_states, -1)


def _counted(counts: Moves, order: int) -> _Chain:
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
    return _Chain(states[:, 0], begins.astype(float), kinds, sums.astype(float))


def _solved(chain: _Chain, n_terms: int, n_boot: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return chance and effects of the chain, first of all customers, then of each draw."""
    n_buckets = len(chain.begins)
    weights = np.vstack([np.ones(n_buckets), resample.bucket_counts(n_buckets, n_boot, rng)])
    parts = []
    # Draws in blocks: all of them at once would take the states squared times the draws in memory.
    step = max(1, _NUMBERS // len(chain.owners) ** 2)
    for some in (weights[at : at + step] for at in range(0, len(weights), step)):
        table = chain.table(some)
        ends = (table[:, :, :-2], table[:, :, -2], table[:, :, -1])
        parts.append(chains.removal(some @ chain.begins, *ends, chain.owners, n_terms))
    chance, effects = (np.concatenate(part) for part in zip(*parts, strict=True))
    return chance, effects


def _places(states: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Return the row of `states` that equals each row of `wanted`; 0 where there is none."""
    base = int(max(states.max(), wanted.max())) + 2
    powers = base ** np.arange(states.shape[1])[::-1]
    keys, sought = (states + 1) @ powers, (wanted + 1) @ powers
    return np.minimum(np.searchsorted(keys, sought), len(keys) - 1)


def _assumptions(order: int, labels: Floats, ends: Floats) -> tuple[str, ...]:
    said = [
        f"A path remembers its last {order} step{'s' if order > 1 else ''} and nothing before.",
        "It says through what successes pass, not what would follow from taking a touchpoint away.",
        "Customers are independent of one another.",
    ]
    if len(labels):
        said.append(
            "p_value compares with touchpoints in no particular place: where journeys follow a script, it is "
            "small for every touchpoint, because it finds the script. Read ends_p_value there."
        )
    elif len(ends):
        said.append(
            f"No p_value: shuffled touchpoints make a chain of over {relabelling.MOST_STATES:,} states; "
            "give a smaller order, or join touchpoints."
        )
    if len(ends):
        said.append(
            "ends_p_value compares with the same paths and outcomes dealt by lot, as if no touchpoint had to "
            "do with success; a path that is cut short when it is lost differs from that by itself."
        )
    return tuple(said)


def _table(counts: Moves, effects: Floats, nulls: Mapping[str, Floats], conf_level: float) -> pd.DataFrame:
    point, draws = effects[0], effects[1:]
    low, high = resample.percentile(draws, conf_level)
    relative = effects / effects.sum(axis=1, keepdims=True).clip(1e-300)
    share_low, share_high = resample.percentile(relative[1:], conf_level)
    table = pd.DataFrame({"term": counts.touched["touchpoint"], "n": counts.touched["paths"].astype("int64")})
    table["estimate"] = point
    table["std_error"] = draws.std(axis=0, ddof=1) if len(draws) > 1 else np.nan
    table["p_value"] = np.nan
    table["conf_low"], table["conf_high"], table["unit"] = low, high, "share"
    few = counts.n_customers < _FEWEST_CUSTOMERS
    table["note"] = f"no interval from fewer than {_FEWEST_CUSTOMERS} customers" if few else ""
    table["attributed_share"] = relative[0]
    table["attributed_share_low"], table["attributed_share_high"] = share_low, share_high
    for name, null in nulls.items():
        table[f"{name}p_value"] = _p_values(point, null)
        table[f"{name}null_mean"] = null.mean(axis=0) if len(null) else np.nan
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
