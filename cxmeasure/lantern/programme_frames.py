"""Tables of what the firm tries: experiments, touches, forecasts, stated importance; and the diary."""

from typing import Final

import numpy as np
import pandas as pd

from cxmeasure.lantern.catalogue import read_parameters, touchpoints
from cxmeasure.lantern.comments import draw_topics, label_texts, write_comments
from cxmeasure.lantern.customers import MONTH_STARTS
from cxmeasure.lantern.experiments import ARMS, COMMUNITY, EXPERIMENTS, TOUCH_COSTS, TOUCH_KINDS
from cxmeasure.lantern.frames import in_diary
from cxmeasure.lantern.ledger import Ledger, day, moment, names, whole
from cxmeasure.lantern.streams import Floats, stream

PROVIDERS: Final = ("Lantern", "partner", "rival", "social")
EMOTIONS: Final = ("joy", "relief", "surprise", "interest", "boredom", "worry", "anger", "disappointment")
MANAGERS: Final = 20
TEXTS: Final = 300
ASKED_PER_ANSWER: Final = 4


def experiments(ledger: Ledger) -> pd.DataFrame:
    """Return one row a customer in an experiment."""
    c = ledger.company
    arm, since = c.treatment.arm, c.treatment.since
    who, which = np.nonzero((arm >= 0) & (since <= c.exit_month[:, None]))
    options: list[str] = []
    offset = np.zeros(len(EXPERIMENTS), dtype=np.int64)
    for place, name in enumerate(EXPERIMENTS):
        offset[place] = len(options)
        options.extend(ARMS.get(name, ("control", name)))
    start = np.maximum(MONTH_STARTS[since[who, which]], c.traits.start_time[who])
    return pd.DataFrame(
        {
            "exp_id": which + 1,
            "experiment": names(EXPERIMENTS, which),
            "customer_id": ledger.customer_id(who),
            "arm": names(options, offset[which] + arm[who, which]),
            "assigned_at": day(start),
            "unit": names(("customer", "cluster"), (which == COMMUNITY).astype(int)),
        }
    ).assign(assigned_month=since[who, which] + 1)


def touches(ledger: Ledger) -> pd.DataFrame:
    """Return one row a touch delivered to someone who was a customer then."""
    c = ledger.company
    t = c.treatment.touches
    month = np.searchsorted(MONTH_STARTS, t.time, side="right") - 1
    rows = np.flatnonzero(month <= c.exit_month[t.customer])
    return pd.DataFrame(
        {
            "touch_id": ledger.running("touches", len(rows)),
            "customer_id": ledger.customer_id(t.customer[rows]),
            "ts": moment(t.time[rows]),
            "kind": names(TOUCH_KINDS, t.kind[rows]),
            "automated": t.automated[rows],
            "name_error": t.name_error[rows],
            "number": t.number[rows],
            "cost": np.array(TOUCH_COSTS)[t.kind[rows]],
        }
    )


def _tenth(values: Floats) -> Floats:
    return np.asarray(np.round(np.clip(values, -3.0, 3.0), 1), dtype=np.float64)


