"""`Estimates` of the survey wing → Altair charts, each of its estimator's name."""

from cxmeasure.survey.chart.asked import (
    covariate_balance,
    partial_r_indicators,
    r_indicator,
    response_propensity,
    response_rates,
)
from cxmeasure.survey.chart.scores import metric

__all__ = [
    "covariate_balance",
    "metric",
    "partial_r_indicators",
    "r_indicator",
    "response_propensity",
    "response_rates",
]
