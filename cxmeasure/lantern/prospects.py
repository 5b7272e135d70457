"""Before anyone subscribes: what set people off, and what they compared.

Each customer stands among four prospects of whom only one came. Options are compared on price,
experience and what the network says; while people orient themselves the price weighs less (claimed).
"""

from typing import Final

import numpy as np
import pandas as pd

from cxmeasure.lantern.customers import MONTH_STARTS
from cxmeasure.lantern.ledger import Ledger, day, names
from cxmeasure.lantern.streams import Draws, Floats, Ints

PER_CUSTOMER: Final = 4
OPTIONS: Final = 3
TRIGGERS: Final = ("life event", "seen at friend or family", "advertisement", "old product failed")
STAGES: Final = ("orient", "choose")
LOOKED_AT: Final = ("web search", "friend", "kiosk", "advertisement", "review site")
_TRIGGER_SHARES: Final = (0.28, 0.30, 0.24, 0.18)
_BASE_PRICE: Final = (13.8, 14.9, 11.9)
_TRIES: Final = 12


def needs(ledger: Ledger) -> pd.DataFrame:
    """Return one row a prospect: what set off the search, and when."""
    luck = ledger.draws("prospects").uniform(columns=(PER_CUSTOMER, 4))
    start = _search_start(ledger, luck)
    trigger = np.searchsorted(np.cumsum(_TRIGGER_SHARES), luck[:, :, 1]).clip(0, 3)
    return pd.DataFrame(
        {
            "prospect_id": _numbers(ledger),
            "date": day(start.ravel()),
            "trigger": names(TRIGGERS, trigger.ravel()),
            "job_id": 1 + np.floor(4 * luck[:, :, 2]).astype(np.int64).ravel(),
            "budget_ok": luck[:, :, 3].ravel() < 0.7,
        }
    )


def _numbers(ledger: Ledger) -> Ints:
    n = len(ledger.company.traits)
    return PER_CUSTOMER * ledger.first + 1 + np.arange(PER_CUSTOMER * n)


def _search_start(ledger: Ledger, luck: Floats) -> Floats:
    """Return when each prospect began to look; the first of four is the customer-to-be."""
    own = ledger.company.traits.start_time[:, None] - 2 - 25 * luck[:, :1, 0]
    other = luck[:, 1:, 0] * MONTH_STARTS[-1]
    return np.concatenate([own, other], axis=1)


def _cards(ledger: Ledger, draws: Draws) -> tuple[Floats, Floats, Floats, Ints, Ints]:
    """Draw prices, experience, opinions and choices; a choice agrees with who became a customer."""
    p, n = ledger.company.p, len(ledger.company.traits) * PER_CUSTOMER
    owner = np.repeat(np.arange(n // PER_CUSTOMER), PER_CUSTOMER)
    stage = (draws.uniform(owner) < 0.5).astype(np.int64)
    comes = np.arange(n) % PER_CUSTOMER == 0
    weight = np.where(stage == 0, p["choice_price_orient"], p["choice_price_choose"])[:, None]
    shape = (n, OPTIONS)
    price, felt, opinion = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    chosen, settled = np.zeros(n, dtype=np.int64), np.zeros(n, bool)
    for turn in range(_TRIES):
        luck = draws.uniform(owner, (4, OPTIONS))
        prices = np.round(np.array(_BASE_PRICE) + 6 * (luck[:, 0] - 0.5), 1)
        scores = 1 + np.floor(5 * luck[:, 1])
        opinions = np.round(2 * luck[:, 2] - 1, 1)
        worth = weight * (prices - 13.5) + p["choice_experience"] * scores + p["choice_network"] * opinions
        pick = np.argmax(worth - np.log(-np.log(luck[:, 3])), axis=1)
        fits = (stage == 0) | ((pick == 0) == comes)
        new = ~settled & (fits | (turn == _TRIES - 1))
        price[new], felt[new], opinion[new] = prices[new], scores[new], opinions[new]
        chosen[new] = np.where(fits, pick, np.where(comes, 0, 1))[new]
        settled |= new
    return price, felt, opinion, chosen, stage


def orientation(ledger: Ledger) -> pd.DataFrame:
    """Return one row an option on a prospect's card; option 1 is Lantern, one option is chosen."""
    draws = ledger.draws("orientation")
    price, felt, opinion, chosen, stage = _cards(ledger, draws)
    n = len(chosen)
    owner = np.repeat(np.arange(n // PER_CUSTOMER), PER_CUSTOMER)
    when = _search_start(ledger, ledger.draws("prospects").uniform(columns=(PER_CUSTOMER, 4))).ravel()
    seen = np.floor(len(LOOKED_AT) * draws.uniform(owner, (OPTIONS,))).astype(np.int64)
    option = np.tile(np.arange(OPTIONS), n)
    return pd.DataFrame(
        {
            "prospect_id": np.repeat(_numbers(ledger), OPTIONS),
            "date": day(np.repeat(np.minimum(when + 1 + stage, MONTH_STARTS[-1] - 1), OPTIONS)),
            "channel": names(LOOKED_AT, seen.ravel()),
            "stage": names(STAGES, np.repeat(stage, OPTIONS)),
            "option_id": option + 1,
            "price": price.ravel(),
            "experience_score": felt.ravel().astype(np.int64),
            "network_opinion": opinion.ravel(),
            "chosen": option == np.repeat(chosen, OPTIONS),
        }
    )


def owner_of(prospect: Ints) -> Ints:
    """Return the customer among whose four prospects this one stands."""
    return (prospect - 1) // PER_CUSTOMER + 1
