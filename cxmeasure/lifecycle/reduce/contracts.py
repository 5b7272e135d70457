"""A user's contracts and counts → small tables, in the user's engine."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from numbers import Real
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from cxmeasure._frames import Kind, Lazy, adopt, as_number, collect, refuse_if_empty
from cxmeasure._stats.intervals import Floats
from cxmeasure.errors import DataError, TableError

_NEVER = 99_991_231
_MONTHS_IN = {"month": 1, "quarter": 3, "year": 12}


def counts_in_order(survivors: Any) -> Floats:
    """Return a list, array or Series of survivor counts as floats, in the order given.

    Raises
    ------
    TableError
        If it is no series, or holds something other than numbers.
    DataError
        If a count is missing, infinite, negative or a fraction, if there are fewer than two, if the
        first is zero, or if the series rises.
    """
    values = np.asarray(survivors)
    if values.ndim != 1:
        raise TableError(
            f"survivors must be one series of counts, such as [1000, 869, 743]; "
            f"received {type(survivors).__name__}."
        )
    missing = np.asarray(pd.isna(values))
    if values.dtype.kind not in "iuf":
        odd = [item for item in values[~missing] if isinstance(item, bool) or not isinstance(item, Real)]
        if odd:
            raise TableError(f"survivors must hold numbers; it holds {odd[0]!s}.")
    if missing.any():
        raise DataError(
            f"{missing.sum():,} of the {len(values):,} survivor counts are missing; "
            "give every period a count, up to the last one known."
        )
    counts = values.astype(float)
    _refuse_bad_counts(counts)
    return counts


def _refuse_bad_counts(counts: Floats) -> None:
    if len(counts) < 2:
        raise DataError(
            f"The retention series has {len(counts)} count(s); give the customers at the start "
            "and those left after each period."
        )
    if not np.isfinite(counts).all():
        raise DataError("The retention series holds an infinite value; give counts of customers.")
    if (counts < 0).any():
        raise DataError(f"A count of customers cannot be negative; the series holds {counts.min():g}.")
    if (counts != np.round(counts)).any():
        raise DataError(
            f"The retention series holds {counts[counts != np.round(counts)][0]:g}, which is no "
            "whole number. Give counts of customers, not shares: the intervals depend on how many there were."
        )
    if counts[0] == 0:
        raise DataError("The retention series starts at zero; give the number of customers at the start.")
    rises = np.flatnonzero(np.diff(counts) > 0)
    if rises.size:
        at = int(rises[0])
        raise DataError(
            f"The retention series rises from {counts[at]:,.0f} to {counts[at + 1]:,.0f} in period {at + 1}; "
            "follow the customers of one start only, and count nobody who came later or came back."
        )


@dataclass(frozen=True, slots=True)
class Stays:
    """What `tally_stays` is told: columns, calendar, and how contracts are read."""

    customer_column: str
    start_column: str
    end_column: str
    by: Sequence[str]
    every: str
    cohort: str
    observed_from: date | None
    observed_until: date | None
    is_end_last_day: bool
    longest_gap_days: int

    @property
    def keys(self) -> list[str]:
        """Return the names that the columns of `by` have inside, which no column of the user can have."""
        return [f"by_{i}" for i in range(len(self.by))]


def tally_stays(contracts: Any, stays: Stays) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return one row a group (`Stays.keys`) × cohort × period entered × period reached, and what was seen.

    Contracts of one customer that overlap or follow one another within the longest gap make one stay;
    only the first stay counts. The columns ``entered`` and ``reached`` are whole periods since the
    start: under observation from, and known to have stayed for. ``has_left`` says that the next period
    was over before the observation ended, and the customer had left in it.

    Raises
    ------
    DataError
        If there is no row, a customer or start is missing, an end lies before its start, or a date lies
        after the end of the observation.
    """
    roles: dict[str, tuple[str, Kind]] = {
        "customer": (stays.customer_column, "key"),
        "start": (stays.start_column, "time"),
        "end": (stays.end_column, "time"),
    }
    roles |= {key: (column, "any") for key, column in zip(stays.keys, stays.by, strict=True)}
    frame = adopt(contracts, roles, name="contracts")
    until, n_contracts = _checked(frame, stays)
    if stays.observed_from is not None and stays.observed_from > until:
        raise DataError(
            f"observed_from={stays.observed_from.isoformat()} lies after the end of the observation, "
            f"{until.isoformat()}; nobody is seen in between."
        )
    first = _first_stays(frame, stays)
    keys = [*stays.keys, "cohort", "entered", "reached", "has_left"]
    periods = _in_periods(first, stays, until)
    tally = collect(periods.group_by(*keys).agg(nw.col("n", "n_returned").sum()))
    whole = ["cohort", "entered", "reached", "has_left", "n", "n_returned"]
    tally[whole] = tally[whole].astype("int64")
    tally = tally.sort_values(keys, kind="stable", ignore_index=True)
    seen = {
        "every": stays.every,
        "observed_until": until.isoformat(),
        "n_contracts": n_contracts,
        "n_customers": int(tally["n"].sum()),
        "n_returned": int(tally["n_returned"].sum()),
    }
    return tally, seen


