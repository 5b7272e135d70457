"""Lantern's surroundings: six rivals (equation 21) and 120 firms of a benchmark study (equation 19).

The world `null` sets both practice effects to 0; the halo stays, because it is an error of measurement.
"""

import json
from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from cxmeasure.lantern.catalogue import N_MONTHS, read_parameters

Floats = NDArray[np.float64]

N_FIRMS: Final = 120
PRACTICES: Final = (
    "weekly_listening",
    "acting_within_a_month",
    "open_results",
    "named_owners",
    "score_bonus",
)
N_MATURITY_ITEMS: Final = 12
SECTORS: Final = ("media", "retail", "banking", "travel", "telecoms")
FEATURES: Final = (
    "offline reading",
    "audio edition",
    "route tracking",
    "family plan",
    "reading clubs",
    "pause at will",
    "articles as gifts",
    "same-day reprint",
)


# Equation 19: five practices share a culture factor; two work; a halo colours what firms say of themselves


def simulate_firms(parameters: Mapping[str, float], rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Draw the benchmark study.

    Returns
    -------
    dict
        `firms120`: per firm `sector`, `size` (people), five practices from 0 to 4 as the firm reports them
        (`_a`) and as an informant does (`_b`), `performance_self` and `performance_ledger` (in SD).
        `maturity_items`: twelve yes-or-no items as the informant sees them.
    """
    culture = rng.standard_normal(N_FIRMS)
    loading = parameters["practice_loading"]
    own = rng.standard_normal((N_FIRMS, len(PRACTICES)))
    practice = loading * culture[:, None] + np.sqrt(1 - loading**2) * own
    firms = pd.DataFrame({"firm_id": np.arange(1, N_FIRMS + 1), "sector": rng.choice(SECTORS, N_FIRMS)})
    log_size = rng.standard_normal(N_FIRMS)
    firms["size"] = np.rint(np.exp(5.8 + 1.1 * log_size)).astype(int)
    ledger = _ledger_performance(parameters, practice, log_size, firms["sector"], rng)
    halo = parameters["halo"] * rng.standard_normal(N_FIRMS)
    report_noise = parameters["self_report_noise_sd"] * rng.standard_normal(practice.shape)
    informant_noise = parameters["informant_noise_sd"] * rng.standard_normal(practice.shape)
    for number, name in enumerate(PRACTICES):
        firms[f"{name}_a"] = _zero_to_four(practice[:, number] + halo + report_noise[:, number])
        firms[f"{name}_b"] = _zero_to_four(practice[:, number] + informant_noise[:, number])
    rating = ledger + halo + parameters["self_rating_noise_sd"] * rng.standard_normal(N_FIRMS)
    firms["performance_self"] = rating.round(3)
    firms["performance_ledger"] = ledger.round(3)
    return {"firms120": firms, "maturity_items": _maturity_items(parameters, culture, rng)}


def _ledger_performance(
    parameters: Mapping[str, float],
    practice: Floats,
    log_size: Floats,
    sector: pd.Series,
    rng: np.random.Generator,
) -> Floats:
    effects = np.array([parameters[f"practice_effect_{number}"] for number in range(1, 6)])
    levels = parameters["sector_sd"] * rng.standard_normal(len(SECTORS))
    sector_level = levels[pd.Categorical(sector, categories=list(SECTORS)).codes]
    size_effect = parameters["size_effect"]
    between = parameters["practice_loading"] ** 2
    correlation = np.where(np.eye(5, dtype=bool), 1.0, between)
    explained = float(effects @ correlation @ effects) + size_effect**2 + parameters["sector_sd"] ** 2
    rest = np.sqrt(1 - explained) * rng.standard_normal(N_FIRMS)
    return np.asarray(practice @ effects + size_effect * log_size + sector_level + rest)


def _zero_to_four(latent: Floats) -> NDArray[np.int64]:
    return np.asarray(np.digitize(latent, [-1.2, -0.4, 0.4, 1.2]), dtype=np.int64)


def _maturity_items(
    parameters: Mapping[str, float], culture: Floats, rng: np.random.Generator
) -> pd.DataFrame:
    spread = parameters["maturity_spread"]
    difficulty = np.linspace(-spread, spread, N_MATURITY_ITEMS)
    chance = expit(parameters["maturity_discrimination"] * culture[:, None] - difficulty)
    items = pd.DataFrame(
        (rng.random(chance.shape) < chance).astype(int),
        columns=[f"maturity_{number:02d}" for number in range(1, N_MATURITY_ITEMS + 1)],
    )
    items.insert(0, "firm_id", np.arange(1, N_FIRMS + 1))
    return items


# Equation 21: rivals


def simulate_market(parameters: Mapping[str, float], rng: np.random.Generator) -> pd.DataFrame:
    """Draw six rivals over 36 months.

    Returns
    -------
    pandas.DataFrame
        `provider_id` (2 to 7; Lantern is 1), `name`, `month`, `is_in_market` (the rival Papyr comes in
        month 26), two scores from 0 to 10, `price` in euro, and `features` as a JSON list.
    """
    rivals = read_parameters("rivals")
    month = np.arange(N_MONTHS)
    noise = parameters["market_noise_sd"] * rng.standard_normal((2, len(rivals), N_MONTHS))
    product = rivals["product_score"].to_numpy()[:, None] + parameters["market_drift"] * month + noise[0]
    service = rivals["service_score"].to_numpy()[:, None] + noise[1]
    price = rivals["price"].to_numpy()[:, None] * (1 + parameters["market_price_drift"]) ** month
    rows = rivals.loc[np.repeat(rivals.index, N_MONTHS), ["provider_id", "name", "first_month"]]
    table = rows.reset_index(drop=True)
    table["month"] = np.tile(month + 1, len(rivals))
    table["is_in_market"] = table["month"] >= table.pop("first_month")
    table["product_score"] = np.clip(product, 0, 10).ravel().round(2)
    table["service_score"] = np.clip(service, 0, 10).ravel().round(2)
    table["price"] = price.ravel().round(2)
    table["features"] = _spread_features(parameters, len(rivals), rng)
    return table


def _spread_features(parameters: Mapping[str, float], n_rivals: int, rng: np.random.Generator) -> list[str]:
    """Give each feature to one rival in one month; the others copy it at a steady rate from then on."""
    invented = rng.integers(0, N_MONTHS - 6, len(FEATURES))
    inventor = rng.integers(0, n_rivals, len(FEATURES))
    delay = rng.geometric(parameters["copy_probability"], (n_rivals, len(FEATURES)))
    since = np.where(np.arange(n_rivals)[:, None] == inventor, invented, invented + delay)
    has = since[:, None, :] <= np.arange(N_MONTHS)[:, None]
    names = np.array(FEATURES)
    return [json.dumps(names[row].tolist()) for row in has.reshape(-1, len(FEATURES))]
