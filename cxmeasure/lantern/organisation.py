"""The organisation behind the touchpoints, as tables: departments, branches, people, and what they do.

It puts together equation 16 (`ripples`), equation 17 (`adoption`) and equation 19 (`firms`). Worlds differ
in numbers only; ``parameters/worlds_organisation.csv`` lists them. `null` sets `ripple_strength`,
`adoption_gain_threshold_share`, `ownership_effect` and both practice effects to 0,
`revert_odds_without_support` to 1, and the adoption of a crisis to the everyday rate.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from cxmeasure.lantern.adoption import (
    ADOPTION_MONTHS,
    BRANCH_SIZE,
    FIRST_ADOPTION_MONTH,
    TEAM,
    TEAM_SIZE,
    Plan,
    Spread,
    adoption_gain,
    draw_plan,
    draw_ties,
    spread_adoption,
)
from cxmeasure.lantern.catalogue import N_MONTHS, read_parameters
from cxmeasure.lantern.firms import simulate_firms, simulate_market
from cxmeasure.lantern.ripples import failure_logit, failure_logits, simulate_defects

__all__ = [
    "Organisation",
    "default_parameters",
    "failure_logit",
    "failure_logits",
    "simulate_organisation",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Stream = Callable[[str], np.random.Generator]

N_BRANCHES: Final = 24
N_EMPLOYEES: Final = N_BRANCHES * BRANCH_SIZE
MONTHS: Final = np.arange(FIRST_ADOPTION_MONTH, N_MONTHS + 1)
ROLES: Final = np.array(["editor", "developer", "clerk", "dispatcher", "agent", "seller", "host", "jurist"])


@dataclass(frozen=True, slots=True)
class Organisation:
    """One drawn organisation.

    Attributes
    ----------
    tables
        Frames by name: `departments`, `branches`, `employees`, `truth_employee`, `org_ties`, `adoption`,
        `branch_month`, `defects`, `market`, `firms120`, `maturity_items`.
    department_trouble
        Severity points of the defects raised, departments (8) by weeks (157): D of equations 2 and 16.
    branch_quality
        Lasting quality plus the gain from adoption, branches (24) by months (36): a_b of equation 2.
    """

    tables: Mapping[str, pd.DataFrame]
    department_trouble: Floats
    branch_quality: Floats


def default_parameters() -> dict[str, float]:
    """Return the values of the world `claimed` by name."""
    rows = read_parameters("organisation")
    return dict(zip(rows["name"], rows["value"].astype(float), strict=True))


def simulate_organisation(parameters: Mapping[str, float], stream: Stream) -> Organisation:
    """Draw the whole organisation.

    Parameters
    ----------
    parameters
        Values by name as in ``parameters/organisation.csv``; further names are ignored.
    stream
        Returns the generator of a named part; asked once each for ``"defects"``, ``"ties"``, ``"plan"``,
        ``"adoption"``, ``"people"``, ``"branches"``, ``"market"`` and ``"firms"``.

    Returns
    -------
    Organisation
        The tables, and the two arrays that other modules need.
    """
    defects, trouble = simulate_defects(parameters, stream("defects"))
    ties = draw_ties(parameters, N_BRANCHES, stream("ties"))
    plan = draw_plan(parameters, stream("plan"))
    spread = spread_adoption(parameters, ties, plan.arm, stream("adoption"), plan.crisis)
    people_rng, branch_rng = stream("people"), stream("branches")
    quality = _branch_quality(parameters, spread, branch_rng)
    employees = describe_employees(parameters, spread, people_rng)
    tables = {
        "departments": _departments(employees),
        "branches": _branches(plan),
        "employees": employees,
        "truth_employee": _truth_employee(employees, spread),
        "org_ties": list_ties(ties, people_rng),
        "adoption": _adoption(employees, spread),
        "branch_month": describe_branch_months(parameters, spread, plan, quality, branch_rng),
        "defects": defects,
        "market": simulate_market(parameters, stream("market")),
        **simulate_firms(parameters, stream("firms")),
    }
    return Organisation(tables, trouble, quality)


# Equation 16: departments


def _departments(employees: pd.DataFrame) -> pd.DataFrame:
    stored = read_parameters("departments")[["department_id", "name", "opened"]]
    size = employees.groupby("department_id").size()
    stored.insert(2, "size", stored["department_id"].map(size))
    return stored.assign(opened=stored["opened"].astype("datetime64[s]"))


# Equation 17: branches, people, ties, adoption and its gain


def _branch_quality(parameters: Mapping[str, float], spread: Spread, rng: np.random.Generator) -> Floats:
    # Which branch is good is drawn, how good the 24 are together is not: the company's mean satisfaction
    # would hang on them, by two points of NPS a draw.
    scores = ndtri((np.arange(1, N_BRANCHES + 1) - 0.375) / (N_BRANCHES + 0.25))
    lasting = parameters["branch_quality_sd"] * rng.permutation(scores / scores.std())[:, None]
    quality = np.repeat(lasting, N_MONTHS, axis=1)
    quality[:, FIRST_ADOPTION_MONTH - 1 :] += adoption_gain(spread.adopted.mean(axis=2).T, parameters)
    return quality


def _branches(plan: Plan) -> pd.DataFrame:
    stored = read_parameters("branches")
    return stored.assign(
        opened=stored["opened"].astype("datetime64[s]"),
        size=BRANCH_SIZE,
        seeding_arm=plan.arm,
        ownership_start_month=plan.ownership_start,
    )


def describe_employees(
    parameters: Mapping[str, float], spread: Spread, rng: np.random.Generator
) -> pd.DataFrame:
    """Return 960 people: branch, team, department, manager, level, role, seed, and six culture items (1-7).

    Every branch has a team of customer care and one of the reading room; its other two belong to two of the
    six further departments in turn. The first person of a team leads it; the first team's lead is the head.
    """
    branch = np.repeat(np.arange(N_BRANCHES), BRANCH_SIZE)
    person = np.tile(np.arange(BRANCH_SIZE), N_BRANCHES)
    team = TEAM[person]
    others = np.array([1, 2, 3, 4, 6, 8])
    further = others[(2 * branch + team - 2) % len(others)]
    department = np.select([team == 0, team == 1], [5, 7], further)
    level = np.select([person == 0, person % TEAM_SIZE == 0], ["head", "lead"], "member")
    manager = np.where(level == "member", person - person % TEAM_SIZE, 0) + BRANCH_SIZE * branch + 1
    table = pd.DataFrame(
        {
            "employee_id": np.arange(1, N_EMPLOYEES + 1),
            "branch_id": branch + 1,
            "team": team + 1,
            "department_id": department,
            "manager_id": pd.array(manager, dtype="Int64"),
            "level": level,
            "role": ROLES[department - 1],
            "is_seed": spread.seed.ravel(),
        }
    )
    table["manager_id"] = table["manager_id"].mask(table["level"] == "head")
    answers = _culture_items(parameters, spread.threshold, rng)
    return table.assign(**{f"culture_{number + 1}": answers[:, number] for number in range(6)})


def _culture_items(
    parameters: Mapping[str, float], threshold: Floats, rng: np.random.Generator
) -> NDArray[np.int64]:
    mean, concentration = parameters["threshold_mean"], parameters["threshold_concentration"]
    spread_of_thresholds = np.sqrt(mean * (1 - mean) / (concentration + 1))
    between, slope = parameters["culture_branch_sd"], parameters["culture_threshold_slope"]
    factor = between * rng.standard_normal((N_BRANCHES, 1))
    factor = factor + slope * (threshold - mean) / spread_of_thresholds
    factor = factor + np.sqrt(1 - between**2 - slope**2) * rng.standard_normal(threshold.shape)
    loading = parameters["culture_loading"]
    rest = np.sqrt(1 - loading**2) * rng.standard_normal((N_EMPLOYEES, 6))
    latent = 4.4 + 1.3 * (loading * factor.reshape(-1, 1) + rest)
    return np.asarray(np.clip(np.rint(latent), 1, 7), dtype=np.int64)


def _truth_employee(employees: pd.DataFrame, spread: Spread) -> pd.DataFrame:
    return employees[["employee_id"]].assign(threshold=spread.threshold.ravel().round(3))


def list_ties(ties: Bools, rng: np.random.Generator) -> pd.DataFrame:
    """Return the ties as two rows each (`a` names `b`), with the strength 1 to 5 that `a` gives it.

    The network survey went round the branches in months 10 to 12, before anyone was trained.
    """
    branch, a, b = np.nonzero(ties)
    same_team = TEAM[a] == TEAM[b]
    strength = np.clip(np.rint(2.6 + 0.9 * same_team + rng.standard_normal(len(a))), 1, 5)
    return pd.DataFrame(
        {
            "a": branch * BRANCH_SIZE + a + 1,
            "b": branch * BRANCH_SIZE + b + 1,
            "strength": strength.astype(np.int64),
            "month_observed": 10 + branch // 8,
        }
    )


def _adoption(employees: pd.DataFrame, spread: Spread) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "employee_id": np.tile(employees["employee_id"], ADOPTION_MONTHS),
            "month": np.repeat(MONTHS, N_EMPLOYEES),
            "adopted": spread.adopted.ravel(),
            "trained": spread.trained.ravel(),
            "manager_support": spread.supported.ravel(),
        }
    )


def describe_branch_months(
    parameters: Mapping[str, float], spread: Spread, plan: Plan, quality: Floats, rng: np.random.Generator
) -> pd.DataFrame:
    """Return 24 branches in 24 months: adoption, closure hours, defects, satisfaction, cost and crisis."""
    share = spread.adopted.mean(axis=2)
    shape = share.shape
    months = MONTHS[:, None]
    owned = months >= plan.ownership_start
    log_hours = (
        np.log(parameters["closure_hours_base"])
        + parameters["closure_branch_sd"] * rng.standard_normal(N_BRANCHES)
        + parameters["closure_trend"] * (months - FIRST_ADOPTION_MONTH)
        + np.log1p(parameters["ownership_effect"]) * owned
        + parameters["closure_noise_sd"] * rng.standard_normal(shape)
    )
    log_defects = (
        np.log(parameters["defect_rate_base"])
        + parameters["defect_rate_gain"] * adoption_gain(share, parameters)
        + parameters["defect_rate_noise_sd"] * rng.standard_normal(shape)
    )
    noise = parameters["branch_satisfaction_sd"] * rng.standard_normal(shape)
    satisfaction = quality[:, FIRST_ADOPTION_MONTH - 1 :].T + noise
    cost = parameters["branch_cost_base"] + parameters["adoption_cost"] * BRANCH_SIZE * share
    return pd.DataFrame(
        {
            "branch_id": np.tile(np.arange(1, N_BRANCHES + 1), ADOPTION_MONTHS),
            "month": np.repeat(MONTHS, N_BRANCHES),
            "adoption_share": share.ravel().round(3),
            "closure_hours": np.exp(log_hours).ravel().round(1),
            "defect_rate": np.exp(log_defects).ravel().round(4),
            "sat_mean": satisfaction.ravel().round(3),
            "cost": cost.ravel().round(0),
            "crisis": plan.crisis.ravel(),
        }
    )