def _checked(frame: Lazy, stays: Stays) -> tuple[date, int]:
    start, end = _number("start"), _number("end")
    until = _NEVER if stays.observed_until is None else _as_number(stays.observed_until)
    flags = frame.with_columns(
        rows=nw.lit(1),
        n_nobody=as_number(nw.col("customer").is_null()),
        n_no_start=as_number(nw.col("start").is_null()),
        n_backwards=as_number((end < start).fill_null(False)),
        n_late_start=as_number((start > until).fill_null(False)),
        n_late_end=as_number((end > until).fill_null(False)),
        last_start=start,
        last_end=end,
    )
    names = ["rows", "n_nobody", "n_no_start", "n_backwards", "n_late_start", "n_late_end"]
    sums = [nw.col(name).sum() for name in names]
    seen = collect(flags.select(*sums, nw.col("last_start").max(), nw.col("last_end").max())).iloc[0]
    count = {name: 0 if pd.isna(seen[name]) else int(seen[name]) for name in names}
    refuse_if_empty(count["rows"], name="contracts")
    _refuse_bad_dates(count, stays)
    if stays.observed_until is not None:
        return stays.observed_until, count["rows"]
    latest = int(np.nanmax(np.asarray([seen["last_start"], seen["last_end"]], dtype=float)))
    last = date(latest // 10_000, latest // 100 % 100, latest % 100)
    today = date.today()  # noqa: DTZ011 - a calendar day is compared with calendar days
    if last > today:
        raise DataError(
            f"The latest date in the contracts is {last.isoformat()}, in the future; give observed_until=, "
            "the last day on which leaving would be known, with no end for contracts that still run then."
        )
    return last, count["rows"]


def _refuse_bad_dates(count: dict[str, int], stays: Stays) -> None:
    until = "" if stays.observed_until is None else stays.observed_until.isoformat()
    start, end = stays.start_column, stays.end_column
    complaints = {
        "n_nobody": f"have no {stays.customer_column!r}; every contract needs its customer.",
        "n_no_start": f"have no {start!r}; without a start nobody knows how long a customer has stayed.",
        "n_backwards": f"end before they start ({end!r} before {start!r}); correct or leave them out.",
        "n_late_start": f"start after observed_until={until}; leave them out.",
        "n_late_end": (
            f"end after observed_until={until}; on that day those customers were still there: "
            f"make {end!r} missing for them."
        ),
    }
    for name, complaint in complaints.items():
        if count[name]:
            raise DataError(f"{count[name]:,} of the {count['rows']:,} contracts {complaint}")


def _as_number(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


def _number(column: str, *, days_later: int = 0) -> nw.Expr:
    """Return a date as year·10,000 + month·100 + day: comparable, and the same on every engine."""
    shifted = nw.col(column).dt.offset_by(f"{days_later}d") if days_later else nw.col(column)
    year, month, day = (
        part.cast(nw.Int64) for part in (shifted.dt.year(), shifted.dt.month(), shifted.dt.day())
    )
    return year * 10_000 + month * 100 + day


def _first_stays(frame: Lazy, stays: Stays) -> Lazy:
    """Return one row a customer: start, and first day away, of the first stay."""
    last_day = int(stays.is_end_last_day)
    gap = stays.longest_gap_days
    frame = frame.with_columns(
        start=_number("start"),
        away=_number("end", days_later=last_day).fill_null(_NEVER),
        until=_number("end", days_later=last_day + gap).fill_null(_NEVER),
    )
    order = ["start", "away", *stays.keys]
    frame = frame.with_columns(reach=nw.col("until").cum_max().over("customer", order_by=order))
    frame = frame.with_columns(before=nw.col("reach").shift(1).over("customer", order_by=order))
    frame = frame.with_columns(
        is_first=as_number(nw.col("before").is_null()),
        gap=as_number((nw.col("start") > nw.col("before")).fill_null(False)),
    )
    frame = frame.with_columns(stay=nw.col("gap").cum_sum().over("customer", order_by=order))
    frame = frame.with_columns(
        away=nw.when(nw.col("stay") == 0).then(nw.col("away")).otherwise(nw.lit(0)),
        n_returned=as_number(nw.col("stay") > 0),
    )
    frame = frame.with_columns(nw.col("away", "n_returned").max().over("customer"))
    return frame.filter(nw.col("is_first") == 1).select(*stays.keys, "start", "away", "n_returned")


def _in_periods(first: Lazy, stays: Stays, until: date) -> Lazy:
    """Add cohort, and the whole periods entered and reached; drop who was gone before the observation."""
    size, start = _MONTHS_IN[stays.every], nw.col("start")
    # A column for each part: written as one expression, the parts would be repeated into a huge query.
    frame = first.with_columns(*_parts("start"), *_parts("away"), n=nw.lit(1))
    month = nw.col("start_month")
    cohort = {
        "month": start // 100,
        "quarter": start // 10_000 * 100 + (month + 2) // 3,
        "year": start // 10_000,
        "all": start * 0,
    }[stays.cohort]
    frame = frame.with_columns(away_length=_month_length(nw.col("away_year"), nw.col("away_month")))
    entered = nw.lit(0)
    if stays.observed_from is not None:
        # The first period observed whole begins at the next anniversary, or today if it is one.
        eve = _whole_months_to(stays.observed_from - timedelta(days=1))
        is_late = start < _as_number(stays.observed_from)
        entered = nw.when(is_late).then(eve // size + 1).otherwise(nw.lit(0))
    frame = frame.with_columns(
        cohort=cohort,
        entered=entered,
        followed=_whole_months_to(until + timedelta(days=1)) // size,
        stayed=_whole_months(*(nw.col(f"away_{part}") for part in ("year", "month", "day", "length")))
        // size,
    )
    frame = frame.with_columns(
        has_left=as_number(nw.col("stayed") < nw.col("followed")),
        reached=nw.min_horizontal("stayed", "followed"),
    )
    return frame.filter(nw.col("reached") >= nw.col("entered"))


def _parts(column: str) -> list[nw.Expr]:
    at = nw.col(column)
    parts = {"year": at // 10_000, "month": at // 100 % 100, "day": at % 100}
    return [part.alias(f"{column}_{name}") for name, part in parts.items()]


def _month_length(year: nw.Expr, month: nw.Expr) -> nw.Expr:
    is_leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    return nw.when(month == 2).then(as_number(is_leap) + 28).otherwise((month + month // 8) % 2 + 30)


def _whole_months_to(day: date) -> nw.Expr:
    length = monthrange(day.year, day.month)[1]
    return _whole_months(*(nw.lit(part) for part in (day.year, day.month, day.day, length)))


def _whole_months(year: nw.Expr, month: nw.Expr, day: nw.Expr, length: nw.Expr) -> nw.Expr:
    """Return the whole months from the start to a date in a month of `length` days.

    A month is over on the same day of the next, or on its last day where it is shorter.
    """
    is_short = (nw.col("start_day") > day) & (day < length)
    months = (year - nw.col("start_year")) * 12 + month - nw.col("start_month")
    return months - as_number(is_short)
