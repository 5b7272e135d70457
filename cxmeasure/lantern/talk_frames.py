"""Tables of talk: mentions, referrals, and the ties that are known."""

from typing import Final

import numpy as np
import pandas as pd

from cxmeasure.lantern.customers import MONTH_STARTS, NEIGHBOURHOOD
from cxmeasure.lantern.ledger import Ledger, day, moment, names, whole
from cxmeasure.lantern.streams import Ints

AUDIENCES: Final = ("family", "friends", "colleagues", "online")
TIE_TYPES: Final = ("household", "friend", "colleague", "book club")
TIES_PER_CUSTOMER: Final = 1.55


def mentions(ledger: Ledger) -> pd.DataFrame:
    """Return one row a mention, on record or not (equation 15)."""
    h = ledger.company.history
    counts = np.stack([h.bad_mentions, h.good_mentions], axis=2)
    who, month, good = (np.repeat(place, counts[np.nonzero(counts)]) for place in np.nonzero(counts))
    luck = ledger.draws("mentions").uniform(who, (3,))
    start = np.maximum(MONTH_STARTS[month], ledger.company.traits.start_time[who])
    audience = np.searchsorted(np.cumsum([0.30, 0.35, 0.20]), luck[:, 1])
    return pd.DataFrame(
        {
            "customer_id": ledger.customer_id(who),
            "ts": moment(start + luck[:, 0] * (MONTH_STARTS[month + 1] - start)),
            "sign": names(("negative", "positive"), good),
            "audience": names(AUDIENCES, audience),
            "recorded": luck[:, 2] < ledger.company.p["mention_recorded"],
        }
    )


def referrals(ledger: Ledger) -> pd.DataFrame:
    """Return one row a prospect reached by name: those who became customers, and those who did not."""
    c, p = ledger.company, ledger.company.p
    newcomer = np.flatnonzero(c.referrer >= 0)
    who, month = np.nonzero(c.history.good_mentions)
    who, month = (np.repeat(a, c.history.good_mentions[who, month]) for a in (who, month))
    luck = ledger.draws("referrals").uniform(who, (3,))
    share = (p["prospect_named"] - p["conversion"]) / (1 - p["conversion"])
    named = luck[:, 0] < share
    who, month, luck = who[named], month[named], luck[named]
    time = MONTH_STARTS[month] + luck[:, 1] * (MONTH_STARTS[month + 1] - MONTH_STARTS[month])
    time = np.maximum(time, c.traits.start_time[who])
    recorded = ledger.draws("mentions").uniform(columns=(2,))[newcomer, 0] < p["referral_recorded"]
    frame = pd.DataFrame(
        {
            "referrer_id": ledger.customer_id(np.concatenate([c.referrer[newcomer], who])),
            "prospect_id": np.concatenate(
                [
                    4 * (ledger.first + newcomer) + 1,
                    4 * (ledger.first + who) + 2 + np.floor(3 * luck[:, 2]).astype(np.int64),
                ]
            ),
            "ts": moment(np.concatenate([c.traits.start_time[newcomer] - 0.2, time])),
            "converted": np.arange(len(newcomer) + len(who)) < len(newcomer),
            "customer_id": whole(
                np.concatenate([ledger.customer_id(newcomer), np.zeros_like(who)]),
                np.arange(len(newcomer) + len(who)) >= len(newcomer),
            ),
            "recorded": np.concatenate([recorded, luck[:, 2] * 3 % 1 < p["referral_recorded"]]),
        }
    )
    return frame.sort_values(["referrer_id", "ts", "prospect_id"], kind="stable").reset_index(drop=True)


def ties(ledger: Ledger) -> pd.DataFrame:
    """Return one row a known tie between neighbours; `a` started before `b`."""
    c = ledger.company
    n = len(c.traits)
    draws = ledger.draws("ties")
    luck = draws.uniform(columns=(2, 4))
    place = np.arange(n) % NEIGHBOURHOOD
    older = np.floor(luck[:, :, 0] * place[:, None]).astype(np.int64)
    has = (luck[:, :, 1] < TIES_PER_CUSTOMER / 2) & (place[:, None] > 0)
    has[:, 1] &= older[:, 1] != older[:, 0]
    b, turn = np.nonzero(has)
    a = b - place[b] + older[b, turn]
    kind, when = luck[b, turn, 2], luck[b, turn, 3]
    referred = np.flatnonzero(c.referrer >= 0)
    pair_a, pair_b = np.concatenate([c.referrer[referred], a]), np.concatenate([referred, b])
    known: Ints = np.concatenate([np.full(len(referred), 1), np.floor(4 * kind).astype(np.int64)])
    since = day(np.concatenate([c.traits.start_time[referred], c.traits.start_time[b] * when]))
    frame = pd.DataFrame(
        {
            "a": ledger.customer_id(pair_a),
            "b": ledger.customer_id(pair_b),
            "since": since,
            "type": names(TIE_TYPES, known),
        }
    )
    return frame.drop_duplicates(["a", "b"]).sort_values(["b", "a"], kind="stable").reset_index(drop=True)
