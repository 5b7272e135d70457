"""What can be done wrong in the lifecycle wing."""

import numpy as np
import pandas as pd

from cxmeasure import lifecycle

MODULES = [
    "cxmeasure/lifecycle/calendar_days.py",
    "cxmeasure/lifecycle/reduce/rules.py",
    "cxmeasure/lifecycle/assigning.py",
    "cxmeasure/lifecycle/reduce/log.py",
    "cxmeasure/lifecycle/reduce/spells.py",
    "cxmeasure/lifecycle/reduce/periods.py",
    "cxmeasure/lifecycle/standing.py",
    "cxmeasure/lifecycle/worth.py",
    "cxmeasure/lifecycle/opening.py",
    "cxmeasure/lifecycle/course.py",
    "cxmeasure/lifecycle/lasting.py",
    "cxmeasure/lifecycle/competing.py",
    "cxmeasure/lifecycle/leaving.py",
    "cxmeasure/lifecycle/reduce/purchases.py",
    "cxmeasure/lifecycle/buying.py",
    "cxmeasure/lifecycle/reduce/labelled.py",
    "cxmeasure/lifecycle/steadiness.py",
]

DAYS = pd.to_datetime(["2024-01-05", "2024-03-01", "2024-09-01", "2024-12-30"])
LOG = pd.DataFrame(
    {"customer_id": [1, 1, 1, 2], "ts": DAYS, "event": ["orientation", "start", "renewal", "end"]}
)
EPISODES = pd.DataFrame(
    {
        "customer_id": [1, 1, 2],
        "episode": ["become", "am", "become"],
        "start": pd.to_datetime(["2024-01-31", "2024-03-31", "2024-02-29"]),
        "end": pd.to_datetime(["2024-03-31", None, None]),
    }
)
STAYS = EPISODES.rename(columns={"start": "start_date", "end": "end_date", "episode": "reason"})
COUNTS = pd.DataFrame([[6, 3, 1], [0, 9, 3], [0, 0, 5]], index=["a", "b", "c"], columns=["a", "b", "c"])
MONTHS = pd.DataFrame(
    {
        "customer_id": range(40),
        "offer": [0, 1] * 20,
        "price": np.arange(40) % 7,
        "exit_next": [True, False, False, True, False] * 8,
    }
)


def assign(events=LOG, **choices):
    return lambda: lifecycle.assign_episodes(events, **choices)


def rules(*rows):
    columns = ["rule", "episode", "latest of start, end", "days since start"]
    return assign(rules=pd.DataFrame(rows, columns=columns))


def heading(*columns):
    return assign(
        rules=pd.DataFrame([["new", "a", *("" for _ in columns)]], columns=["rule", "episode", *columns])
    )


def many():
    names = [f"n e{i}" for i in range(9)]
    rows = [[f"r{i}", "a", *(f"{i} to {i + 1}" for _ in names)] for i in range(9)]
    return assign(rules=pd.DataFrame(rows, columns=["rule", "episode", *names]))


def occupancy(episodes=EPISODES, **choices):
    return lambda: lifecycle.occupancy(episodes, **{"observed_until": "2024-12-31"} | choices)


def lasting(function=lifecycle.time_in_episode, rows=EPISODES, **choices):
    return lambda: function(rows, **{"observed_until": "2024-12-31"} | choices)


def value(moves=COUNTS, **choices):
    choices = {"reward": {"a": 1.0}, "discount_per_period": 0.0} | choices
    return lambda: lifecycle.episode_value(moves, **choices)


def hazard(months=MONTHS, **choices):
    choices = {"covariate_columns": ["offer", "price"]} | choices
    return lambda: lifecycle.leaving_hazard(months, **choices)


def split():
    return lifecycle.episode_value(
        lifecycle.transitions(EPISODES, cohort="month", observed_until="2024-12-31"),
        reward={},
        discount_per_period=0,
    )


BOUGHT = LOG[["customer_id", "ts"]].assign(paid=1.0)
_RNG = np.random.default_rng(1)
_RATE, _LEAVES = _RNG.gamma(0.5, 1 / 4, 2000), _RNG.beta(0.8, 2.4, 2000)
_AT = _RNG.exponential(1, (2000, 99)).cumsum(axis=1) / _RATE[:, None]
_STAYS = (_RNG.random((2000, 98)) > _LEAVES[:, None]).cumprod(axis=1) > 0
_HAPPENED = (_AT < 39) & np.column_stack([np.full(2000, True), _STAYS])
HISTORIES = pd.DataFrame(
    {"frequency": _HAPPENED.sum(axis=1), "recency": np.where(_HAPPENED, _AT, 0).max(axis=1), "age": 39.0}
)


def bought(purchases=BOUGHT, **choices):
    return lambda: lifecycle.summarise_purchases(purchases, **choices)


def alive(customers=HISTORIES, **choices):
    return lambda: lifecycle.probability_alive(customers, **choices)


SORTED = pd.DataFrame({"kind": list("ab") * 30, "x": np.arange(60.0), "spent": np.arange(60) % 7})


def stability(customers=SORTED, **choices):
    choices = {"outcome_column": "spent", "segment_column": "kind"} | choices
    return lambda: lifecycle.segment_stability(customers, **choices)


def made(assign, **choices):
    choices = {"feature_columns": ["x"]} | choices
    return stability(segment_column=None, assign=assign, **choices)


