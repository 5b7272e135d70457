"""`Estimates` of the lifecycle wing → Altair charts, each of its estimator's name."""

from cxmeasure.lifecycle.chart.curves import cohort_retention, projected_retention
from cxmeasure.lifecycle.chart.lasting import cumulative_incidence, state_probabilities, time_in_episode
from cxmeasure.lifecycle.chart.leaving import leaving_hazard
from cxmeasure.lifecycle.chart.standing import episode_value, occupancy, transitions
from cxmeasure.lifecycle.chart.steadiness import segment_stability

__all__ = [
    "cohort_retention",
    "cumulative_incidence",
    "episode_value",
    "leaving_hazard",
    "occupancy",
    "projected_retention",
    "segment_stability",
    "state_probabilities",
    "time_in_episode",
    "transitions",
]
