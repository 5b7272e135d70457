"""One rule by which every chapter says what became of a claim."""

from collections.abc import Mapping
from math import isnan
from typing import Any, Literal

import pandas as pd

from cxmeasure.errors import ArgumentError

Word = Literal["holds", "fails", "not settled"]
Side = Literal["above", "below", "apart", "within"]

_OPPOSITE: dict[Word, Word] = {"holds": "fails", "fails": "holds", "not settled": "not settled"}


def judge(
    found: Mapping[str, Any] | pd.Series | tuple[float, float],
    claimed: Side = "above",
    null: float = 0.0,
    negligible: float = 0.0,
) -> Word:
    """Say what an interval says of a claim.

    Parameters
    ----------
    found : mapping, Series or pair of numbers
        A row with `conf_low` and `conf_high`, or the two ends themselves.
    claimed : {"above", "below", "apart", "within"}
        Where the claim says that the truth lies: on one side of `null`, on either, or, for a claim that
        there is nothing to see, nearer to `null` than `negligible`.
    null : float
        What would be true if there were nothing in the claim.
    negligible : float
        How far from `null` still counts as nothing.

    Returns
    -------
    str
        An interval that lies inside the negligible range *fails*. Otherwise one that is clear of `null`
        *holds* on the side claimed and *fails* on the other; any other is *not settled*. A claim
        ``"within"`` holds inside the range, and fails clear of all of it.

    Raises
    ------
    ArgumentError
        If `claimed` is no side, or ``"within"`` comes without a range.

    Examples
    --------
    >>> judge((0.2, 0.9)), judge((-0.3, 0.4)), judge((-0.3, 0.4), negligible=0.5)
    ('holds', 'not settled', 'fails')
    >>> judge({"conf_low": -0.03, "conf_high": 0.02}, "within", negligible=0.05)
    'holds'
    """
    if claimed not in {"above", "below", "apart", "within"}:
        raise ArgumentError(f'A claim lies "above", "below", "apart" or "within", not "{claimed}".')
    if claimed == "within" and negligible <= 0:
        raise ArgumentError('A claim that there is nothing to see needs a range: give "negligible".')
    low, high = found if isinstance(found, tuple) else (found["conf_low"], found["conf_high"])
    below, above = float(low) - null, float(high) - null
    if isnan(below) or isnan(above):
        return "not settled"
    if claimed == "within":
        outside = below > negligible or above < -negligible
        return "holds" if max(-below, above) < negligible else "fails" if outside else "not settled"
    if max(-below, above) < negligible:
        return "fails"
    if claimed == "apart":
        return "holds" if below > 0 or above < 0 else "not settled"
    word: Word = "holds" if below > 0 else "fails" if above < 0 else "not settled"
    return word if claimed == "above" else _OPPOSITE[word]


def all_hold(*words: Word) -> Word:
    """Say what became of a claim of several parts: holds if all do, fails if one does.

    Examples
    --------
    >>> all_hold("holds", "not settled"), all_hold("holds", "not settled", "fails")
    ('not settled', 'fails')
    """
    return "fails" if "fails" in words else "not settled" if "not settled" in words else "holds"


def one_holds(*words: Word) -> Word:
    """Say what became of a claim that something is somewhere: holds if one part does, fails if all do.

    Examples
    --------
    >>> one_holds("holds", "fails"), one_holds("not settled", "fails")
    ('holds', 'not settled')
    """
    return _OPPOSITE[all_hold(*(_OPPOSITE[word] for word in words))]


def less(one: Mapping[str, Any] | pd.Series, other: Mapping[str, Any] | pd.Series) -> tuple[float, float]:
    """Return the widest range in which a difference of two intervals can lie.

    It is clear of zero where the two do not overlap: strict, since no more is known of how they go together.

    Examples
    --------
    >>> less({"conf_low": 2.0, "conf_high": 3.0}, {"conf_low": 0.5, "conf_high": 1.0})
    (1.0, 2.5)
    """
    return float(one["conf_low"] - other["conf_high"]), float(one["conf_high"] - other["conf_low"])
