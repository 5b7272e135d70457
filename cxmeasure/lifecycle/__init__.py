"""Where customers stand, how long they stay, and who will still be there."""

from cxmeasure.lifecycle import chart
from cxmeasure.lifecycle.projection import projected_retention
from cxmeasure.lifecycle.retention import cohort_retention

__all__ = ["chart", "cohort_retention", "projected_retention"]
