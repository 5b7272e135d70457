"""Equation 10: why customers leave, and why churn seems to fall with tenure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from scipy.special import log_expit

if TYPE_CHECKING:
    from tests.recovery.conftest import Tables, Truth


CAUSES = {
    "z": "exit_satisfaction",
    "habit": "exit_habit",
    "attachment": "exit_attachment",
    "renewal_month": "exit_renewal",
    "price_rise": "exit_price",
    "rival_promo": "exit_rival",
    "asked": "exit_asked",
    "referrer_stays": "exit_referred",
    "advised": "exit_advice",
    "tenure_years": "exit_tenure",
}
STATED = {
    "exit_satisfaction": 0.02, "exit_habit": 0.15, "exit_attachment": 0.11, "exit_renewal": 0.03,
    "exit_price": 0.06, "exit_rival": 0.03, "exit_asked": 0.05, "exit_referred": 0.06, "exit_advice": 0.10,
    "exit_tenure": 0.03,
}  # fmt: skip


def logit(rows: pd.DataFrame, columns: list[str], offset: pd.Series | None = None) -> pd.DataFrame:
    """Coefficients and standard errors of a logit of leaving."""
    design = sm.add_constant(rows[columns].astype(float))
    fit = sm.Logit(rows["exit_next"].astype(float), design, offset=offset).fit(disp=0)
    return pd.DataFrame({"estimate": fit.params, "std_error": fit.bse})


@pytest.fixture(scope="module")
def right(months: pd.DataFrame) -> pd.DataFrame:
    return logit(months, list(CAUSES), offset=months["frailty"])


@pytest.fixture(scope="module")
def records_only(months: pd.DataFrame) -> pd.DataFrame:
    return logit(months, ["renewal_month", "price_rise", "rival_promo", "tenure_years"])


@pytest.mark.parametrize("column", CAUSES)
def test_a_logit_given_the_hidden_states_finds_every_cause_of_leaving(
    right: pd.DataFrame, claimed_truth: Truth, column: str
) -> None:
    estimate, error = right.loc[column]
    claimed_truth.found(CAUSES[column], estimate, error, at_most=STATED[CAUSES[column]])


def test_records_alone_show_loyalty_that_is_not_there(
    right: pd.DataFrame, records_only: pd.DataFrame
) -> None:
    """Naive: a tenure slope below -.10 a year, though tenure does nothing."""
    slope, error = records_only.loc["tenure_years"]
    print(f"tenure slope on records alone {slope:.3f} ({error:.3f})")
    assert slope + 4 * error < -0.10
    assert abs(right.loc["tenure_years", "estimate"]) < 4 * right.loc["tenure_years", "std_error"]


def test_a_renewal_effect_without_the_states_is_too_small(months: pd.DataFrame) -> None:
    """Naive: the odds ratio of a renewal month alone is below exp(1.1) = 3.0: who is there is sturdier."""
    estimate, error = logit(months, ["renewal_month"]).loc["renewal_month"]
    print(f"renewal odds ratio on records alone {np.exp(estimate):.2f}")
    assert estimate + 2 * error < 1.1
    assert np.exp(estimate) > 2.3


def frailty_fit(months: pd.DataFrame, linear: np.ndarray) -> tuple[float, float, float]:
    """Standard deviation of a normal frailty by Gauss-Hermite quadrature, its error, and the intercept."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    weights = weights / weights.sum()
    starts = np.flatnonzero(np.r_[True, np.diff(months["customer_id"]) != 0])
    sign = np.where(months["exit_next"], 1.0, -1.0)

    def minus_log(parameters: np.ndarray) -> float:
        spread, level = parameters
        parts = [
            np.add.reduceat(log_expit(sign * (linear + level + spread * node)), starts) for node in nodes
        ]
        return -float(np.logaddexp.reduce(np.array(parts) + np.log(weights)[:, None], axis=0).sum())

    best = minimize(minus_log, x0=[0.5, 0.0], method="Nelder-Mead", options={"xatol": 2e-3, "fatol": 0.02})
    step = 0.05
    curve = [minus_log(best.x + np.array([step * move, 0.0])) for move in (-1, 0, 1)]
    curvature = (curve[0] - 2 * curve[1] + curve[2]) / step**2
    return float(best.x[0]), float(curvature**-0.5), float(best.x[1])


