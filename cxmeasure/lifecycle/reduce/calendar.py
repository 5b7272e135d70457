"""Days as numbers, in any engine: the same day, month end and week on all of them.

A day is counted from 1970-01-01. Each part of a calculation is a column of its own: as one expression
the parts would be repeated into a huge query.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import narwhals.stable.v2 as nw
import pandas as pd

from cxmeasure._frames import Lazy, as_number, fenced

_EPOCH: Final = date(1970, 1, 1).toordinal()
_FAR: Final = date(9000, 1, 1).toordinal() - _EPOCH


def day_number(day: date) -> int:
    """Return the days from 1970-01-01 to `day`."""
    return day.toordinal() - _EPOCH


def whole(number: nw.Expr, divisor: int | nw.Expr) -> nw.Expr:
    """Return how many whole times a positive `divisor` goes into a whole number below 2⁵³.

    Not ``//``: for SQL engines narwhals spells that out in cases, ten times as slow.
    """
    return (number / divisor).floor().cast(nw.Int64)


def with_day(frame: Lazy, column: str, into: str) -> Lazy:
    """Add the day number of a timestamp or date as the column `into`; missing stays missing."""
    year, rest = f"{into}_year", f"{into}_rest"
    at = nw.col(column).dt
    frame = frame.with_columns(
        (at.year().cast(nw.Int64) - 1).alias(year), at.ordinal_day().cast(nw.Int64).alias(rest)
    )
    past = nw.col(year)
    leaps = whole(past, 4) - whole(past, 100) + whole(past, 400)
    days = past * 365 + leaps + nw.col(rest) - 719_163
    return fenced(frame.with_columns(days.alias(into)).drop(year, rest))


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
            at = at + as_number(day > here) * (after - here)
        return fenced(frame.with_columns(nw.when(~day.is_null()).then(at).alias(into)))
    if every == "day":
        return frame.with_columns(day.alias(into))
    if every == "week":
        # Day 0 was a Thursday, so day 3 a Sunday.
        return fenced(frame.with_columns((whole(day + 3, 7) * 7 + 3).alias(into)))
    frame = with_civil(frame, column, f"{into}_")
    year, month = nw.col(f"{into}_year"), nw.col(f"{into}_month")
    frame = frame.with_columns(_month_length(year, month).alias(f"{into}_length"))
    end = nw.col(column) - nw.col(f"{into}_day") + nw.col(f"{into}_length")
    parts = [f"{into}_{part}" for part in ("year", "month", "day", "length")]
    return fenced(frame.with_columns(end.alias(into)).drop(*parts))


def with_snapshot_of(frame: Lazy, time: str, into: str, every: str | Sequence[int]) -> Lazy:
    """Add 0:00 of the first snapshot on or after a timestamp; `with_snapshot` gives its number."""
    at = nw.col(time)
    if every == "month":
        return frame.with_columns(days_later(begun(at, "1mo").dt.offset_by("1mo"), -1).alias(into))
    if every == "day":
        return frame.with_columns(begun(at, "1d").alias(into))
    day = f"{into}_day_number"
    return with_date(with_snapshot(with_day(frame, time, day), day, day, every), day, into).drop(day)


def with_period(frame: Lazy, time: str, into: str, every: str | Sequence[int]) -> Lazy:
    """Add what tells the first snapshot on or after a timestamp with least work; `snapshot_days` reads it."""
    if every in ("month", "day"):
        return frame.with_columns(begun(nw.col(time), "1mo" if every == "month" else "1d").alias(into))
    return with_snapshot(with_day(frame, time, into), into, into, every)


def snapshot_days(periods: "pd.Series[Any]", every: str | Sequence[int]) -> "pd.Series[Any]":
    """Return the day numbers of the snapshots that `with_period` told."""
    if every not in ("month", "day"):
        return periods
    return days_of(periods + pd.offsets.MonthEnd(0) if every == "month" else periods)


def days_of(times: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return the day numbers of timestamps; missing stays missing."""
    return (pd.to_datetime(times) - pd.Timestamp("1970-01-01")).dt.days


def days_later(time: nw.Expr, days: int) -> nw.Expr:
    """Return a timestamp as many whole days later."""
    return time.dt.offset_by(f"{days}d")


def begun(time: nw.Expr, unit: str) -> nw.Expr:
    """Return 0:00 of the day or month of a timestamp; cast, for Spark's truncation puts it into a zone."""
    return time.dt.truncate(unit).cast(nw.Datetime("us"))


def midnight(day: date) -> nw.Expr:
    """Return 0:00 of a day as a timestamp that means the same in every session."""
    return nw.lit(day).cast(nw.Datetime("us"))


def with_civil(frame: Lazy, column: str, prefix: str) -> Lazy:
    """Add year, month and day of a day number (Hinnant's ``civil_from_days``), years counted from March."""
    era, of_era, years, rest, march = (f"{prefix}{part}" for part in ("era", "doe", "yoe", "doy", "mp"))
    frame = frame.with_columns(whole(nw.col(column) + 719_468, 146_097).alias(era))
    frame = fenced(frame.with_columns((nw.col(column) + 719_468 - nw.col(era) * 146_097).alias(of_era)))
    day = nw.col(of_era)
    leaps = whole(day, 1460) - whole(day, 36_524) + whole(day, 146_096)
    frame = fenced(frame.with_columns(whole(day - leaps, 365).alias(years)))
    year = nw.col(years)
    frame = frame.with_columns((day - (365 * year + whole(year, 4) - whole(year, 100))).alias(rest))
    frame = fenced(frame.with_columns(whole(5 * nw.col(rest) + 2, 153).alias(march)))
    month = nw.col(march)
    frame = frame.with_columns((month + 3 - whole(month, 10) * 12).alias(f"{prefix}month"))
    frame = frame.with_columns(
        (nw.col(rest) - whole(153 * month + 2, 5) + 1).alias(f"{prefix}day"),
        (year + nw.col(era) * 400 + whole(month, 10)).alias(f"{prefix}year"),
    )
    return fenced(frame.drop(era, of_era, years, rest, march))


def with_date(frame: Lazy, column: str, into: str) -> Lazy:
    """Add the date of a day number as the column `into`; missing stays missing."""
    frame = with_civil(frame, column, f"{into}_")
    year, month, day = (nw.col(f"{into}_{part}") for part in ("year", "month", "day"))
    frame = frame.with_columns((year * 10_000 + month * 100 + day).cast(nw.String).alias(f"{into}_text"))
    parts = [f"{into}_{part}" for part in ("year", "month", "day", "text")]
    at = nw.col(f"{into}_text").str.to_datetime(format="%Y%m%d")
    return fenced(frame.with_columns(at.alias(into)).drop(*parts))


def _month_length(year: nw.Expr, month: nw.Expr) -> nw.Expr:
    is_leap = (_rest(year, 4) == 0) & ((_rest(year, 100) != 0) | (_rest(year, 400) == 0))
    length = _rest(month + whole(month, 8), 2) + 30
    return nw.when(month == 2).then(as_number(is_leap) + 28).otherwise(length)


def _rest(number: nw.Expr, divisor: int) -> nw.Expr:
    return number - whole(number, divisor) * divisor
