"""Eight randomised experiments, and the touches that four of them deliver.

What they move: the signal of the first weeks, affect and trust (equation 6), problem journeys, and
leaving (plan advice). Assignment is drawn by customer, in the community by neighbourhood.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cxmeasure.lantern.catalogue import N_MONTHS
from cxmeasure.lantern.customers import MONTH_STARTS, NEIGHBOURHOOD, Bools, Parameters, Traits
from cxmeasure.lantern.streams import Draws, Floats, Ints

EXPERIMENTS: Final = (
    "welcome",
    "proof e-mail",
    "name card",
    "home run",
    "community",
    "plan advice",
    "off-scope help",
    "skin",
)
ARMS: Final = {
    "name card": ("printed, no name", "printed, name", "handwritten, no name", "handwritten, name"),
}
WELCOME, PROOF, CARD, HOME_RUN, COMMUNITY, ADVICE, HELP, SKIN = range(len(EXPERIMENTS))
ENROLLED_SHARE: Final = 0.35
TOUCH_KINDS: Final = ("proof e-mail", "name card", "home run", "off-scope help")
TOUCH_COSTS: Final = (0.01, 1.30, 48.00, 27.00)
_TOUCHES: Final = {PROOF: (0, 12, 1), CARD: (1, 6, 2), HOME_RUN: (2, 1, 1), HELP: (3, 1, 1)}


@dataclass(frozen=True, slots=True)
class Touches:
    """One entry a delivered touch, by customer and time."""

    customer: Ints
    kind: Ints
    time: Floats
    automated: Bools
    name_error: Bools
    number: Ints
    impulse: Floats


@dataclass(frozen=True, slots=True)
class Treatment:
    """Who is in which arm since when, and what follows for each customer and month.

    `arm` is customers by experiments, -1 if not enrolled, 0 for the control arm; `since` is a month.
    """

    arm: Ints
    since: Ints
    touches: Touches
    affect: Floats
    good_touches: Ints
    errors: Ints
    tickets: Floats
    advised: Bools

    @property
    def welcomed(self) -> Bools:
        """Return who gets the welcome programme."""
        return np.asarray(self.arm[:, WELCOME] == 1)


def _assign(traits: Traits, draws: Draws) -> tuple[Ints, Ints]:
    n = len(traits)
    luck = draws.uniform(columns=(3, len(EXPERIMENTS)))
    arm = np.floor(2 * luck[:, 0]).astype(np.int64)
    arm[:, CARD] = np.floor(4 * luck[:, 0, CARD])
    since = traits.start_month[:, None] + 1 + np.floor(10 * luck[:, 2]).astype(np.int64)
    enrolled = luck[:, 1] < ENROLLED_SHARE
    since[:, WELCOME] = traits.start_month
    area = np.arange(n) // NEIGHBOURHOOD * NEIGHBOURHOOD
    arm[:, COMMUNITY] = arm[area, COMMUNITY]
    since[:, COMMUNITY] = 12 + 6 * np.floor(3 * luck[area, 2, COMMUNITY])
    arm[:, SKIN] = traits.new_skin
    since[:, SKIN] = traits.start_month
    enrolled[:, [COMMUNITY, SKIN]] = True
    arm[~enrolled | (since >= N_MONTHS)] = -1
    return arm, since


def _deliver(p: Parameters, arm: Ints, since: Ints, draws: Draws) -> Touches:
    """Deliver the touches of four experiments; the n-th equal one counts less by `adaptation`."""
    parts = []
    for experiment, (kind, times, every) in _TOUCHES.items():
        treated = np.flatnonzero(arm[:, experiment] >= (0 if experiment == CARD else 1))
        owner, turn = np.repeat(treated, times), np.tile(np.arange(times), len(treated))
        planned = since[owner, experiment] + every * turn
        rows = np.stack([owner, np.full(len(owner), kind), planned, turn, arm[owner, experiment]])
        parts.append(rows[:, planned < N_MONTHS])
    plan = np.concatenate(parts, axis=1)
    customer, kinds, month, number, hand = plan[:, np.lexsort((plan[1], plan[2], plan[0]))]
    luck = draws.uniform(customer, (2,))
    time = MONTH_STARTS[month] + np.floor(luck[:, 0] * 27) + 0.4
    is_card = kinds == 1
    automated = (kinds == 0) | (is_card & (hand < 2))
    named = is_card & (hand % 2 == 1)
    wrong = named & (luck[:, 1] < p["touch_error_rate"])
    card = np.where(automated, p["touch_automated"], p["touch_genuine"])
    card = np.where(wrong, p["touch_error"], np.where(named, card, 0.0))
    size = np.choose(kinds, [p["touch_proof"], card, p["touch_home_run"], p["touch_help"]])
    impulse = size * np.exp(-p["adaptation"] * number)
    return Touches(customer, kinds, time, automated, wrong, number + 1, impulse)


def _by_month(n: int, customer: Ints, time: Floats, weight: Floats) -> Floats:
    table = np.zeros((n, N_MONTHS))
    month = np.searchsorted(MONTH_STARTS, time, side="right") - 1
    np.add.at(table, (customer, month), weight)
    return table


def treat(p: Parameters, traits: Traits, draws: Draws) -> Treatment:
    """Assign the eight experiments and work out what they mean month by month."""
    arm, since = _assign(traits, draws)
    touches = _deliver(p, arm, since, draws)
    n, month = len(traits), np.arange(N_MONTHS)
    ends = MONTH_STARTS[np.searchsorted(MONTH_STARTS, touches.time, side="right")]
    left = touches.impulse * np.exp2(-(ends - touches.time) / p["affect_half_life"])
    affect = _by_month(n, touches.customer, touches.time, left)
    fade = np.exp2(-np.diff(MONTH_STARTS) / p["affect_half_life"])
    for later in range(1, N_MONTHS):
        affect[:, later] += fade[later] * affect[:, later - 1]
    genuine = (~touches.automated & ~touches.name_error).astype(float)
    age = month - since[:, [ADVICE]]
    running = (arm[:, [COMMUNITY]] == 1) & (month >= since[:, [COMMUNITY]])
    return Treatment(
        arm,
        since,
        touches,
        affect,
        _by_month(n, touches.customer, touches.time, genuine).astype(np.int64),
        _by_month(n, touches.customer, touches.time, touches.name_error.astype(float)).astype(np.int64),
        np.where(running, 1 + p["community_tickets"], 1.0),
        (arm[:, [ADVICE]] == 1) & (age >= 0) & (age < 3),
    )
