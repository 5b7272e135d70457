"""Which touchpoints matter, how good they are, and where the next euro goes."""

from cxmeasure.touchpoints import chart
from cxmeasure.touchpoints.drivers import importance
from cxmeasure.touchpoints.scoring import scores, tally_scores

__all__ = ["chart", "importance", "scores", "tally_scores"]
