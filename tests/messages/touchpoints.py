"""What can be done wrong in the touchpoint wing."""

import numpy as np
import pandas as pd

from cxmeasure import touchpoints

MODULES = [
    "cxmeasure/touchpoints/correlations.py",
    "cxmeasure/touchpoints/drivers.py",
    "cxmeasure/touchpoints/bending.py",
    "cxmeasure/touchpoints/cells.py",
    "cxmeasure/touchpoints/expecting.py",
    "cxmeasure/touchpoints/fading.py",
    "cxmeasure/touchpoints/grouping.py",
    "cxmeasure/touchpoints/latent.py",
    "cxmeasure/touchpoints/mattering.py",
    "cxmeasure/touchpoints/ordering.py",
    "cxmeasure/touchpoints/reduce/answers.py",
    "cxmeasure/touchpoints/reduce/contacts.py",
    "cxmeasure/touchpoints/investing.py",
    "cxmeasure/touchpoints/learning.py",
    "cxmeasure/touchpoints/reduce/beliefs.py",
    "cxmeasure/touchpoints/reduce/combinations.py",
    "cxmeasure/touchpoints/reduce/journeys.py",
    "cxmeasure/touchpoints/reduce/options.py",
    "cxmeasure/touchpoints/reduce/paths.py",
    "cxmeasure/touchpoints/reduce/products.py",
    "cxmeasure/touchpoints/reduce/rows.py",
    "cxmeasure/touchpoints/reduce/waning.py",
    "cxmeasure/touchpoints/remembering.py",
    "cxmeasure/touchpoints/removing.py",
    "cxmeasure/touchpoints/scoring.py",
]

_RATINGS = np.random.default_rng(4).integers(0, 11, size=(40, 3))
CUSTOMERS = pd.DataFrame(_RATINGS, columns=["app", "support", "overall"]).assign(w=1.0, id=range(40))
NAMES = ["a", "b", "y"]
GOOD = [[1.0, 0.5, 0.6], [0.5, 1.0, 0.4], [0.6, 0.4, 1.0]]


def importance(customers=CUSTOMERS, **choices):
    choices = {"outcome": "overall", "drivers": ["app", "support"]} | choices
    return lambda: touchpoints.importance(customers, **choices)


def ordinal(customers=CUSTOMERS, **choices):
    return importance(customers, **({"model": "ordinal"} | choices))


SCORED = pd.DataFrame(
    {"touchpoint": ["app", "web", "shop"] * 4, "csat": [5, 4, 3, 4, 2, 5] * 2, "id": range(12)}
)


def scores(events=SCORED, **choices):
    return lambda: touchpoints.scores(events, **choices)


