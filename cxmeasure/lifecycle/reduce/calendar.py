"""Days as numbers, in any engine: the same day, month end and week on all of them.

A day is counted from 1970-01-01. Each part of a calculation is a column of its own: as one expression
the parts would be repeated into a huge query.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

import narwhals.stable.v2 as nw

from cxmeasure._frames import Lazy

_EPOCH: Final = date(1970, 1, 1).toordinal()
_FAR: Final = 10**8


def day_number(day: date) -> int:
    """Return the days from 1970-01-01 to `day`."""
    return day.toordinal() - _EPOCH


def with_day(frame: Lazy, column: str, into: str) -> Lazy:
    """Add the day number of a timestamp or date as the column `into`; missing stays missing."""
    year, rest = f"{into}_year", f"{into}_rest"
    at = nw.col(column).dt
    frame = frame.with_columns(
        (at.year().cast(nw.Int64) - 1).alias(year), at.ordinal_day().cast(nw.Int64).alias(rest)
    )
    past = nw.col(year)
    days = past * 365 + past // 4 - past // 100 + past // 400 + nw.col(rest) - 719_163
    return frame.with_columns(days.alias(into)).drop(year, rest)


def with_snapshot(frame: Lazy, column: str, into: str, every: str | Sequence[int]) -> Lazy:
    """Add the day number of the first snapshot on or after the day number in `column`.

    Parameters
    ----------
    every : {"day", "week", "month"} or sequence of int
        Every day, every Sunday, every last day of a month, or day numbers in rising order. After the
        last of these there is none: a day later than any.
    """
    day = nw.col(column)
    if not isinstance(every, str):
        # The gaps between snapshots that the day has passed add up to the next snapshot.
        at = nw.lit(every[0])
        for here, after in zip(every, [*every[1:], _FAR], strict=True):
            at = at + (day > here).cast(nw.Int64) * (after - here)
        return frame.with_columns(nw.when(~day.is_null()).then(at).alias(into))
    if every == "day":
        return frame.with_columns(day.alias(into))
    if every == "week":
        # Day 0 was a Thursday, so day 3 a Sunday.
        return frame.with_columns(((day + 3) // 7 * 7 + 3).alias(into))
    frame = with_civil(frame, column, f"{into}_")
    year, month = nw.col(f"{into}_year"), nw.col(f"{into}_month")
    frame = frame.with_columns(_month_length(year, month).alias(f"{into}_length"))
    end = nw.col(column) - nw.col(f"{into}_day") + nw.col(f"{into}_length")
    parts = [f"{into}_{part}" for part in ("year", "month", "day", "length")]
    return frame.with_columns(end.alias(into)).drop(*parts)


def with_civil(frame: Lazy, column: str, prefix: str) -> Lazy:
    """Add year, month and day of a day number (Hinnant's ``civil_from_days``), years counted from March."""
    era, of_era, years, rest, march = (f"{prefix}{part}" for part in ("era", "doe", "yoe", "doy", "mp"))
    frame = frame.with_columns(((nw.col(column) + 719_468) // 146_097).alias(era))
    frame = frame.with_columns((nw.col(column) + 719_468 - nw.col(era) * 146_097).alias(of_era))
    day = nw.col(of_era)
    frame = frame.with_columns(((day - day // 1460 + day // 36_524 - day // 146_096) // 365).alias(years))
    year = nw.col(years)
    frame = frame.with_columns((day - (365 * year + year // 4 - year // 100)).alias(rest))
    frame = frame.with_columns(((5 * nw.col(rest) + 2) // 153).alias(march))
    month = nw.col(march)
    frame = frame.with_columns((month + 3 - (month // 10) * 12).alias(f"{prefix}month"))
    return frame.with_columns(
        (nw.col(rest) - (153 * month + 2) // 5 + 1).alias(f"{prefix}day"),
        (year + nw.col(era) * 400 + month // 10).alias(f"{prefix}year"),
    ).drop(era, of_era, years, rest, march)


def with_date(frame: Lazy, column: str, into: str) -> Lazy:
    """Add the date of a day number as the column `into`; missing stays missing."""
    frame = with_civil(frame, column, f"{into}_")
    year, month, day = (nw.col(f"{into}_{part}") for part in ("year", "month", "day"))
    frame = frame.with_columns((year * 10_000 + month * 100 + day).cast(nw.String).alias(f"{into}_text"))
    parts = [f"{into}_{part}" for part in ("year", "month", "day", "text")]
    at = nw.col(f"{into}_text").str.to_datetime(format="%Y%m%d")
    return frame.with_columns(at.alias(into)).drop(*parts)


def _month_length(year: nw.Expr, month: nw.Expr) -> nw.Expr:
    is_leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    return nw.when(month == 2).then(is_leap.cast(nw.Int64) + 28).otherwise((month + month // 8) % 2 + 30)
