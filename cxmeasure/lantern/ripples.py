"""Ripples: trouble in one department makes contacts fail at another's touchpoints weeks later.

Equation 16: logit P(fail at j in week w) = pi_j + sum_d B_dj D_(d, w-lag_dj). The world `null` sets
`ripple_strength` to 0, which leaves each department's effect on its own touchpoints.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from cxmeasure.lantern.catalogue import N_WEEKS, read_parameters

Floats = NDArray[np.float64]


# Equation 16: D, the trouble of departments by week


def simulate_defects(
    parameters: Mapping[str, float], rng: np.random.Generator
) -> tuple[pd.DataFrame, Floats]:
    """Draw the defects of 157 weeks and the trouble D that they make.

    Returns
    -------
    tuple
        The table `defects` (week 0 starts on 2023-01-01; `fixed_week` missing if still open) and the
        severity points raised, departments by weeks.
    """
    counts = rng.poisson(_defects_expected(parameters, rng))
    raised = np.repeat(np.repeat(np.arange(N_WEEKS), 8), counts.T.ravel())
    department = np.repeat(np.tile(np.arange(8), N_WEEKS), counts.T.ravel())
    shares = [parameters["severity_share_2"], parameters["severity_share_3"]]
    severity = rng.choice([1, 2, 3], size=len(raised), p=[1 - sum(shares), *shares])
    fixing = parameters["fix_probability"] * parameters["fix_severity_factor"] ** (severity - 1.0)
    fixed = raised + rng.geometric(fixing)
    table = pd.DataFrame(
        {
            "defect_id": np.arange(1, len(raised) + 1),
            "department_id": department + 1,
            "week": raised,
            "kind": rng.choice(
                ["policy", "process", "data", "deliverable"], len(raised), p=[0.2, 0.35, 0.25, 0.2]
            ),
            "severity": severity,
            "fixed_week": pd.array(np.where(fixed < N_WEEKS, fixed, -1), dtype="Int64"),
        }
    )
    table["fixed_week"] = table["fixed_week"].mask(table["fixed_week"] < 0)
    trouble = np.zeros((8, N_WEEKS))
    np.add.at(trouble, (department, raised), severity)
    return table, trouble


def _defects_expected(parameters: Mapping[str, float], rng: np.random.Generator) -> Floats:
    """Draw the expected defects, departments by weeks; their logarithm is an autoregression of order 1."""
    persistence, volatility = parameters["trouble_persistence"], parameters["trouble_volatility"]
    level = rng.standard_normal((8, N_WEEKS))
    for week in range(1, N_WEEKS):
        level[:, week] = persistence * level[:, week - 1] + np.sqrt(1 - persistence**2) * level[:, week]
    weekly = read_parameters("departments")["defects_per_week"].to_numpy(dtype=float)
    return np.asarray(weekly[:, None] * np.exp(volatility * level - volatility**2 / 2))


# Equation 16: B and its lags, then the sum over departments


def ripple_matrix(parameters: Mapping[str, float]) -> tuple[Floats, NDArray[np.int64]]:
    """Return B (departments by touchpoints, logit per severity point) and its lags in weeks."""
    effect, lag = np.zeros((8, 34)), np.zeros((8, 34), dtype=np.int64)
    owner = read_parameters("touchpoints")["department_id"].to_numpy(dtype=np.int64) - 1
    effect[owner, np.arange(34)] = parameters["own_department_effect"]
    ripples = read_parameters("ripples")
    row = ripples["department_id"].to_numpy(dtype=np.int64) - 1
    column = ripples["touchpoint_id"].to_numpy(dtype=np.int64) - 1
    effect[row, column] = parameters["ripple_strength"] * ripples["effect"].to_numpy(dtype=float)
    lag[row, column] = ripples["lag_weeks"].to_numpy(dtype=np.int64)
    return effect, lag


def failure_logits(parameters: Mapping[str, float], trouble: Floats) -> Floats:
    """Return the failure logit of every touchpoint (34) in every week (157), without the calendar."""
    effect, lag = ripple_matrix(parameters)
    intercept = read_parameters("touchpoints")["pi"].to_numpy(dtype=float)
    total = np.repeat(intercept[:, None], N_WEEKS, axis=1)
    for delay in range(int(lag.max()) + 1):
        earlier = np.clip(np.arange(N_WEEKS) - delay, 0, None)
        total += np.where(lag == delay, effect, 0.0).T @ trouble[:, earlier]
    return total


def failure_logit(
    touchpoint_index: ArrayLike, week: ArrayLike, parameters: Mapping[str, float], trouble: Floats
) -> Floats:
    """Return the failure logit of contacts at touchpoints (0 to 33) in weeks (0 to 156)."""
    at = np.asarray(touchpoint_index, dtype=np.int64), np.asarray(week, dtype=np.int64)
    return np.asarray(failure_logits(parameters, trouble)[at])


def attributable_share(parameters: Mapping[str, float], trouble: Floats) -> float:
    """Return the share of failures that would not happen without other departments' trouble."""
    contacts = read_parameters("touchpoints")["contact_share"].to_numpy(dtype=float)

    def failures(strength: float) -> float:
        changed = {**parameters, "ripple_strength": strength}
        return float(contacts @ expit(failure_logits(changed, trouble)).mean(axis=1))

    return 1 - failures(0.0) / failures(parameters["ripple_strength"])
