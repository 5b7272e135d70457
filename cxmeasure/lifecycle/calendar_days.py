"""A day as a reader writes it."""

from contextlib import suppress
from datetime import date, datetime

import pandas as pd

from cxmeasure.errors import ArgumentError


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
