"""Which touchpoints matter, how good they are, and where the next euro goes."""

from cxmeasure.touchpoints import chart
from cxmeasure.touchpoints.bending import penalty_reward
from cxmeasure.touchpoints.curving import emotion_curve
from cxmeasure.touchpoints.drivers import importance
from cxmeasure.touchpoints.expecting import expectation_gap
from cxmeasure.touchpoints.fading import fade
from cxmeasure.touchpoints.investing import investment_ranking
from cxmeasure.touchpoints.learning import perception_gain
from cxmeasure.touchpoints.mattering import moments_of_truth
from cxmeasure.touchpoints.remembering import peak_end
from cxmeasure.touchpoints.removing import removal_effects
from cxmeasure.touchpoints.scoring import scores, tally_scores

__all__ = [
    "chart",
    "emotion_curve",
    "expectation_gap",
    "fade",
    "importance",
    "investment_ranking",
    "moments_of_truth",
    "peak_end",
    "penalty_reward",
    "perception_gain",
    "removal_effects",
    "scores",
    "tally_scores",
]
