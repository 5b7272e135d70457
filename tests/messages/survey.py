"""What can be done wrong in the survey wing, and at the door it shares with the others."""

import sys
from unittest import mock

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from cxmeasure import _arguments, survey
from cxmeasure._frames import adopt

MODULES = [
    "cxmeasure/_frames.py",
    "cxmeasure/_arguments.py",
    "cxmeasure/results.py",
    "cxmeasure/survey/answering.py",
    "cxmeasure/survey/balancing.py",
    "cxmeasure/survey/contributing.py",
    "cxmeasure/survey/grouping.py",
    "cxmeasure/survey/reduce/answers.py",
    "cxmeasure/survey/reduce/dispositions.py",
    "cxmeasure/survey/reduce/responses.py",
    "cxmeasure/survey/representing.py",
    "cxmeasure/survey/response.py",
    "cxmeasure/survey/calibrating.py",
    "cxmeasure/survey/moments.py",
    "cxmeasure/survey/reduce/weights.py",
    "cxmeasure/survey/asking_again.py",
    "cxmeasure/survey/bounding.py",
    "cxmeasure/survey/silence.py",
    "cxmeasure/survey/comparing.py",
    "cxmeasure/survey/monitoring.py",
    "cxmeasure/survey/reduce/contacts.py",
    "cxmeasure/survey/reduce/followups.py",
    "cxmeasure/survey/reduce/proxies.py",
    "cxmeasure/survey/scoring.py",
    "cxmeasure/survey/shaping.py",
    "cxmeasure/survey/sizing.py",
    "cxmeasure/survey/tilting.py",
    "cxmeasure/survey/clustering.py",
    "cxmeasure/survey/reduce/flags.py",
    "cxmeasure/survey/screening.py",
    "cxmeasure/survey/suspecting.py",
    "cxmeasure/survey/weighed.py",
    "cxmeasure/survey/weighting.py",
]

ROWS = pd.DataFrame({"ltr": [10, 8, 3], "w": [1.0, 2.0, 3.0], "plan": ["a", "b", "b"]})
SENT = pd.DataFrame({"disposition": ["I", "R"], "w": [1.0, 1.0], "plan": ["a", "b"]})
INVITED = pd.DataFrame(
    {
        "plan": ["a", "a", "b", "b"],
        "has_answered": [True, False, True, False],
        "id": [1, 2, 3, 4],
        "sent_at": pd.to_datetime(["2025-01-02"] * 4),
        "answered_at": pd.to_datetime(["2025-01-03"] * 4),
    }
)
ZONED = pl.from_pandas(pd.DataFrame({"at": pd.to_datetime(["2025-01-01"]).tz_localize("UTC")}))
DEEP = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))


class Broken:
    """A table of no known engine that fails as it is opened."""

    def __narwhals_dataframe__(self):
        raise ValueError("the file behind it is gone")


TWICE = pd.DataFrame([[1, 2]], columns=["ltr", "ltr"])


def metric(answers=ROWS, **choices):
    return lambda: survey.metric(answers, **choices)


def rates(dispositions=SENT, **choices):
    return lambda: survey.response_rates(dispositions, **choices)


def tally(invitations=INVITED, **choices):
    return lambda: survey.tally_responses(invitations, **{"covariate_columns": ["plan"], **choices})


def propensity(invitations=INVITED, **choices):
    return lambda: survey.response_propensity(invitations, **{"covariate_columns": ["plan"], **choices})


TOTALS = {"plan": {"a": 60, "b": 40}}
PAIRS = pd.DataFrame({"plan": ["a", "a", "b"], "shop": ["x", "y", "x"]})


def weights(rows=INVITED, **choices):
    return lambda: survey.nonresponse_weights(rows, **{"covariate_columns": ["plan"], **choices})


FULL = pd.DataFrame({"ltr": [10, 10, 8, 8, 3, 3], "has_answered": [True, False] * 3})
PROXY = pd.DataFrame({"ltr": [10.0, 3.0, 8.0, np.nan], "x": [1.0, 2.0, 3.0, 4.0]})
MONTHS = pd.DataFrame({"month": np.repeat(range(8), 2), "ltr": [10.0, 3.0] * 8, "plan": ["a", "b"] * 8})


def bias(rows=FULL, **choices):
    return lambda: survey.nps_bias(rows, **choices)


def sensitive(rows=PROXY, **choices):
    return lambda: survey.sensitivity(rows, **choices)


def by_proxy(rows=PROXY, **choices):
    return sensitive(rows, **{"method": "proxy", "proxy_column": "x", "metric": "mean", **choices})


def changed(rows=MONTHS, **choices):
    roles = {"period_column": "month", "before": 0, "after": 1, "segment_columns": ["plan"]}
    return lambda: survey.change(rows, **{**roles, **choices})