NOBODY = pd.array([None] * 3, "Int64")
CALLS = {
    # the calendar
    "a day that is none": assign(known_from="soon"),
    "no snapshot in a calendar": assign(every=[]),
    "a calendar that falls": assign(every=["2024-12-31", "2024-01-31"]),
    # the rules
    "rules that are no table": assign(rules=["new"]),
    "rules under other columns": assign(rules=pd.DataFrame({"name": ["new"], "stage": ["a"]})),
    "a column of rules that is no measure": heading("age"),
    "a cell that cannot be read": rules(["new", "a", "start", "soon"]),
    "a cell that runs backwards": rules(["new", "a", "start", "9 to 3"]),
    "a cell with an unknown event": rules(["new", "a", "begin", ""]),
    "rules that tell too much apart": many(),
    "a rule that contradicts itself": rules(["new", "a", "never", "< 60"], ["rest", "b", "", ""]),
    "rules that overlap": rules(
        ["new", "a", "start", "< 60"], ["old", "b", "start", ">= 50"], ["gone", "c", "end or never", ""]
    ),
    "rules that leave a gap": rules(
        ["new", "a", "start", "< 60"], ["old", "b", "start", ">= 70"], ["gone", "c", "end or never", ""]
    ),
    # the log
    "a word of which the rules do not speak": assign(words={"renew": "renewal"}),
    "a word that the log never holds": assign(words={"renewal": "renewed"}),
    "no event": assign(LOG.head(0)),
    "an event of nobody": assign(LOG.assign(customer_id=pd.array([None] * 4, "Int64"))),
    "an event in the future": assign(LOG.assign(ts=LOG["ts"] + pd.Timedelta(days=40_000))),
    "an event after the observation": assign(observed_until="2024-06-30"),
    "snapshots after all events": assign(every=["2031-01-31"]),
    "contracts that overlap": assign(
        LOG.assign(event=["start", "start", "end", "renewal"]), words={"orientation": []}
    ),
    # the episodes
    "an episode of nobody": occupancy(EPISODES.assign(customer_id=NOBODY)),
    "episodes that overlap": occupancy(EPISODES.assign(customer_id=1)),
    "snapshots before all episodes": occupancy(every=["2020-01-31"]),
    "a group named like a column of occupancy": occupancy(by=["snapshot"]),
    "one snapshot for transitions": lambda: lifecycle.transitions(
        EPISODES, every=["2024-06-30"], observed_until="2024-12-31"
    ),
    "a group named like a column of durations": lasting(by=["period"]),
    "an observation that begins after all": lasting(observed_from="2031-01-31"),
    "nobody seen from the start": lasting(lifecycle.state_probabilities, observed_from="2024-06-30"),
    "no episode seen from its start": lasting(observed_from="2024-06-30"),
    "nobody who left": lasting(
        lifecycle.cumulative_incidence, STAYS.assign(end_date=pd.NaT, customer_id=range(3))
    ),
    # the chain
    "moves that are a list": value([[1]]),
    "transitions in groups": split,
    "moves that are not square": value(COUNTS.head(2)),
    "moves that are text": value(COUNTS.astype(str) + " moves"),
    "a negative number of moves": value(COUNTS - 1),
    "probabilities that do not add up": value(COUNTS / 20),
    "a chain without an end": value(COUNTS + 1),
    "a chain with a trap": value(leaving=["a"]),
    "an end that is everything": value(leaving=["a", "b", "c"]),
    "a reward that is a number": value(reward=3),
    "an infinite reward": value(reward={"a": np.inf}),
    "a negative discount": value(discount_per_period=-0.1),
    # the hazard
    "a covariate of text": hazard(MONTHS.assign(offer="yes")),
    "a period of nobody": hazard(MONTHS.assign(customer_id=pd.array([None] * 40, "Int64"))),
    "a covariate that is missing": hazard(MONTHS.assign(price=np.nan)),
    "leaving twice": hazard(MONTHS.assign(customer_id=1)),
    "a covariate named like a term": hazard(covariate_columns=["exit_next"]),
    "nobody leaving": hazard(MONTHS.assign(exit_next=False)),
    "a covariate that is constant": hazard(MONTHS.assign(offer=1)),
    "covariates that follow from one another": hazard(MONTHS.assign(offer=MONTHS["price"] * 2)),
    "a covariate in unusable units": hazard(MONTHS.assign(price=MONTHS["price"] * 1e-12)),
    "a covariate that decides": hazard(MONTHS.assign(offer=MONTHS["exit_next"] * 1)),
    # purchases
    "a purchase of nobody": bought(BOUGHT.assign(customer_id=pd.array([None] * 4, "Int64"))),
    "a negative value of a purchase": bought(BOUGHT.assign(paid=-1.0), value_column="paid"),
    "a purchase after the end": bought(observed_until="2024-02-01"),
    "a history that cannot be": alive(HISTORIES.assign(recency=99.0)),
    "nobody who came back": alive(HISTORIES.assign(frequency=0, recency=0.0)),
    "customers all alike": alive(HISTORIES.assign(frequency=4, recency=38.0)),
    "a column of probabilities that is there already": alive(HISTORIES.assign(probability_alive=1.0)),
    # segments
    "no segment, and no making of one": stability(segment_column=None),
    "a making of segments from nothing": made(lambda train, rows: rows["x"], feature_columns=[]),
    "a making of too few labels": made(lambda train, rows: [1]),
    "one segment": made(lambda train, rows: [0] * len(rows)),
    "a segment that is missing": stability(SORTED.assign(kind=SORTED["kind"].where(SORTED["x"] > 2))),
    "an outcome of text": stability(outcome_column="kind"),
    "an infinite outcome": stability(SORTED.assign(spent=np.inf)),
    "an outcome that stands still": stability(SORTED.assign(spent=1)),
    "a handful of customers": stability(SORTED.head(9)),
    "a seed for a generator": stability(rng=1),
}
