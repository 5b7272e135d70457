"""How many of those invited answered? AAPOR's outcome rates, with intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure import _arguments
from cxmeasure._frames import framed, listed
from cxmeasure._stats import intervals
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import ArgumentError, DataError
from cxmeasure.results import Estimates
from cxmeasure.survey.grouping import grouping, regrouped
from cxmeasure.survey.reduce import DISPOSITIONS, group_keys, tally_dispositions

_KNOWN, _UNKNOWN = ("I", "P", "R", "NC", "O"), ("UH", "UO")
_REACHED = ("I", "P", "R", "O")

# Rate: (codes above the line, known codes below it, how much of the unknown counts below it).
_RATES: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "RR1": (("I",), _KNOWN, "all"),
    "RR2": (("I", "P"), _KNOWN, "all"),
    "RR3": (("I",), _KNOWN, "eligible"),
    "RR4": (("I", "P"), _KNOWN, "eligible"),
    "RR5": (("I",), _KNOWN, "none"),
    "RR6": (("I", "P"), _KNOWN, "none"),
    "COOP1": (("I",), _REACHED, "none"),
    "COOP2": (("I", "P"), _REACHED, "none"),
    "COOP3": (("I",), ("I", "P", "R"), "none"),
    "COOP4": (("I", "P"), ("I", "P", "R"), "none"),
    "REF1": (("R",), _KNOWN, "all"),
    "REF2": (("R",), _KNOWN, "eligible"),
    "REF3": (("R",), _KNOWN, "none"),
    "CON1": (_REACHED, _KNOWN, "all"),
    "CON2": (_REACHED, _KNOWN, "eligible"),
    "CON3": (_REACHED, _KNOWN, "none"),
    "LOC1": (_KNOWN, _KNOWN, "all"),
    "LOC2": (_KNOWN, _KNOWN, "eligible"),
}


def response_rates(
    dispositions: Any,
    *,
    disposition_column: str = "disposition",
    mapping: Mapping[str, str] | None = None,
    by: Sequence[str] = (),
    weight_column: str | None = None,
    eligibility: float | None = None,
    rates: Sequence[str] | None = None,
    conf_level: float = 0.95,
) -> Estimates:
    """Estimate response, cooperation, refusal, contact and location rates as AAPOR defines them.

    Parameters
    ----------
    dispositions : mapping of str to int, or frame, str, Series or list
        Counts by disposition code, such as ``{"I": 400, "P": 20, "R": 900, "NC": 680}``, or a table of
        invitations with one row each, or the codes themselves. The codes:
        I complete, P partial, R refusal, NC non-contact,
        O other, UH and UO unknown whether eligible, NE not eligible.
    disposition_column : str
        In a table: the final disposition of the invitation, as text.
    mapping : mapping of str to str, optional
        The table's own words to codes: ``{"complete": "I", "no reply": "NC"}``. Every word must be there.
    by : sequence of str
        In a table: columns that make the groups.
    weight_column : str, optional
        In a table: design weights of zero or more. Only their ratios matter.
    eligibility : float, optional
        Share of the unknown cases that are eligible (AAPOR's e), in 0–1; by default the share among the
        cases whose eligibility is known, and its uncertainty enters the interval.
    rates : sequence of str, optional
        Which rates, of RR1–6, COOP1–4, REF1–3, CON1–3, LOC1–2; by default all.
    conf_level : float
        Level of the interval, in 0–1.

    Returns
    -------
    Estimates
        One row a group and rate, as shares in 0–1, with `n` the cases that can enter the denominator. A
        rate without such a case is missing, and its note says so. Besides the usual columns: ``eligibility``.

    Raises
    ------
    ArgumentError, TableError, DataError
        If a rate, code or eligibility is unknown or out of range, a count negative, or a disposition not
        in the mapping.

    Notes
    -----
    The interval is Wilson's on the number of simple draws that give the same linearised variance. It
    treats invitations as drawn from a larger stream of such invitations, independent of one another.
    A high response rate is no proof of a good sample, nor a low one of a bad one.

    References
    ----------
    AAPOR, Standard Definitions: Final Dispositions of Case Codes and Outcome Rates for Surveys
    (no DOI; formulas as implemented and published by the R package outcomerate).

    Examples
    --------
    The R package outcomerate gives RR1 = .364, RR3 = .370 and RR5 = .444 for these.

    >>> counts = {"I": 4, "P": 2, "R": 1, "NC": 1, "O": 1, "UH": 1, "UO": 1, "NE": 1}
    >>> response_rates(counts, rates=["RR1", "RR3", "RR5"]).table[["term", "n", "estimate"]].round(3)
      term   n  estimate
    0  RR1  11     0.364
    1  RR3  11     0.370
    2  RR5   9     0.444
    """
    wanted = _wanted(rates)
    conf_level = _arguments.share(conf_level, name="conf_level")
    if eligibility is not None and not (isinstance(eligibility, int | float) and 0 <= eligibility <= 1):
        raise ArgumentError(f"eligibility={eligibility!r} is out of range; give a share from 0 to 1.")
    if mapping is not None and not isinstance(mapping, Mapping):
        raise ArgumentError(
            f"mapping={mapping!r} is no mapping; give your words and AAPOR's codes: {{'complete': 'I'}}."
        )
    groups = grouping(by, "eligibility")
    if isinstance(dispositions, Mapping):
        if groups or weight_column is not None or mapping is not None:
            raise ArgumentError("by, weight_column and mapping need a table of invitations; received counts.")
        tally = _counted(dispositions)
    else:
        tally = tally_dispositions(
            framed(dispositions, disposition_column),
            disposition_column=disposition_column,
            mapping=mapping,
            by=groups,
            weight_column=weight_column,
        )
    return Estimates(
        table=_table(tally, groups, wanted, eligibility, conf_level),
        estimand="AAPOR outcome rates of the invitations sent, as shares",
        method="AAPOR Standard Definitions; Wilson interval on the linearised variance of the ratio",
        assumptions=(
            "Each invitation stands on its own; several to one customer make the interval too narrow.",
            _eligibility_sentence(eligibility),
        ),
        conf_level=conf_level,
    )


def _wanted(rates: Sequence[str] | None) -> list[str]:
    if rates is None:
        return list(_RATES)
    wanted = [_arguments.choice(rate, _RATES, name="rates") for rate in _arguments.names(rates, name="rates")]
    if not wanted:
        raise ArgumentError("rates=[] names no rate; leave it out for all of them.")
    return wanted


def _counted(counts: Mapping[str, int]) -> pd.DataFrame:
    for code, count in counts.items():
        _arguments.choice(code, DISPOSITIONS, name="dispositions")
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 0:
            raise DataError(f"The count of {code!r} is {count!r}; counts are whole numbers of zero or more.")
    if sum(counts.values()) == 0:
        given = (
            f"the counts {listed(list(counts.items()))} add up to zero" if counts else "there are no counts"
        )
        raise DataError(f"Nobody was invited: {given}.")
    n = np.array(list(counts.values()), dtype=float)
    return pd.DataFrame({"code": list(counts), "n": n, "w": n, "w2": n})


def _eligibility_sentence(eligibility: float | None) -> str:
    if eligibility is not None:
        return (
            f"Of the cases with unknown eligibility, {eligibility:.0%} are eligible (given, taken as known)."
        )
    return "In RR3, RR4, REF2, CON2 and LOC2, unknown cases are as often eligible as the known ones."


def _table(
    tally: pd.DataFrame, by: Sequence[str], rates: Sequence[str], eligibility: float | None, conf_level: float
) -> pd.DataFrame:
    keys = regrouped(tally, by).drop_duplicates(ignore_index=True) if by else pd.DataFrame(index=[0])
    count, weight, square = (_wide(tally, by, name) for name in ("n", "w", "w2"))
    share = _eligible_share(weight, eligibility)
    parts = []
    for rate in rates:
        part = keys.assign(term=rate)
        columns = _estimate(rate, count, weight, square, share, is_given=eligibility is not None)
        low, high = intervals.wilson(
            columns["estimate"] * columns["effective"], columns["effective"], conf_level
        )
        part = part.assign(
            n=columns["n"].astype("int64"), estimate=columns["estimate"], std_error=columns["error"]
        )
        parts.append(part.assign(conf_low=low, conf_high=high, note=columns["note"], eligibility=share))
    # All rates of a group follow one another: rates × groups, read across.
    across = np.arange(len(parts) * len(keys)).reshape(len(parts), len(keys)).T.ravel()
    return pd.concat(parts, ignore_index=True).iloc[across].reset_index(drop=True).assign(unit="share")


def _wide(tally: pd.DataFrame, by: Sequence[str], column: str) -> Floats:
    """Return `column` as groups × `DISPOSITIONS`, zero where a group has no such case."""
    group = (
        tally.groupby(group_keys(by), dropna=False, sort=False).ngroup().to_numpy()
        if by
        else np.zeros(len(tally), int)
    )
    wide = np.zeros((int(group.max()) + 1, len(DISPOSITIONS)))
    np.add.at(
        wide,
        (group, pd.Index(DISPOSITIONS).get_indexer(pd.Index(tally["code"]))),
        tally[column].to_numpy(float),
    )
    return wide


def _mask(codes: Sequence[str]) -> Floats:
    return np.isin(DISPOSITIONS, codes).astype(float)


def _eligible_share(weight: Floats, given: float | None) -> Floats:
    if given is not None:
        return np.full(len(weight), float(given))
    known, not_eligible = weight @ _mask(_KNOWN), weight @ _mask(("NE",))
    with np.errstate(invalid="ignore"):
        return known / (known + not_eligible)


def _estimate(
    rate: str, count: Floats, weight: Floats, square: Floats, share: Floats, *, is_given: bool
) -> dict[str, Any]:
    above, below, unknown = _RATES[rate]
    part = {"all": np.ones_like(share), "eligible": share, "none": np.zeros_like(share)}[unknown]
    unknown_mask = _mask(_UNKNOWN)
    # A share of unknown cases counts only where there are such cases: 0 × undefined is nothing.
    unknown_weight = weight @ unknown_mask
    counted = np.where(unknown_weight > 0, part * unknown_weight, 0.0)
    divisor = weight @ _mask(below) + counted
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = np.where(divisor > 0, weight @ _mask(above) / divisor, np.nan)
        gradient = _mask(above) - estimate[:, None] * (_mask(below) + part[:, None] * unknown_mask)
        if unknown == "eligible" and not is_given:
            gradient = gradient - (estimate * unknown_weight)[:, None] * _share_gradient(weight)
        gradient = np.where(weight > 0, gradient, 0.0) / divisor[:, None]
        variance = np.where(np.isnan(estimate), np.nan, (gradient**2 * square).sum(axis=1))
        inside = (_mask(below) + (part > 0)[:, None] * unknown_mask) > 0
        kish = (weight * inside).sum(axis=1) ** 2 / (square * inside).sum(axis=1)
        effective = np.where(variance > 0, estimate * (1 - estimate) / variance, kish)
    is_undefined = np.isnan(estimate)
    return {
        "estimate": estimate,
        "error": np.sqrt(variance),
        "effective": np.where(effective > 0, effective, kish),
        "n": (count * inside).sum(axis=1),
        "note": np.where(is_undefined, "undefined: no case belongs in its denominator", ""),
    }


def _share_gradient(weight: Floats) -> Floats:
    known, not_eligible = weight @ _mask(_KNOWN), weight @ _mask(("NE",))
    total = (known + not_eligible)[:, None] ** 2
    return (not_eligible[:, None] * _mask(_KNOWN) - known[:, None] * _mask(("NE",))) / total
