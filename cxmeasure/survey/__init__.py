"""Who answers, what they say, and what that is worth."""

from cxmeasure.survey import chart
from cxmeasure.survey.answering import response_propensity
from cxmeasure.survey.asking_again import double_sample, wave_contrast
from cxmeasure.survey.balancing import covariate_balance
from cxmeasure.survey.bounding import nps_bias
from cxmeasure.survey.comparing import change
from cxmeasure.survey.contributing import partial_r_indicators
from cxmeasure.survey.monitoring import control_chart
from cxmeasure.survey.reduce import tally_responses
from cxmeasure.survey.representing import r_indicator
from cxmeasure.survey.response import response_rates
from cxmeasure.survey.scoring import metric
from cxmeasure.survey.screening import screen
from cxmeasure.survey.shaping import contact_fatigue, response_curve
from cxmeasure.survey.silence import worst_case_bounds
from cxmeasure.survey.sizing import sample_size
from cxmeasure.survey.tilting import sensitivity
from cxmeasure.survey.weighting import nonresponse_weights

__all__ = [
    "change",
    "chart",
    "contact_fatigue",
    "control_chart",
    "covariate_balance",
    "double_sample",
    "metric",
    "nonresponse_weights",
    "nps_bias",
    "partial_r_indicators",
    "r_indicator",
    "response_curve",
    "response_propensity",
    "response_rates",
    "sample_size",
    "screen",
    "sensitivity",
    "tally_responses",
    "wave_contrast",
    "worst_case_bounds",
]
