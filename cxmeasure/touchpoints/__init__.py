"""Which touchpoints matter, how good they are, and where the next euro goes."""

from cxmeasure.touchpoints import chart
from cxmeasure.touchpoints.drivers import importance

__all__ = ["chart", "importance"]
