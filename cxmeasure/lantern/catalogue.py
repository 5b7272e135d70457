"""What Lantern is made of before anyone subscribes: its touchpoints, its calendar, its costs.

All three are small tables kept as CSV beside this module and are the same in every world.
"""

from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_FOLDER: Final = Path(__file__).resolve().parent / "parameters"

EPISODES: Final = ("need", "orientate", "become", "am", "stay", "loyal", "leave")
JOURNEY_TYPES: Final = (
    "first payment and use",
    "delivery",
    "fix a problem",
    "renew",
    "move house",
    "attend event",
)
OWNERS: Final = ("brand", "partner", "customer", "social")
RECORD_CLASSES: Final = ("own digital", "phone", "shop", "partner", "social")
DEPARTMENTS: Final = (
    "Product and editorial",
    "App and data",
    "Billing and payments",
    "Print and delivery",
    "Customer care",
    "Marketing and sales",
    "Reading rooms and events",
    "Rules and contracts",
)

FIRST_DAY: Final = np.datetime64("2023-01-01", "D")
N_MONTHS: Final = 36
N_WEEKS: Final = 157

_HIDDEN: Final = ["mu", "R", "w", "pi", "contact_share", "calendar_trouble"]


@cache
def _stored(name: str) -> pd.DataFrame:
    return pd.read_csv(_FOLDER / f"{name}.csv", keep_default_na=False)


def read_parameters(name: str) -> pd.DataFrame:
    """Return a fresh copy of the parameter table ``parameters/<name>.csv``."""
    return _stored(name).copy()


def touchpoints() -> pd.DataFrame:
    """Return the catalogue as the firm knows it.

    Returns
    -------
    pandas.DataFrame
        One row a touchpoint, 34 rows: `touchpoint_id` (1 to 34), `name`, `episode`, `journey_type`,
        `channel`, `record_class` (the channel class of equation 18), `owner`, `department_id` (1 to 8),
        `is_product_use`, and the owner as two coders saw it.

    Examples
    --------
    >>> catalogue = touchpoints()
    >>> len(catalogue), int(catalogue["is_product_use"].sum())
    (34, 2)
    """
    return read_parameters("touchpoints").drop(columns=_HIDDEN)


def touchpoint_parameters() -> pd.DataFrame:
    """Return the hidden numbers of each touchpoint, in the order of the catalogue.

    Returns
    -------
    pandas.DataFrame
        `touchpoint_id`; `mu` (shift of the delivered signal, equation 2); `R` (variance of the signal,
        equations 2 and 4); `w` (weight, 1 except for five moments of truth, equation 4); `pi` (failure
        intercept in logits, equation 16); `contact_share` (expected share of all contacts, sums to 1);
        `calendar_trouble` (which trouble of the calendar reaches it: none, app, billing, delivery).
    """
    return read_parameters("touchpoints")[["touchpoint_id", *_HIDDEN]]


def calendar() -> pd.DataFrame:
    """Return the 36 months of equation 21.

    Returns
    -------
    pandas.DataFrame
        `month` (1 to 36), `label` (year-month), `what_happened`, `known_to_the_firm`, and the effects:
        `contact_multiplier`, three shifts of the failure logit, `price_change_share` (0.09 is 9 %),
        `rival_promo`, `survey_channel`, `satisfaction_shift` (in units of k_w).
    """
    return read_parameters("calendar")


def calendar_failure_logit() -> NDArray[np.float64]:
    """Return what the calendar adds to each failure logit, months (36) by touchpoints (34)."""
    months = _stored("calendar")
    reaches = _stored("touchpoints")["calendar_trouble"].to_numpy(dtype=str)
    shift = np.zeros((len(months), len(reaches)))
    for trouble in ("app", "billing", "delivery"):
        monthly = months[f"{trouble}_failure_logit"].to_numpy(dtype=float)
        shift += np.outer(monthly, reaches == trouble)
    return shift


def month_of_week() -> NDArray[np.int64]:
    """Return the month (0 to 35) in which each of the 157 weeks starts; week 0 starts on 2023-01-01."""
    days = FIRST_DAY + 7 * np.arange(N_WEEKS)
    return np.asarray((days.astype("datetime64[M]") - FIRST_DAY.astype("datetime64[M]")).astype(np.int64))


def week_of(days: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Return the week (0 to 156) in which each day lies."""
    return np.asarray((days.astype("datetime64[D]") - FIRST_DAY).astype(np.int64) // 7)


def costs() -> pd.DataFrame:
    """Return what 40 activities cost: `category`, `unit`, and `unit_cost` and `fixed_cost` in euro."""
    return read_parameters("costs")
