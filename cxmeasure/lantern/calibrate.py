"""Find the four calibration constants of a world: ``python -m cxmeasure.lantern.calibrate claimed``.

The constants are fixed points: satisfaction decides who answers, who is called back and who leaves, and
that decides satisfaction. Large companies, each with an organisation of its own, are simulated again
and again until the constants stand still.
"""

import sys
from collections.abc import Mapping
from typing import Final

import numpy as np

from cxmeasure.lantern.company import simulate_chunk, surroundings
from cxmeasure.lantern.customers import CAUSES
from cxmeasure.lantern.parameters import load_parameters

EXIT_TARGET: Final = 0.0236
RESPONSE_TARGET: Final = 0.195
GOOD_TARGET: Final = 0.133
BAD_TARGET: Final = 0.110
CAUSE_TARGETS: Final = np.array([0.25, 0.22, 0.16, 0.14, 0.10, 0.08, 0.05])
_TALK: Final = ("talk_good", "talk_bad")


def _step(p: dict[str, float], blocks: int, entropy: int) -> dict[str, float]:
    """Simulate once and return better constants."""
    parts = [
        simulate_chunk(p, surroundings(p, entropy + first), entropy, range(first, min(first + 4, blocks)))
        for first in range(0, blocks, 4)
    ]
    felt = np.concatenate([part.history.satisfaction.ravel() for part in parts])
    hazard = np.concatenate([part.history.hazard.ravel() for part in parts])
    propensity = np.concatenate([part.answers.propensity for part in parts])
    months = float(np.isfinite(felt).sum())
    good, bad = (
        sum(float(getattr(part.history, name).sum()) for part in parts) / months
        for name in ("good_mentions", "bad_mentions")
    )
    cause = np.bincount(
        np.concatenate([part.true_cause[part.true_cause >= 0] for part in parts]), minlength=7
    )
    rate, response = float(np.nanmean(hazard)), float(np.nanmean(propensity))
    better = {
        "c_w": float(np.nanmean(felt)),
        "k_w": float(np.nanstd(felt)),
        "a0_w": p["a0_w"] + _logit(EXIT_TARGET) - _logit(rate),
        "b0_w": p["b0_w"] + 1.15 * (_logit(RESPONSE_TARGET) - _logit(response)),
        "talk_good": p["talk_good"] + np.log(GOOD_TARGET / good),
        "talk_bad": p["talk_bad"] + np.log(BAD_TARGET / bad),
    }
    moved = np.log(CAUSE_TARGETS / (cause / cause.sum()))
    return better | {
        f"cause_{name}": p[f"cause_{name}"] + shift for name, shift in zip(CAUSES, moved, strict=True)
    }


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


def calibrate(
    world: str,
    *,
    blocks: int = 40,
    steps: int = 6,
    entropy: int = 20_240_517,
    changes: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Return the constants of a world, and what the intercepts of talk and causes would have to be.

    Parameters
    ----------
    world
        Name of the world.
    blocks
        Blocks of 1,000 customers in the company simulated at each step.
    steps
        Steps; the constants stand still after about five.
    entropy
        Seed; another one than that of the stored tables, so that these are no better than others.
    changes
        Parameters of one's own, by name.

    Returns
    -------
    dict
        `c_w`, `k_w`, `a0_w`, `b0_w`, `talk_good`, `talk_bad` and the seven `cause_*` intercepts.
    """
    p = load_parameters(world, changes)
    found: dict[str, float] = {}
    for _ in range(steps):
        found = _step(p, blocks, entropy)
        p |= found
    return found


if __name__ == "__main__":
    for name in sys.argv[1:]:
        for constant, value in calibrate(name).items():
            sys.stdout.write(f"{name},{constant},{value:.4f}\n")
