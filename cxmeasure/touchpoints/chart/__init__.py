"""`Estimates` of the touchpoint wing → Altair charts, each of its estimator's name."""

from cxmeasure.touchpoints.chart.bending import expectation_gap, penalty_reward
from cxmeasure.touchpoints.chart.fading import fade
from cxmeasure.touchpoints.chart.investing import investment_ranking
from cxmeasure.touchpoints.chart.learning import perception_gain
from cxmeasure.touchpoints.chart.mattering import moments_of_truth
from cxmeasure.touchpoints.chart.passing import removal_effects
from cxmeasure.touchpoints.chart.remembering import emotion_curve, peak_end
from cxmeasure.touchpoints.chart.scoring import scores
from cxmeasure.touchpoints.chart.weighing import importance

__all__ = [
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
]
