"""Slopes within touchpoints, what follows from them, and whether few carry most: arrays in, arrays out.

Everything is made of cross-products by buckets of customers: a bucket's part in an estimate is its
influence, from which come errors, joint draws, and the comparison with chance.
"""

from dataclasses import dataclass

import numpy as np

from cxmeasure._stats import resample
from cxmeasure._stats.intervals import Floats
from cxmeasure.touchpoints.reduce.contacts import Consequences


@dataclass(frozen=True, slots=True)
class Fitted:
    """Effects of a shortfall of one, and what follows from all shortfalls, a customer.

    Attributes
    ----------
    effect, consequence, reach, gap : ndarray of shape (touchpoints,)
    common : float
        The effect if it is the same at every touchpoint.
    effect_parts, consequence_parts, restricted_parts : ndarray of shape (buckets, touchpoints)
        What each bucket adds to the error of effect and consequence, and to the distance of the effect
        from the common one.
    precision : ndarray of shape (touchpoints,)
        What weighs the effects in the common one.
    """

    effect: Floats
    consequence: Floats
    reach: Floats
    gap: Floats
    common: float
    effect_parts: Floats
    consequence_parts: Floats
    restricted_parts: Floats
    precision: Floats


def slopes(products: Floats, outcomes: Floats) -> tuple[Floats, Floats]:
    """Return coefficients and inverse cross-products; zeros where regressors determine one another.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    >>> slopes(x.T @ x, x.T @ np.array([1.0, 2.0, 4.0]))[0]
    array([1., 2.])
    """
    size = np.sqrt(np.diagonal(products, axis1=-2, axis2=-1))
    size = np.where(size > 0, size, 1.0)
    outer = size[..., :, None] * size[..., None, :]
    scaled = products / outer
    is_whole = np.linalg.eigvalsh(scaled)[..., 0] > 1e-9
    whole = np.where(is_whole[..., None, None], scaled, np.eye(products.shape[-1]))
    inverse = np.where(is_whole[..., None, None], np.linalg.inv(whole) / outer, 0.0)
    return np.einsum("...ij,...j->...i", inverse, outcomes), inverse


def fitted(tally: Consequences) -> Fitted:
    """Return the effect at each touchpoint, and reach × effect × gap."""
    products, outcomes = tally.products.sum(axis=0), tally.outcomes.sum(axis=0)
    beta, inverse = slopes(products, outcomes)
    effect, precision = beta[:, 1], 1 / inverse[:, 1, 1]
    common = float(precision @ effect / precision.sum())
    held = beta - inverse[:, :, 1] * (precision * (effect - common))[:, None]
    effect_parts, restricted_parts = (
        np.einsum(
            "jq,gjq->gj",
            inverse[:, 1, :],
            tally.outcomes - np.einsum("gjpq,jq->gjp", tally.products, at),
        )
        for at in (beta, held)
    )
    wider = _at_least_conventional(tally, beta, precision, errors(effect_parts))
    effect_parts, restricted_parts = effect_parts * wider, restricted_parts * wider
    n = tally.customers.sum()
    short, exposed = products[:, 0, 1], products[:, 0, 0]
    own = tally.products[:, :, 0, 1] - tally.customers[:, None] / n * short
    return Fitted(
        effect=effect,
        consequence=effect * short / n,
        reach=exposed / n,
        gap=short / exposed,
        common=common,
        effect_parts=effect_parts,
        consequence_parts=(effect_parts * short + effect * own) / n,
        restricted_parts=restricted_parts,
        precision=precision,
    )


def _at_least_conventional(tally: Consequences, beta: Floats, precision: Floats, error: Floats) -> Floats:
    """Return by how much errors grow to the conventional ones (constant variance, or Poisson), at least 1.

    Where few outcomes are expected and none came, customers' scores alone would look certain.

    References
    ----------
    Angrist & Pischke (2009), Mostly Harmless Econometrics (book, no DOI), section 8.1.
    """
    if tally.is_rate:
        variance = tally.squares / tally.products[:, :, 0, 0].sum(axis=0)
    else:
        explained = np.einsum("jp,jp->j", beta, tally.outcomes.sum(axis=0))
        variance = np.maximum(tally.squares - explained, 0) / np.maximum(tally.n - beta.shape[1], 1)
    conventional = np.sqrt(variance / precision)
    wider: Floats = np.maximum(conventional / np.maximum(error, 1e-300), 1.0)
    return np.where(error > 0, wider, 1.0)


