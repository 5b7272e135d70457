"""A user's log, episodes, contracts and purchases → small tables of counts, in the user's engine."""

from cxmeasure.lifecycle.reduce.contracts import Stays, counts_in_order, tally_stays
from cxmeasure.lifecycle.reduce.handing import handed_back
from cxmeasure.lifecycle.reduce.log import episode_rows
from cxmeasure.lifecycle.reduce.plan import Log
from cxmeasure.lifecycle.reduce.spells import GONE, Spells, tally_spells

__all__ = [
    "GONE",
    "Log",
    "Spells",
    "Stays",
    "counts_in_order",
    "episode_rows",
    "handed_back",
    "tally_spells",
    "tally_stays",
]