def diary(ledger: Ledger) -> pd.DataFrame:
    """Return one row a diary entry: expectation (half are asked), performance, perception, feelings.

    A rating is the hidden state and noise; being asked for the expectation moves the perception after.
    """
    c, p = ledger.company, ledger.company.p
    rows = np.flatnonzero(in_diary(ledger))
    seen, lived, traits = c.contacts, c.lived, c.traits
    who, step = seen.customer[rows], seen.touchpoint[rows]
    noise = p["diary_noise"] * ledger.draws("diary_ratings").normal(who, (5,))
    asked = traits.expectation_asked[who]
    table = touchpoints()
    owner = table["owner"].map({"brand": 0, "customer": 0, "partner": 1, "social": 3}).to_numpy()
    provider = np.where(step >= 0, owner[step], 2)
    panel = np.cumsum(traits.panellist) - 1
    gap = lived.gap_value[rows]
    before = pd.Series(_tenth(lived.before[rows] + noise[:, 0])).mask(pd.Series(~asked))
    return pd.DataFrame(
        {
            "panel_id": ledger.before["panellists"] + 1 + panel[who],
            "customer_id": ledger.customer_id(who),
            "event_id": whole(ledger.event_number[rows], step < 0),
            "ts": moment(seen.time[rows]),
            "provider": names(PROVIDERS, provider),
            "touchpoint_id": whole(step + 1, step < 0),
            "expectation_before": before,
            "performance": _tenth(lived.signal[rows] + noise[:, 1]),
            "perception_after": _tenth(lived.after[rows] + noise[:, 2] + p["expectation_asked"] * asked),
            "satisfaction": _tenth(lived.satisfaction[rows] + noise[:, 3]),
            "valence": _tenth(0.9 * gap + 0.6 * lived.satisfaction[rows] + noise[:, 3]),
            "arousal": _tenth(np.abs(gap) * 1.2 - 0.8 + noise[:, 4]),
            "emotion": names(EMOTIONS, _emotion(gap)),
        }
    )


def _emotion(gap: Floats) -> np.ndarray:
    cuts = np.array([-2.4, -1.3, -0.7, -0.2, 0.4, 0.9, 1.5])
    order = np.array([6, 7, 5, 4, 3, 1, 2, 0])
    return order[np.searchsorted(cuts, gap)]


def forecasts(entropy: int) -> pd.DataFrame:
    """Return one row a manager and experiment: what each believes a programme adds to satisfaction.

    Managers underrate small touches and overrate the grand gesture; beliefs are the same in every world.
    """
    beliefs = read_parameters("forecasts")
    noise = stream(entropy, "forecasts").standard_normal((MANAGERS, len(beliefs)))
    mood = stream(entropy, "forecasts", 1).standard_normal((MANAGERS, 1))
    effect = beliefs["believed"].to_numpy(dtype=float) * np.exp(0.35 * noise + 0.25 * mood)
    manager, which = np.indices(effect.shape).reshape(2, -1)
    return pd.DataFrame(
        {"manager_id": manager + 1, "exp_id": which + 1, "forecast_effect": np.round(effect.ravel(), 3)}
    )


def stated_importance(ledger: Ledger) -> pd.DataFrame:
    """Return one row an answer and touchpoint: how important the customer says it is, 1 to 10.

    What people say is shaped by how easily a touchpoint comes to mind, not by its weight alone.
    """
    c = ledger.company
    every = ledger.invitation_rows
    long = (
        (c.invitations.contact[every] < 0) & (c.invitations.minutes[every] == 12) & c.answers.answered[every]
    )
    rows = every[long]
    who = c.invitations.customer[rows]
    draws = ledger.draws("importance")
    luck = draws.uniform(who, (34,))
    noise = draws.normal(who, (ASKED_PER_ANSWER,))
    step = np.argsort(luck, axis=1)[:, :ASKED_PER_ANSWER]
    stated = read_parameters("stated")["stated"].to_numpy(dtype=float)[step] + 1.6 * noise
    return pd.DataFrame(
        {
            "invitation_id": np.repeat(ledger.invitation_number[rows], ASKED_PER_ANSWER),
            "customer_id": np.repeat(ledger.customer_id(who), ASKED_PER_ANSWER),
            "touchpoint_id": step.ravel() + 1,
            "importance": np.clip(np.round(stated.ravel()), 1, 10).astype(np.int64),
        }
    )


def texts(entropy: int) -> pd.DataFrame:
    """Return 300 comments with what two coders took them to be about."""
    source = stream(entropy, "comments", 10_000_000)
    feeling = source.standard_normal(TEXTS)
    topics = draw_topics(feeling, source)
    written = pd.DataFrame(
        {
            "text_id": np.arange(1, TEXTS + 1),
            "source": names(
                ("survey", "letter", "forum"), np.floor(3 * source.random(TEXTS)).astype(np.int64)
            ),
            "body": write_comments(topics, feeling, source),
        }
    )
    return pd.concat([written, label_texts(topics, source)], axis=1).assign(topic_true=topics)
