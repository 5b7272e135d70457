"""A user's log, episodes, contracts and purchases → small tables of counts, in the user's engine."""

from cxmeasure.lifecycle.reduce.contracts import Stays, counts_in_order, tally_stays
from cxmeasure.lifecycle.reduce.handing import handed_back
from cxmeasure.lifecycle.reduce.log import episode_rows
from cxmeasure.lifecycle.reduce.periods import customer_periods
from cxmeasure.lifecycle.reduce.plan import Log
from cxmeasure.lifecycle.reduce.purchases import purchase_histories, tally_histories, with_probability
from cxmeasure.lifecycle.reduce.spells import GONE, Spells, tally_spells
from cxmeasure.lifecycle.reduce.times import THERE, UNSEEN, Times, states_of, tally_times

__all__ = [
    "GONE",
    "THERE",
    "UNSEEN",
    "Log",
    "Spells",
    "Stays",
    "Times",
    "counts_in_order",
    "customer_periods",
    "episode_rows",
    "handed_back",
    "purchase_histories",
    "states_of",
    "tally_histories",
    "tally_spells",
    "tally_stays",
    "tally_times",
    "with_probability",
]
