"""Who answers, what they say, and what that is worth."""

from cxmeasure.survey import chart
from cxmeasure.survey.response import response_rates
from cxmeasure.survey.scoring import metric

__all__ = ["chart", "metric", "response_rates"]
