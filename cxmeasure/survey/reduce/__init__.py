"""A user's answers and invitations → small tables of counts and sums, in the user's engine."""

from cxmeasure.survey.reduce.answers import Coding, group_keys, tally_answers
from cxmeasure.survey.reduce.contacts import tally_arms, tally_bands, tally_within
from cxmeasure.survey.reduce.dispositions import DISPOSITIONS, tally_dispositions
from cxmeasure.survey.reduce.flags import (
    FLAGGED,
    PREFIX,
    Checks,
    check_answers,
    flag_rows,
    item_patterns,
    median_duration,
)
from cxmeasure.survey.reduce.followups import PARTS, tally_followups
from cxmeasure.survey.reduce.kinds import Kinds
from cxmeasure.survey.reduce.proxies import FEATURES, tally_proxy
from cxmeasure.survey.reduce.responses import tally_cells, tally_responses, tell_apart
from cxmeasure.survey.reduce.weights import Term, weigh_rows

__all__ = [
    "DISPOSITIONS",
    "FEATURES",
    "FLAGGED",
    "PARTS",
    "PREFIX",
    "Checks",
    "Coding",
    "Kinds",
    "Term",
    "check_answers",
    "flag_rows",
    "group_keys",
    "item_patterns",
    "median_duration",
    "tally_answers",
    "tally_arms",
    "tally_bands",
    "tally_cells",
    "tally_dispositions",
    "tally_followups",
    "tally_proxy",
    "tally_responses",
    "tally_within",
    "tell_apart",
    "weigh_rows",
]
