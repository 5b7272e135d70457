"""Measure customer experience, with an interval on every number.

Three wings: `lifecycle` (where each customer stands), `touchpoints` (which moments count), `survey`
(who answers, and what that is worth). `lantern` is the sample company whose truth is known.
"""

# Altair first: what it imports builds grammars, which is slow once many objects are alive.
from cxmeasure import theme  # isort: split

from cxmeasure import lantern, lifecycle, survey, touchpoints
from cxmeasure.exercises import check, progress
from cxmeasure.results import Estimates, Scores

__all__ = [
    "Estimates",
    "Scores",
    "check",
    "lantern",
    "lifecycle",
    "progress",
    "survey",
    "theme",
    "touchpoints",
]
__version__ = "0.1.0"
