"""Which touchpoints matter, how good they are, and where the next euro goes."""

from cxmeasure.touchpoints import chart
from cxmeasure.touchpoints.drivers import importance
from cxmeasure.touchpoints.removing import removal_effects
from cxmeasure.touchpoints.scoring import scores, tally_scores

__all__ = ["chart", "importance", "removal_effects", "scores", "tally_scores"]
