"""`Estimates` of the touchpoint wing → Altair charts, each of its estimator's name."""

from cxmeasure.touchpoints.chart.passing import removal_effects
from cxmeasure.touchpoints.chart.remembering import emotion_curve, peak_end
from cxmeasure.touchpoints.chart.scoring import scores
from cxmeasure.touchpoints.chart.weighing import importance

__all__ = ["emotion_curve", "importance", "peak_end", "removal_effects", "scores"]
