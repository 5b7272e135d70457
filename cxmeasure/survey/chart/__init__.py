"""`Estimates` of the survey wing → Altair charts, each of its estimator's name."""

from cxmeasure.survey.chart.asked import (
    contact_fatigue,
    covariate_balance,
    partial_r_indicators,
    r_indicator,
    response_curve,
    response_propensity,
    response_rates,
)
from cxmeasure.survey.chart.beyond import (
    double_sample,
    nps_bias,
    sample_size,
    sensitivity,
    wave_contrast,
    worst_case_bounds,
)
from cxmeasure.survey.chart.over_time import change, control_chart
from cxmeasure.survey.chart.scores import metric, screen

__all__ = [
    "change",
    "contact_fatigue",
    "control_chart",
    "covariate_balance",
    "double_sample",
    "metric",
    "nps_bias",
    "partial_r_indicators",
    "r_indicator",
    "response_curve",
    "response_propensity",
    "response_rates",
    "sample_size",
    "screen",
    "sensitivity",
    "wave_contrast",
    "worst_case_bounds",
]
