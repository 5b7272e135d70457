"""Do two ways of sorting the same things agree, and does a sorting tell anything? Arrays in, arrays out."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxmeasure._stats.intervals import Floats

Codes = npt.NDArray[np.int64]


def adjusted_rand(first: Codes, second: Codes) -> float:
    """Return the share of pairs sorted alike, corrected for chance: 1 alike, 0 as by chance.

    Parameters
    ----------
    first, second : ndarray of shape (n,)
        The same things' places in two sortings, as whole numbers from 0.

    References
    ----------
    Hubert & Arabie (1985), Journal of Classification 2:193–218, doi:10.1007/BF01908075.

    Examples
    --------
    By hand: of six pairs the first puts two together, the second one, both one. By chance both would put
    2 · 1 / 6 together, at most (2 + 1) / 2: (1 − 1/3) / (3/2 − 1/3) = 4/7.

    >>> round(adjusted_rand(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])), 4)
    0.5714
    """
    width = int(second.max()) + 1
    both = _pairs(np.bincount(first * width + second))
    one, other = _pairs(np.bincount(first)), _pairs(np.bincount(second))
    expected = one * other / max(_pairs(np.array([len(first)])), 1.0)
    most = (one + other) / 2
    return 1.0 if most == expected else float((both - expected) / (most - expected))


def _pairs(counts: Codes) -> float:
    return float((counts * (counts - 1.0)).sum() / 2)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Squared errors of an outcome that was not seen, one element a row.

    Attributes
    ----------
    plain : ndarray of shape (n,)
        Predicted from the covariates alone, or from the mean where there are none.
    sorted : ndarray of shape (n,)
        Predicted from the covariates and the segment.
    total : ndarray of shape (n,)
        Predicted from the mean.
    """

    plain: Floats
    sorted: Floats
    total: Floats

    def gain(self) -> tuple[float, float]:
        """Return the share of the scatter that the segments save, with its standard error."""
        saved, whole = self.plain - self.sorted, self.total.sum()
        share = float(saved.sum() / whole)
        strays = saved - share * self.total
        return share, float(np.sqrt((strays**2).sum()) / whole)


class Trial:
    """An outcome and covariates in folds, to see what segments add to the prediction of rows not seen.

    Parameters
    ----------
    outcome : ndarray of shape (n,)
    covariates : ndarray of shape (n, q)
        Without a constant; q may be 0.
    fold : ndarray of shape (n,)
        The fold in which each row is held out.
    """

    def __init__(self, outcome: Floats, covariates: Floats, fold: Codes) -> None:
        """Keep the outcome, and the covariates scaled."""
        self._y = outcome
        self._ones = np.ones((len(outcome), 1))
        spread = covariates.std(axis=0)
        scaled = (covariates - covariates.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        self._x = np.hstack([self._ones, scaled])
        self._folds = [np.flatnonzero(fold == at) for at in range(int(fold.max()) + 1)]

    def held_out(self, codes: Codes) -> HeldOut:
        """Return the errors with and without the segments `codes`, whole numbers from 0."""
        return HeldOut(*(errors[:, 0] for errors in self._errors(codes, self._y[:, None])))

    def shuffled(self, codes: Codes, n: int, rng: np.random.Generator) -> Floats:
        """Return `n` gains where segments tell nothing: what covariates leave of the outcome is shuffled.

        References
        ----------
        Freedman & Lane (1983), Journal of Business & Economic Statistics 1:292–298,
        doi:10.1080/07350015.1983.10509354.
        """
        fitted = self._x @ np.linalg.lstsq(self._x, self._y, rcond=None)[0]
        rest, gains = self._y - fitted, []
        for _ in range(n):
            drawn = (fitted + rng.permutation(rest))[:, None]
            plain, own, total = (errors.sum() for errors in self._errors(codes, drawn))
            gains.append((plain - own) / total)
        return np.array(gains)

    def _errors(self, codes: Codes, outcomes: Floats) -> tuple[Floats, Floats, Floats]:
        segments = np.eye(int(codes.max()) + 1)[codes][:, 1:]
        designs = (self._x, np.hstack([self._x, segments]), self._ones)
        plain, own, total = (self._of(design, outcomes) for design in designs)
        return plain, own, total

    def _of(self, design: Floats, outcomes: Floats) -> Floats:
        """Return squared errors of each row, predicted from the other folds."""
        squares, products = design.T @ design, design.T @ outcomes
        predicted = np.empty_like(outcomes)
        for out in self._folds:
            own, answer = design[out], outcomes[out]
            kept = np.linalg.pinv(squares - own.T @ own, hermitian=True)
            predicted[out] = own @ (kept @ (products - own.T @ answer))
        errors: Floats = (outcomes - predicted) ** 2
        return errors


def codes_of(labels: Iterable[object]) -> Codes:
    """Return labels as whole numbers from 0, in their sorted order."""
    return np.unique(np.array([str(label) for label in labels]), return_inverse=True)[1].astype(np.int64)