def charted(rows=MONTHS, **choices):
    return lambda: survey.control_chart(rows, period_column="month", **choices)


def sized(**choices):
    return lambda: survey.sample_size(**choices)


CALLED = pd.DataFrame(
    {
        "has_answered": [True, False, False],
        "ltr": [10.0, np.nan, np.nan],
        "drawn": [False, True, False],
        "follow_up_ltr": [np.nan, 3.0, np.nan],
    }
)


def called(rows=CALLED, **choices):
    return lambda: survey.double_sample(rows, **choices)


def waves(rows=MONTHS, **choices):
    return lambda: survey.wave_contrast(rows, wave_column="month", **choices)


ASKED = pd.DataFrame(
    {
        "use": [0.0, 1.0, 2.0, 3.0] * 2,
        "has_answered": [True, False, False, True, False, True, True, False],
        "arm": ["a", "b"] * 4,
        "who": [1, 2] * 4,
        "prior": [0.0, 0, 1, 1, 2, 2, 3, 3],
    }
)
BLANK = pd.array([None, *[True] * 7], dtype="boolean")


def curve(rows=ASKED, **choices):
    roles = {"proxy_column": "use", "proxy_kind": "behaviour", **choices}
    return lambda: survey.response_curve(rows, **roles)


def tired(rows=ASKED, **choices):
    return lambda: survey.contact_fatigue(rows, **choices)


FILLED = pd.DataFrame(
    {
        "invitation_id": [1, 1, 2],
        "sent_at": pd.to_datetime(["2025-01-02"] * 3),
        "answered_at": pd.to_datetime(["2025-01-02"] * 3),
        "seconds": [9.0, 60, 90],
        "a": [1, 2, 3],
        "b": [1, 2, 4],
        "c": [1, 2, 5],
        "ltr": [10, 3, 8],
    }
)


def screened(rows=FILLED, **choices):
    return lambda: survey.screen(rows, **choices)


def screened_without_ier():
    with mock.patch.dict(sys.modules, {"ier": None}):
        survey.screen(FILLED, item_columns=["a", "b", "c"], longest_run=3)


