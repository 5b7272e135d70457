"""Days, snapshots and periods as a reader writes and reads them."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Final

import pandas as pd

from cxmeasure import _arguments
from cxmeasure.errors import ArgumentError

EVERY: Final = ("day", "week", "month")
_MOST_SNAPSHOTS: Final = 400
_EPOCH: Final = date(1970, 1, 1).toordinal()


def day_of(value: date | str | None, *, name: str) -> date | None:
    """Return a date, timestamp or ISO text as a day; nothing stays nothing.

    Raises
    ------
    ArgumentError
        If it is no day, or has a time zone.
    """
    if value is None:
        return None
    moment: object = value
    if isinstance(value, str):
        with suppress(ValueError):
            moment = datetime.fromisoformat(value)
    if not isinstance(moment, date) or pd.isna(moment) or getattr(moment, "tzinfo", None) is not None:
        raise ArgumentError(f"{name}={value!r} is no day; give a date without a time zone: '2025-12-31'.")
    return date(moment.year, moment.month, moment.day)


def snapshots(every: str | Sequence[date | str]) -> str | list[int]:
    """Return ``"day"``, ``"week"`` or ``"month"`` as it is, and days given as day numbers since 1970.

    Raises
    ------
    ArgumentError
        If it is another word, or no list of days in rising order.
    """
    if isinstance(every, str):
        return _arguments.choice(every, EVERY, name="every")
    days = [day_of(day, name="every") for day in every]
    numbers = [day.toordinal() - _EPOCH for day in days if day is not None]
    if not numbers or len(numbers) < len(days) or len(numbers) > _MOST_SNAPSHOTS:
        raise ArgumentError(
            f"every has {len(days)} days; give 1 to {_MOST_SNAPSHOTS} of them, or 'day', 'week' or 'month'."
        )
    if sorted(set(numbers)) != numbers:
        raise ArgumentError("every must hold days in rising order, each once.")
    return numbers


def month_labels(cohort: pd.Series, size: str) -> pd.Series:
    """Return 202403 as 2024-03 (month) or 2024-Q3 (quarter), 2024 as it is (year), or ``all``."""
    year, rest = (cohort // 100).astype(str), cohort % 100
    if size == "month":
        return year + "-" + rest.astype(str).str.zfill(2)
    if size == "quarter":
        return year + "-Q" + rest.astype(str)
    return cohort.astype(str) if size == "year" else cohort.map(lambda _: "all")