def test_frailty_is_found_given_the_true_states(months: pd.DataFrame, claimed_truth: Truth) -> None:
    """Naive: no frailty at all, standard deviation 0; the intercept is then too high by over .02."""
    known = sum(claimed_truth.values[name] * months[column].astype(float) for column, name in CAUSES.items())
    linear = (claimed_truth.values["a0_w"] + known).to_numpy(dtype=float)
    spread, error, level = frailty_fit(months, linear)
    claimed_truth.found("frailty_sd", spread, error, at_most=0.05)
    naive = sm.Logit(months["exit_next"].astype(float), np.ones(len(months)), offset=linear).fit(disp=0)
    print(f"intercept without frailty is off by {naive.params.iloc[0]:.3f}, with it by {level:.3f}")
    assert naive.params.iloc[0] - 2 * naive.bse.iloc[0] > 0.02
    assert abs(level) < 0.06


def test_the_stated_reason_errs_as_often_as_claimed(claimed: Tables, claimed_truth: Truth) -> None:
    """Naive: the stated share of price, quality and speed, about .60 where the true one is about .63."""
    both = claimed["exits"].merge(claimed["truth_person"][["customer_id", "true_reason"]], on="customer_id")
    wrong = (both["stated_reason"] != both["true_reason"]).mean()
    claimed_truth.found("reason_error", wrong, np.sqrt(wrong * (1 - wrong) / len(both)), at_most=0.005)
    core = ["price", "quality", "speed"]
    true, stated = both["true_reason"].isin(core).mean(), both["stated_reason"].isin(core).mean()
    matrix = np.full((7, 7), wrong / 6)
    np.fill_diagonal(matrix, 1 - wrong)
    causes = sorted(both["true_reason"].unique())
    shares = both["stated_reason"].value_counts(normalize=True).reindex(causes).to_numpy()
    corrected = pd.Series(np.linalg.solve(matrix.T, shares), index=causes)[core].sum()
    print(f"price, quality, speed: true {true:.3f}, stated {stated:.3f}, corrected {corrected:.3f}")
    assert stated < true - 0.02
    assert abs(corrected - true) < 0.015


def test_asking_everyone_but_a_holdout_lowers_leaving_by_about_three_points(
    claimed: Tables, claimed_truth: Truth
) -> None:
    """Right: holdout against the rest. Naive: asked against not asked, off by more than ten points.

    The naive comparison flatters asking because who leaves early is not there to be asked.
    """
    people = claimed["customers"].loc[lambda rows: rows["start_date"] < "2025-01-01"]
    gone = (people["end_date"] - people["start_date"]).dt.days < 360
    held = people["holdout_never_surveyed"]
    difference = gone[~held].mean() - gone[held].mean()
    error = np.sqrt(gone[~held].var() / (~held).sum() + gone[held].var() / held.sum())
    asked = people["customer_id"].isin(claimed["invitations"]["customer_id"])
    naive = gone[asked & ~held].mean() - gone[~asked & ~held].mean()
    print(f"asked against holdout {difference:.4f} ({error:.4f}), naive {naive:.3f}")
    assert abs(difference + 0.03) < 4 * error
    assert error < 0.01
    assert naive < -0.13


def test_in_the_null_world_no_named_cause_moves_leaving(null_months: pd.DataFrame) -> None:
    """Tenure-adjusted effects of satisfaction, habit, attachment, renewal, asking, referrer and advice."""
    columns = ["z", "habit", "attachment", "renewal_month", "asked", "referrer_stays", "advised"]
    fit = logit(null_months, [*columns, "tenure_years"])
    print(fit.round(3))
    scores = fit.loc[columns, "estimate"] / fit.loc[columns, "std_error"]
    assert (scores.abs() < 4).all()
    assert (scores**2).sum() < 24.3  # the 99.9 % quantile of chi-square with 7 degrees of freedom


def test_exit_probabilities_are_calibrated(months: pd.DataFrame) -> None:
    tenth = pd.qcut(months["exit_probability"], 10, duplicates="drop")
    table = months.groupby(tenth, observed=True)[["exit_next", "exit_probability"]].mean()
    assert np.allclose(table["exit_next"], table["exit_probability"], atol=0.005)