STEPS = pd.DataFrame(
    {
        "customer_id": np.arange(24) // 2,
        "touchpoint": ["app", "shop", "web"] * 8,
        "ts": range(24),
        "converted": (np.arange(24) // 2) % 3 == 0,
    }
)


def removal(events=STEPS, **choices):
    return lambda: touchpoints.removal_effects(events, **choices)


CONTACTS = pd.DataFrame(
    {"customer_id": np.arange(60) // 2, "touchpoint": ["app", "shop"] * 30, "mood": "fine", "app": 1.0}
).assign(failed=np.arange(60) % 3 == 0, left=np.arange(60) % 7 == 0)


def moments(contacts=CONTACTS, **choices):
    return lambda: touchpoints.moments_of_truth(contacts, **({"outcome_column": "left"} | choices))


FELT = STEPS.assign(
    journey_id=STEPS["customer_id"], valence=np.arange(24) % 5, overall=np.arange(24) // 2 % 4
)


LONG = FELT[(FELT["journey_id"] % 2 == 0) | (FELT["ts"] % 2 == 0)]


def peak_end(steps=FELT, **choices):
    return lambda: touchpoints.peak_end(steps, remembered_column="overall", **choices)


def slopes(customers=CUSTOMERS, **choices):
    choices = {"outcome": "overall", "drivers": ["app", "support"], "customer_column": "id"} | choices
    return lambda: touchpoints.penalty_reward(customers, **choices)


def gap(customers=CUSTOMERS, **choices):
    choices = {"expectation_column": "app", "experience_column": "support", "customer_column": "id"} | choices
    return lambda: touchpoints.expectation_gap(customers, **choices)


OPTIONS = pd.DataFrame({"option": ["app", "shop"], "evidence": "experiment", "reach": 100, "change": 0.2})
OPTIONS = OPTIONS.assign(slope=0.5, value=10, cost=20)


def invest(options=OPTIONS, **choices):
    return lambda: touchpoints.investment_ranking(options, **{"errors": []} | choices)


def fade(outcomes=CUSTOMERS, **choices):
    choices = {"outcome_column": "overall", "days_column": "app", "customer_column": "id"} | choices
    return lambda: touchpoints.fade(outcomes, **choices)


DIARY = FELT.assign(number=np.arange(24) % 2 + 1, before=np.arange(24) * 7 % 5, after=np.arange(24) % 7)


def gain(entries=DIARY, **choices):
    columns = {"before_column": "before", "experience_column": "valence", "after_column": "after"}
    return lambda: touchpoints.perception_gain(entries, **{"number_column": "number"} | columns | choices)


def matrix(square=GOOD, names=NAMES, **choices):
    frame = pd.DataFrame(square, index=names, columns=names)
    return importance(None, **{"correlations": frame, "outcome": "y", "drivers": ["a", "b"]} | choices)


def halves():
    customers = CUSTOMERS.astype({"app": float, "support": float})
    customers.loc[:19, "app"] = np.nan
    customers.loc[20:, "support"] = np.nan
    return customers


CALLS = {
    # the question
    "no driver": importance(drivers=[]),
    "a driver in two groups": importance(drivers={"one": ["app"], "two": ["app"]}),
    "an outcome that is a list": importance(outcome=["overall"]),
    "an outcome among the drivers": importance(drivers=["app", "overall"]),
    "too many drivers": importance(drivers=[f"d{i}" for i in range(26)]),
    "a seed for a generator": importance(rng=7),
    "neither a table nor a matrix": importance(None),
    "both a table and a matrix": importance(correlations=pd.DataFrame()),
    "a number of customers beside a table": importance(n=40),
    "a column of customers beside a matrix": matrix(customer_column="id"),
    "weights that are a driver": importance(weight_column="app"),
    # the rows
    "a driver that is all missing": importance(CUSTOMERS.assign(app=np.nan)),
    "no complete row": importance(halves()),
    "an infinite rating": importance(CUSTOMERS.assign(app=np.inf)),
    "a driver that does not vary": importance(CUSTOMERS.assign(app=3)),
    "fewer rows than drivers": importance(CUSTOMERS.head(3)),
    "a negative weight for a customer": importance(CUSTOMERS.assign(w=-1.0), weight_column="w"),
    "no customer with weight": importance(CUSTOMERS.assign(w=0.0), weight_column="w"),
    # an answer that has only an order
    "a model of a third kind": ordinal(model="probit"),
    "relative weights of an order": ordinal(method="johnson"),
    "too many drivers of an order": ordinal(drivers=[f"d{i}" for i in range(11)]),
    "an order from a matrix": matrix(model="ordinal"),
    "an infinite tick": ordinal(CUSTOMERS.assign(app=np.inf)),
    "a negative weight of an answer": ordinal(CUSTOMERS.assign(w=-1.0), weight_column="w"),
    "no answer with weight": ordinal(CUSTOMERS.assign(w=0.0), weight_column="w"),
    "no complete answer": ordinal(halves()),
    "an order of one level": ordinal(CUSTOMERS.assign(overall=5)),
    "an order of too many levels": ordinal(outcome="id"),
    "a driver of too many categories": ordinal(CUSTOMERS.assign(app=CUSTOMERS["id"].astype(str))),
    "fewer answers than slopes": ordinal(CUSTOMERS.head(6)),
    "drivers that are one another": ordinal(CUSTOMERS.assign(support=11 - CUSTOMERS["app"])),
    "a driver that is the order": ordinal(CUSTOMERS.assign(app=CUSTOMERS["overall"])),
    # the matrix
    "a matrix without labels": importance(None, correlations=np.array(GOOD)),
    "a matrix with labels on columns alone": importance(
        None, correlations=pd.DataFrame(GOOD, columns=NAMES), outcome="y", drivers=["a", "b"]
    ),
    "a variable that the matrix lacks": matrix(drivers=["a", "c"]),
    "text in a matrix": matrix([["1", "x", "x"], ["x", "1", "x"], ["x", "x", "1"]]),
    "half a matrix": matrix([[1, np.nan, np.nan], [0.5, 1, np.nan], [0.6, 0.4, 1]]),
    "a covariance matrix": matrix([[2, 0.5, 0.6], [0.5, 1, 0.4], [0.6, 0.4, 1]]),
    "a matrix that is not symmetric": matrix([[1, 0.5, 0.6], [0.4, 1, 0.4], [0.6, 0.4, 1]]),
    "a correlation above one": matrix([[1, 1.5, 0.6], [1.5, 1, 0.4], [0.6, 0.4, 1]]),
    "correlations that no data can have": matrix([[1, 0.9, 0.9], [0.9, 1, -0.9], [0.9, -0.9, 1]]),
    "fewer customers than drivers behind a matrix": matrix(n=3),
    # scores of touchpoints
    "a group named like a column of the scores": scores(SCORED.assign(raw=1), by=["raw"]),
    "a seed for the draws of scores": scores(rng=7),
    "a share without a threshold": scores(metric="share"),
    "a scale upside down": scores(scale=(5, 1)),
    "a negative spread": scores(spread=-1),
    "no score of a contact": scores(SCORED.assign(csat=np.nan)),
    "a score of a contact off its scale": scores(scale=(1, 4)),
    "an average where NPS needs answers": scores(SCORED.assign(csat=4.5), metric="nps"),
    "an answer of nobody": scores(SCORED.assign(id=None).astype({"id": "Int64"}), customer_column="id"),
    "one answer a touchpoint": scores(SCORED.head(3)),
    "averages for answers": scores(SCORED.assign(csat=4.0)),
    # paths through touchpoints
    "no path that ended": removal(STEPS.assign(converted=pd.array([pd.NA] * 24, dtype="boolean"))),
    "a step without a place in its path": removal(STEPS.assign(ts=np.nan)),
    "steps whose order is tied": removal(STEPS.assign(ts=1)),
    "no path that succeeded": removal(STEPS.assign(converted=False)),
    # journeys remembered
    "a step of no journey": peak_end(FELT.assign(journey_id=None).astype({"journey_id": "Int64"})),
    "no rating of a step": peak_end(FELT.assign(valence=np.nan)),
    "an infinite rating of a step": peak_end(FELT.assign(overall=np.inf)),
    "a memory that never varies": peak_end(LONG.assign(overall=5.0)),
    "journeys of one customer": peak_end(FELT.assign(customer_id=1)),
    "journeys all of one length": peak_end(),
    # slopes and gaps
    "a slope of the outcome on itself": slopes(drivers=["overall"]),
    "a neutral point for one driver of two": slopes(neutral={"app": 5}),
    "an outcome that never varies": slopes(CUSTOMERS.assign(overall=5)),
    "a driver with one side only": slopes(neutral=11),
    "a driver that is the outcome": slopes(CUSTOMERS.assign(app=CUSTOMERS["overall"]), drivers=["app"]),
    "an infinite rating of an answer": slopes(CUSTOMERS.assign(app=np.inf)),
    "expectations and experiences of different answers": gap(halves()),
    "the expectation as outcome": gap(outcome="app"),
    "a surface over two answers": gap(CUSTOMERS.assign(app=CUSTOMERS["id"] % 2), outcome="overall"),
    # where the next euro goes
    "an error of no factor": invest(errors=["chance"]),
    "evidence of a third kind": invest(OPTIONS.assign(evidence="hearsay")),
    "covariances of other options": invest(slope_covariance=pd.DataFrame(np.eye(2))),
    "covariances that no slopes have": invest(
        slope_covariance=pd.DataFrame([[1, 2], [2, 1]], index=["app", "shop"], columns=["app", "shop"])
    ),
    "two options of one name": invest(OPTIONS.assign(option="app")),
    "an option without a cost": invest(OPTIONS.assign(cost=np.nan)),
    # moments of truth
    "an outcome that is the shortfall": moments(outcome_column="failed"),
    "a touchpoint of nobody": moments(CONTACTS.assign(touchpoint=None).astype({"touchpoint": "string"})),
    "an exposure of no days": moments(exposure_column="app", contacts=CONTACTS.assign(app=0.0)),
    "no contact that fell short": moments(CONTACTS.assign(failed=False)),
    "a control that is text": moments(control_columns=["mood"]),
    # what fades
    "an outcome before its touch": fade(CUSTOMERS.assign(app=-1.0)),
    "nobody without a touch": fade(),
    # what moves a mind
    "a belief that is the experience": gain(before_column="valence"),
    "no belief before": gain(DIARY.assign(before=np.nan)),
    "beliefs before and after of different contacts": gain(
        DIARY.assign(
            before=np.where(DIARY["number"] == 1, np.nan, 1), after=np.where(DIARY["number"] == 2, np.nan, 1)
        )
    ),
    "an infinite belief": gain(DIARY.assign(after=np.inf)),
    "contacts numbered from zero": gain(DIARY.assign(number=0)),
    "contacts of one number": gain(DIARY.assign(number=1)),
    "experiences all alike": gain(DIARY.assign(valence=1)),
    "two touchpoints to compare": gain(touchpoint_column="converted"),
}