CALLS = {
    # the door
    "no table at all": metric(None),
    "a dictionary for a table": metric({"ltr": [1]}),
    "a path without a file": metric("nowhere/*.parquet"),
    "a column that is not there": metric(score_column="lrt"),
    "text where numbers belong": metric(["ten", "nine"]),
    "a time zone": lambda: adopt(ZONED, {"at": ("at", "time")}, name="events"),
    "a table that fails as it is opened": metric(Broken()),
    "a flag that is two": lambda: adopt(
        pd.DataFrame({"has_answered": [0, 1, 2]}), {"s": ("has_answered", "flag")}, name="invitations"
    ),
    "the same column twice": metric(TWICE),
    "the same column twice, in Arrow": metric(pa.table([[1], [2]], names=["ltr", "ltr"])),
    "a header of two levels": metric(DEEP),
    "column names that are numbers": metric(pd.DataFrame([[1, 2]])),
    "an empty table": metric(ROWS.head(0)),
    # keywords
    "an unknown choice": metric(metric="npss"),
    "a level in percent": metric(conf_level=95),
    "a bare name for a list": metric(by="plan"),
    "a name twice in a list": metric(by=["plan", "plan"]),
    "nothing but small cells": lambda: survey.metric(ROWS).suppressed(min_cell=5),
    "a count below its least": lambda: _arguments.whole(0, name="draws", at_least=1),
    "a group named like a column of the result": metric(ROWS.rename(columns={"plan": "n"}), by=["n"]),
    # metric
    "no score at all": metric([np.nan, np.nan]),
    "a score of 11": metric([9, 11]),
    "an infinite score": metric([9, np.inf], metric="mean"),
    "an average for a score": metric([9.5, 10]),
    "a negative weight": metric(ROWS.assign(w=[-1, 2, 3]), weight_column="w"),
    "weights that are all zero": metric(ROWS.assign(w=0.0), weight_column="w"),
    "an NPS on another scale": metric(scale=(0, 5)),
    "a threshold for a mean": metric(metric="mean", threshold=3),
    "a top box without threshold": metric(metric="top_box"),
    "a CSAT on another scale without threshold": metric(metric="csat", scale=(1, 7)),
    "a threshold outside the scale": metric(metric="csat", scale=(1, 7), threshold=9),
    # response_rates
    "nobody invited": rates({"I": 0, "R": 0}),
    "no counts": rates({}),
    "a count below zero": rates({"I": -1}),
    "a code AAPOR does not know": rates({"complete": 1}),
    "an eligibility above one": rates({"I": 1}, eligibility=1.5),
    "a mapping that is a list": rates(mapping=["I"]),
    "a mapping to an unknown code": rates(mapping={"I": "I", "R": "refused"}),
    "groups of counts": rates({"I": 1}, by=["plan"]),
    "an invitation without disposition": rates(SENT.assign(disposition=["I", None])),
    "a disposition outside the mapping": rates(SENT.assign(disposition=["I", "done"])),
    "no rate": rates(rates=[]),
    # tally_responses, response_propensity, r_indicator, covariate_balance
    "nobody in the table of invitations": tally(INVITED.head(0)),
    "counts of invitations that are all zero": propensity(
        INVITED.assign(sent=0, back=0), invited_column="sent", responded_column="back"
    ),
    "more answers than invitations": propensity(
        INVITED.assign(sent=1, back=2), invited_column="sent", responded_column="back"
    ),
    "an invitation that stands twice": tally(INVITED.assign(id=7), id_column="id"),
    "an answer older than its invitation": tally(
        INVITED.assign(answered_at=pd.Timestamp("2025-01-01")),
        sent_column="sent_at",
        answered_column="answered_at",
    ),
    "one of two timestamps": tally(sent_column="sent_at"),
    "an invitation without a response": tally(
        INVITED.assign(has_answered=pd.array([1, None, 0, 0], dtype="Int64"))
    ),
    "two answers to one invitation": tally(INVITED.assign(has_answered=[2, 1, 0, 0])),
    "a covariate known of respondents only": propensity(
        pd.concat([INVITED, INVITED]).assign(plan=["a", None, "b", None] * 2)
    ),
    "a covariate named like a count": tally(
        INVITED.rename(columns={"plan": "n_invited"}), covariate_columns=["n_invited"]
    ),
    "no covariate": propensity(covariate_columns=[]),
    "an interaction with a stranger": propensity(interactions=[("plan", "region")]),
    "a continuous covariate": propensity(
        pd.DataFrame({"age": np.arange(100.0), "has_answered": np.arange(100) % 2}), covariate_columns=["age"]
    ),
    "nobody answered": propensity(INVITED.assign(has_answered=False)),
    "covariates that decide everything": propensity(INVITED.assign(plan=["a", "b", "a", "b"])),
    "nobody to compare": lambda: survey.covariate_balance(
        INVITED.assign(has_answered=False), covariate_columns=["plan"]
    ),
    # metric: clusters, populations, differences
    "an answer of nobody": metric(ROWS.assign(who=["x", None, "y"]), cluster_column="who"),
    "fewer customers than answers": metric(population_size=2),
    "one population for several groups": metric(by=["plan"], population_size=500),
    "a group without population": metric(by=["plan"], population_size={"a": 500}),
    "a difference from no group": metric(by=["plan"], against="c"),
    "a difference without groups": metric(against="a"),
    # nonresponse_weights
    "nothing to weight to": weights(),
    "no covariate to weight by": weights(covariate_columns=[], responded_column="has_answered"),
    "propensity weights from respondents only": weights(method="inverse-propensity"),
    "an interaction of margins": weights(responded_column="has_answered", interactions=[("plan", "id")]),
    "a trim below the average": weights(responded_column="has_answered", trim=0.5),
    "a weight column that exists": weights(responded_column="has_answered", weight_name="id"),
    "nobody to weight": weights(INVITED.assign(has_answered=False), responded_column="has_answered"),
    "a stratum without respondent": weights(population={"plan": {**TOTALS["plan"], "c": 1}}),
    "a respondent without population": weights(population={"plan": {"a": 60}}),
    "a cell whose propensity is zero": weights(
        INVITED.assign(has_answered=[True, False, False, False]),
        responded_column="has_answered",
        method="inverse-propensity",
    ),
    "a negative total": weights(population={"plan": {"a": -1, "b": 1}}),
    "a population of another covariate": weights(population={"shop": {"x": 1}}),
    "a population without totals": weights(population=pd.DataFrame({"plan": ["a", "b"]})),
    "margins that contradict one another": weights(
        PAIRS, covariate_columns=["plan", "shop"], population={**TOTALS, "shop": {"x": 1, "y": 1}}
    ),
    "margins that no weights meet": weights(
        PAIRS,
        covariate_columns=["plan", "shop"],
        population={"plan": {"a": 10, "b": 90}, "shop": {"x": 10, "y": 90}},
    ),
    # nps_bias, worst_case_bounds, sensitivity
    "neither invitations nor shares": bias(None),
    "shares that do not add up": bias(None, shares={"promoter": 0.5}, rates={}),
    "a response rate missing": bias(
        None, shares={"promoter": 0.4, "detractor": 0.3}, rates={"promoter": 0.2}
    ),
    "scores of respondents only": bias(FULL.assign(ltr=[10, None, 8, None, 3, None])),
    "no detractor": bias(FULL.head(4)),
    "nobody answered, all scores known": bias(FULL.assign(has_answered=False)),
    "a mean without worst answer": lambda: survey.worst_case_bounds(PROXY, metric="mean"),
    "a proxy method without proxy": sensitive(method="proxy"),
    "a proxy for a net share": by_proxy(metric="nps"),
    "a proxy known of some": by_proxy(PROXY.assign(x=[1, 2, 3, np.nan])),
    "an infinite proxy": by_proxy(PROXY.assign(x=np.inf)),
    "a proxy that does not vary": by_proxy(PROXY.assign(x=1.0)),
    "two answers beside a proxy": by_proxy(PROXY.assign(ltr=[10, 3, np.nan, np.nan])),
    "scores beyond the scale beside a proxy": by_proxy(scale=(0, 5)),
    "a tilt beyond belief": sensitive(g1=[99]),
    "a tilt of one answer": sensitive(pd.DataFrame({"ltr": [9.0, np.nan, np.nan]})),
    # change, control_chart, sample_size
    "the same period twice": changed(after=0),
    "a period without answers": changed(after=99),
    "a segment in one period only": changed(MONTHS.assign(plan=["a", "b", "a", "a"] * 4)),
    "answers without a period": charted(MONTHS.assign(month=[None, *[1.0] * 15])),
    "three months for a chart": charted(MONTHS.head(6)),
    "a month without scores": charted(MONTHS.assign(ltr=[np.nan, np.nan, *[8] * 14])),
    "a baseline longer than the chart": charted(baseline=20),
    "no wish for a sample": sized(),
    "a width of zero": sized(half_width=0),
    "shares beyond everybody": sized(half_width=5, promoter_share=0.8, detractor_share=0.4),
    "a design effect below one": sized(half_width=5, design_effect=0.5),
    "a population for a difference": sized(difference=5, population_size=100),
    # double_sample, wave_contrast
    "a respondent drawn for the follow-up": called(CALLED.assign(drawn=True)),
    "a follow-up score of somebody not drawn": called(CALLED.assign(drawn=False)),
    "nobody reached": called(CALLED.assign(follow_up_ltr=np.nan)),
    "nobody answered the first time": called(CALLED.assign(has_answered=False)),
    "a follow-up score of 30": called(CALLED.assign(follow_up_ltr=[np.nan, 30.0, np.nan])),
    "a mean of two phases without scale": called(metric="mean"),
    "one wave": waves(MONTHS.head(2)),
    "fewer invited than answered": waves(n_invited=3),
    # response_curve, contact_fatigue
    "a past score for a proxy": curve(proxy_kind="past score"),
    "a proxy known of respondents only": curve(ASKED.assign(use=ASKED["use"].where(ASKED["has_answered"]))),
    "a proxy without variation": curve(ASKED.assign(use=1.0)),
    "a response unknown": curve(ASKED.assign(has_answered=BLANK)),
    "a proxy of two values": curve(ASKED.assign(use=[0.0, 1.0] * 4)),
    "a curve of which one end always answers": curve(
        pd.DataFrame({"use": [0.0, 1, 2, 2, 3], "has_answered": [False, False, True, False, True]})
    ),
    "neither arms nor earlier invitations": tired(),
    "earlier invitations of nobody": tired(prior_column="prior"),
    "a reference that is no arm": tired(arm_column="arm", reference="c"),
    "a negative number of invitations": tired(
        ASKED.assign(prior=-1.0), prior_column="prior", customer_column="who"
    ),
    "everybody always asked as often": tired(
        ASKED.assign(prior=1.0), prior_column="prior", customer_column="who"
    ),
    # screen
    "nothing to screen for": screened(),
    "an answer too soon after nothing": screened(sent_column="sent_at"),
    "too soon in a year": screened(sent_column="sent_at", answered_column="answered_at", soonest_seconds=4e7),
    "a straight line of two items": screened(item_columns=["a", "b"]),
    "a long run of no items": screened(key_columns=["invitation_id"], longest_run=5),
    "a variability below zero": screened(item_columns=["a", "b", "c"], least_variability=-1),
    "indices without their package": screened_without_ier,
    "a column where a flag goes": screened(FILLED.assign(is_flagged=True), duration_column="seconds"),
    "no duration at all": screened(FILLED.assign(seconds=np.nan), duration_column="seconds"),
    "everything under suspicion": screened(
        sent_column="sent_at", answered_column="answered_at", key_columns=["invitation_id"]
    ),
    # customers with several invitations
    "invitations of nobody": lambda: survey.worst_case_bounds(
        PROXY.assign(who=["a", "b", "c", None]), cluster_column="who"
    ),
    "invitations of one customer": bias(FULL.assign(who="a"), cluster_column="who"),
    "a proxy of nobody": by_proxy(PROXY.assign(who=["a", "b", "c", None]), cluster_column="who"),
}
