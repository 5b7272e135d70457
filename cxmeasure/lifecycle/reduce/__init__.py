"""A user's log, contracts and purchases → small tables of counts, in the user's engine."""

from cxmeasure.lifecycle.reduce.calendar import day_number
from cxmeasure.lifecycle.reduce.contracts import Stays, counts_in_order, tally_stays
from cxmeasure.lifecycle.reduce.handing import handed_back
from cxmeasure.lifecycle.reduce.log import episode_rows
from cxmeasure.lifecycle.reduce.plan import Log

__all__ = ["Log", "Stays", "counts_in_order", "day_number", "episode_rows", "handed_back", "tally_stays"]
