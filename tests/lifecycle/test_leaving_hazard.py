"""The hazard is statsmodels' where it has one; the frailty's likelihood is an integral done slowly."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import integrate, special, stats

from cxmeasure import lifecycle
from cxmeasure.errors import ArgumentError, CxmeasureError, DataError, EstimationError, TableError
from cxmeasure.lifecycle import hazard_model
from tests.engines import ENGINES, on_engine

IBIS = "ignore::pandas.errors.Pandas4Warning"


def company(
    n: int = 800, seed: int = 2, spread: float = 0.0, link: str = "logit", level: float = -3.0
) -> pd.DataFrame:
    """Customer-months of up to two years, those up to leaving; offer lowers, price raises it."""
    rng = np.random.default_rng(seed)
    customer, month = np.repeat(np.arange(n), 24), np.tile(np.arange(24), n)
    offer, price = rng.integers(0, 2, n * 24), np.repeat(rng.normal(0, 1, n), 24)
    eta = level - 0.7 * offer + 0.5 * price + spread * np.repeat(rng.normal(0, 1, n), 24)
    chance = special.expit(eta) if link == "logit" else -np.expm1(-np.exp(eta))
    left = rng.random(n * 24) < chance
    first = np.where(left, month, 99).reshape(n, 24).min(axis=1)
    frame = pd.DataFrame({"customer_id": customer, "month": month, "offer": offer, "price": price})
    return frame.assign(exit_next=left)[month <= np.repeat(first, 24)].reset_index(drop=True)


def found(months: Any, **choices: Any) -> pd.DataFrame:
    choices = {"covariate_columns": ["offer", "price"]} | choices
    return lifecycle.leaving_hazard(months, **choices).table.set_index("term")


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_without_frailty_it_is_statsmodels_with_clustered_errors(link: str) -> None:
    months = company(link=link)
    design = sm.add_constant(months[["offer", "price"]].astype(float))
    family = sm.families.Binomial(
        sm.families.links.Logit() if link == "logit" else sm.families.links.CLogLog()
    )
    fit = sm.GLM(months["exit_next"].astype(float), design, family=family).fit(tol=1e-12)
    groups = {"groups": months["customer_id"].to_numpy()}
    if link == "logit":
        fit = sm.GLM(months["exit_next"].astype(float), design, family=family).fit(
            cov_type="cluster", cov_kwds=groups
        )
    table = found(months, link=link)
    assert table["estimate"].to_numpy() == pytest.approx(fit.params.to_numpy(), abs=2e-5)
    tolerance = 1e-3 if link == "logit" else 0.15
    assert table["std_error"].to_numpy() == pytest.approx(fit.bse.to_numpy(), rel=tolerance)


def test_by_hand_two_months_of_three_customers_and_the_integral_done_slowly() -> None:
    # Leaves in month 2; stays both; leaves in month 1. P = E[(1−h)h] · E[(1−h)²] · E[h] over the frailty.
    design = np.ones((5, 1))
    periods = hazard_model.Periods(
        design,
        np.array([False, True, False, False, True]),
        np.ones(5, dtype=bool),
        np.array([0, 2, 4]),
        "logit",
    )

    def mean(of: Any) -> float:
        return float(
            integrate.quad(lambda z: of(special.expit(-1.0 + 0.8 * z)) * stats.norm.pdf(z), -9, 9)[0]
        )

    slowly = (
        np.log(mean(lambda h: (1 - h) * h)) + np.log(mean(lambda h: (1 - h) ** 2)) + np.log(mean(lambda h: h))
    )
    value, _ = hazard_model.log_likelihood(np.array([-1.0, 0.8]), periods, 25)
    assert value == pytest.approx(slowly, abs=1e-9)


def test_a_late_entrants_likelihood_is_given_survival_to_entry() -> None:
    periods = hazard_model.Periods(
        np.ones((3, 1)),
        np.array([False, False, True]),
        np.array([False, False, True]),
        np.array([0]),
        "cloglog",
    )

    def mean(power: int, *, leaves: bool) -> float:
        def chance(z: float) -> float:
            stay = np.exp(-np.exp(-1.0 + 0.8 * z))
            return float(stay**power * (1 - stay if leaves else 1) * stats.norm.pdf(z))

        return float(integrate.quad(chance, -9, 9)[0])

    slowly = np.log(mean(2, leaves=True) / mean(2, leaves=False))
    value, _ = hazard_model.log_likelihood(np.array([-1.0, 0.8]), periods, 35)
    assert value == pytest.approx(slowly, abs=1e-8)


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_the_gradient_is_that_of_the_likelihood(link: str) -> None:
    months = company(60, spread=0.7, link=link)
    design = np.column_stack([np.ones(len(months)), months[["offer", "price"]]])
    firsts = np.flatnonzero(np.diff(months["customer_id"], prepend=-1))
    seen = (months["month"] > 1).to_numpy()
    left = months["exit_next"].to_numpy() & seen
    periods = hazard_model.Periods(design, left, seen, firsts, link)
    at = np.array([-2.5, -0.4, 0.3, 0.6])
    _, scores = hazard_model.log_likelihood(at, periods, 9)
    for place in range(4):
        move = np.eye(4)[place] * 1e-6
        up, down = (hazard_model.log_likelihood(at + side * move, periods, 9)[0] for side in (1, -1))
        assert scores[:, place].sum() == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-5)


def test_the_frailty_is_found_and_its_neglect_pulls_coefficients_to_zero() -> None:
    months = company(6_000, seed=5, spread=1.0, level=-2.5)
    result = lifecycle.leaving_hazard(
        months, covariate_columns=["offer", "price"], has_frailty=True, n_nodes=11
    )
    table, plain = result.table.set_index("term"), found(months)
    for term, true in (("offer", -0.7), ("price", 0.5), ("frailty_sd", 1.0)):
        assert abs(table.loc[term, "estimate"] - true) < 4 * table.loc[term, "std_error"]
    assert table.loc["frailty_sd", "std_error"] < 0.15
    assert abs(plain.loc["price", "estimate"]) < abs(table.loc["price", "estimate"])
    assert result.details["fit"]["p_no_frailty"].item() < 1e-6


def test_where_there_is_no_frailty_it_says_so() -> None:
    result = lifecycle.leaving_hazard(company(500), covariate_columns=["offer"], has_frailty=True, n_nodes=7)
    assert result.table["conf_low"].iloc[-1] < 0.6
    assert result.details["fit"]["p_no_frailty"].item() > 0.005


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings(IBIS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same_table(engine: str, tmp_path: Path) -> None:
    months = company(100, level=-2.0)
    pd.testing.assert_frame_equal(
        found(on_engine(engine, months, tmp_path)), found(months), check_dtype=False, rtol=1e-6, atol=1e-8
    )


ROWS = company(60, level=-2.0)
BAD: dict[str, tuple[type[CxmeasureError], dict[str, Any]]] = {
    "empty": (DataError, {"customer_periods": ROWS.head(0)}),
    "no customer": (
        DataError,
        {"customer_periods": ROWS.assign(customer_id=pd.array([None] * len(ROWS), "Int64"))},
    ),
    "text for a covariate": (TableError, {"customer_periods": ROWS.assign(offer="yes")}),
    "a missing covariate": (
        DataError,
        {"customer_periods": ROWS.assign(price=ROWS["price"].where(ROWS["month"] > 1))},
    ),
    "left twice": (DataError, {"customer_periods": pd.concat([ROWS, ROWS])}),
    "left by halves": (DataError, {"customer_periods": ROWS.assign(exit_next=2)}),
    "nobody left": (EstimationError, {"customer_periods": ROWS.assign(exit_next=False)}),
    "a covariate that does not vary": (DataError, {"customer_periods": ROWS.assign(offer=1)}),
    "covariates that follow from one another": (
        DataError,
        {"customer_periods": ROWS.assign(offer=2 * ROWS["price"])},
    ),
    "a covariate that decides": (
        EstimationError,
        {"customer_periods": ROWS.assign(offer=ROWS["exit_next"] * 1)},
    ),
    "a covariate under which nobody leaves": (
        EstimationError,
        {"customer_periods": ROWS.assign(offer=(~ROWS["exit_next"] & (ROWS["month"] > 8)) * 1)},
    ),
    "an unknown link": (ArgumentError, {"link": "probit"}),
    "a taken name": (ArgumentError, {"covariate_columns": ["exit_next"]}),
    "few nodes": (ArgumentError, {"n_nodes": 2}),
    "a column missing": (TableError, {"covariate_columns": ["ofer"]}),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_refused_in_prose(fault: str) -> None:
    error, choices = BAD[fault]
    with pytest.raises(error, match=r"[.?]$"):
        found(**{"months": choices.pop("customer_periods", ROWS)} | choices)