def errors(parts: Floats) -> Floats:
    """Return standard errors from the buckets' parts."""
    n = len(parts)
    found: Floats = np.sqrt(n / (n - 1) * (parts**2).sum(axis=0))
    return found


def gini(values: Floats) -> Floats:
    """Return the Gini coefficient of sizes along the last axis: 0 if all are equal, near 1 if one has all.

    Examples
    --------
    >>> gini(np.array([[1.0, 1, 1, 1], [0, 0, 0, 4]]))
    array([0.  , 0.75])
    """
    size = np.sort(np.abs(values), axis=-1)
    n = size.shape[-1]
    total = size.sum(axis=-1)
    leaning = (size * (2 * np.arange(1, n + 1) - n - 1)).sum(axis=-1)
    found: Floats = np.divide(leaning, n * total, out=np.zeros_like(total), where=total > 0)
    return found


def by_chance(found: Fitted, n_null: int, rng: np.random.Generator) -> Floats:
    """Return consequences under one common effect: each bucket's distance from it gets a random sign.

    References
    ----------
    Canay, Romano & Shaikh (2017), Econometrica 85:1013–1030, doi:10.3982/ECTA13081.
    """
    signs = rng.choice([-1.0, 1.0], size=(n_null, len(found.restricted_parts)))
    drawn: Floats = (found.common + signs @ found.restricted_parts) * found.reach * found.gap
    return drawn


def halves(tally: Consequences, n_splits: int, rng: np.random.Generator) -> Floats:
    """Return consequences in random halves of the customers, shape (splits, 2, touchpoints)."""
    order = rng.random((n_splits, len(tally.customers))).argsort(axis=1)
    first = (order < len(tally.customers) // 2).astype(float)
    member = np.stack([first, 1 - first], axis=1)
    products = np.tensordot(member, tally.products, axes=1)
    beta, _ = slopes(products, np.tensordot(member, tally.outcomes, axes=1))
    found: Floats = beta[..., 1] * products[..., 0, 1] / (member @ tally.customers)[..., None]
    return found


def confirmed(found: Floats, k: int) -> tuple[Floats, Floats]:
    """Compare the `k` largest of a half in that half and in the other.

    Returns
    -------
    compared : ndarray of shape (splits, 4)
        Mean size where they were found, where they were not, the difference, and the rank correlation of
        the halves.
    often : ndarray of shape (touchpoints,)
        In which share of the splits each is among the `k` largest of both halves.
    """
    is_top = resample.ranks(np.abs(found).reshape(-1, found.shape[2])).reshape(found.shape) <= k
    count = is_top.sum(axis=2)
    here = (np.abs(found) * is_top).sum(axis=2) / count
    there = (np.sign(found) * found[:, ::-1] * is_top).sum(axis=2) / count
    place = found.argsort(axis=2).argsort(axis=2).astype(float)
    away = place - place.mean(axis=2, keepdims=True)
    alike = (away[:, 0] * away[:, 1]).sum(axis=1) / np.maximum((away[:, 0] ** 2).sum(axis=1), 1e-300)
    means = np.column_stack([here.mean(axis=1), there.mean(axis=1)])
    return np.column_stack([means, means[:, 0] - means[:, 1], alike]), is_top.all(axis=1).mean(axis=0)


def hazard_ratios(tally: Consequences, found: Fitted) -> tuple[Floats, Floats]:
    """Return the log ratio of the outcome's rate with a shortfall of one to that without, and its error.

    The last entry is that of all touchpoints together. NaN where the rate without would not be positive.
    """
    weights = found.precision / found.precision.sum()
    effect = np.append(found.effect, found.common)
    parts = np.column_stack([found.effect_parts, found.effect_parts @ weights])
    exposed, short, happened = (
        np.column_stack([each, each.sum(axis=1)])
        for each in (tally.products[:, :, 0, 0], tally.products[:, :, 0, 1], tally.outcomes[:, :, 0])
    )
    total, rest = exposed.sum(axis=0), happened.sum(axis=0) - effect * short.sum(axis=0)
    ratio = 1 + effect * total / np.where(rest > 0, rest, np.nan)
    own = happened - effect * short - parts * short.sum(axis=0)
    moved = (parts * total + effect * exposed) / rest - effect * total * own / rest**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.log(np.where(ratio > 0, ratio, np.nan)), errors(moved) / ratio
