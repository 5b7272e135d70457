"""Closing the loop: who is called back, whether it helps, and how long it takes (equation 14).

In the first year agents choose whom to call, and choose easy cases; from the second year on the arm is
drawn by lot.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit, logit

from cxmeasure.lantern.customers import Bools, Parameters
from cxmeasure.lantern.streams import Draws, Floats, Ints

LOOP_ARMS: Final = ("none", "e-mail", "other agent", "same agent")
_RESOLVE: Final = ("resolve_none", "resolve_email", "resolve_other", "resolve_same")


@dataclass(frozen=True, slots=True)
class Cases:
    """One entry a case, in the order in which they are opened."""

    customer: Ints
    invitation: Ints
    month: Ints
    randomised: Bools
    severity: Floats
    arm: Ints
    resolved: Bools
    gain: Floats


def open_cases(p: Parameters, month: int, invitation: Ints, customer: Ints, z: Floats, draws: Draws) -> Cases:
    """Open the month's cases (rows sorted by customer) and decide what becomes of them."""
    luck = draws.uniform(customer, (4,))
    severity = expit(p["severity_slope"] * z + logit(np.clip(luck[:, 0], 1e-9, 1 - 1e-9)))
    by_lot = np.full(len(customer), month >= p["randomised_from"])
    called = luck[:, 1] < expit(p["picking_level"] + p["picking"] * severity)
    arm = np.where(by_lot, np.floor(4 * luck[:, 1]).astype(np.int64), np.where(called, 2, 0))
    base = np.array([p[name] for name in _RESOLVE])[arm]
    resolved = luck[:, 2] < np.clip(base + p["resolve_severity"] * (0.5 - luck[:, 0]), 0.0, 1.0)
    return Cases(
        customer, invitation, np.full(len(customer), month), by_lot, severity, arm, resolved,
        satisfaction_gain(p, arm, resolved),
    )  # fmt: skip


def satisfaction_gain(p: Parameters, arm: Ints, resolved: Bools) -> Floats:
    """Return what a case adds to satisfaction, in units of k_w (equation 14)."""
    contacted = arm > 0
    return np.asarray(
        p["gain_resolved"] * resolved
        + p["gain_same"] * (arm == 3)
        + p["loss_unresolved"] * (contacted & ~resolved)
    )


def fading(p: Parameters) -> float:
    """Return what is left after a month of what follow-ups have done."""
    return float(2 ** (-30.44 / p["gain_half_life"]))
