"""`Estimates` of the lifecycle wing → Altair charts, each of its estimator's name."""

from cxmeasure.lifecycle.chart.curves import cohort_retention, projected_retention
from cxmeasure.lifecycle.chart.standing import occupancy, transitions

__all__ = ["cohort_retention", "occupancy", "projected_retention", "transitions"]
