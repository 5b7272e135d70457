"""Equations 16, 17 and 19 do what their parameters say, and `null` says nothing."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import curve_fit
from scipy.special import expit

from cxmeasure.lantern import adoption, firms, organisation, ripples
from cxmeasure.lantern.catalogue import read_parameters

CLAIMED = organisation.default_parameters()
ROWS = {
    "departments": 8,
    "branches": 24,
    "employees": 960,
    "truth_employee": 960,
    "adoption": 23_040,
    "branch_month": 576,
    "market": 216,
    "firms120": 120,
    "maturity_items": 120,
}


def world(name: str) -> dict[str, float]:
    rows = read_parameters("worlds_organisation").query("world == @name")
    return CLAIMED | dict(zip(rows["name"], rows["value"].astype(float), strict=True))


def streams(seed: int) -> Callable[[str], np.random.Generator]:
    return lambda part: np.random.default_rng([seed, *part.encode()])


@cache
def company(name: str = "claimed", seed: int = 1) -> organisation.Organisation:
    return organisation.simulate_organisation(world(name), streams(seed))


def final_share(parameters: dict[str, float], arm: str, n_branches: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    ties = adoption.draw_ties(parameters, n_branches, rng)
    calm = np.zeros((adoption.ADOPTION_MONTHS, n_branches), dtype=bool)
    spread = adoption.spread_adoption(parameters, ties, np.repeat(arm, n_branches), rng, calm)
    return float(spread.adopted[-1].mean())


# tables


def test_tables_have_the_rows_of_the_curriculum() -> None:
    tables = company().tables
    assert {name: len(tables[name]) for name in ROWS} == ROWS
    print(f"defects {len(tables['defects'])}, ties {len(tables['org_ties'])}")
    assert len(tables["defects"]) == pytest.approx(1400, rel=0.1)
    assert len(tables["org_ties"]) == pytest.approx(5040, rel=0.05)


def test_keys_are_unique_and_references_resolve() -> None:
    tables = company().tables
    employees = tables["employees"]
    assert employees["employee_id"].is_unique
    assert set(employees["manager_id"].dropna()) <= set(employees["employee_id"])
    assert set(employees["department_id"]) == set(tables["departments"]["department_id"])
    assert set(employees["branch_id"]) == set(tables["branches"]["branch_id"])
    assert not tables["adoption"].duplicated(["employee_id", "month"]).any()
    assert not tables["branch_month"].duplicated(["branch_id", "month"]).any()
    assert tables["departments"]["size"].sum() == len(employees)
    ends = employees.set_index("employee_id")["branch_id"]
    ties = tables["org_ties"]
    assert (ends.loc[ties["a"]].to_numpy() == ends.loc[ties["b"]].to_numpy()).all()
    assert (ties["a"] != ties["b"]).all()


def test_branch_month_sums_up_what_employees_do() -> None:
    tables = company().tables
    people = tables["adoption"].merge(tables["employees"][["employee_id", "branch_id"]], on="employee_id")
    share = people.groupby(["month", "branch_id"])["adopted"].mean()
    stated = tables["branch_month"].set_index(["month", "branch_id"])["adoption_share"]
    assert np.allclose(share, stated.loc[share.index], atol=0.0006)


def test_the_same_streams_make_the_same_organisation() -> None:
    again = organisation.simulate_organisation(CLAIMED, streams(1))
    for name, table in company().tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name])
    assert np.array_equal(company().department_trouble, again.department_trouble)
    assert not company(seed=2).tables["defects"].equals(again.tables["defects"])


# equation 16


def test_eleven_entries_of_the_matrix_lie_off_the_diagonal_with_lags_up_to_four_weeks() -> None:
    effect, lag = ripples.ripple_matrix(CLAIMED)
    own = read_parameters("touchpoints")["department_id"].to_numpy() - 1
    off = effect.copy()
    off[own, np.arange(34)] = 0
    assert (off != 0).sum() == 11
    assert set(lag[off != 0].tolist()) == {0, 1, 2, 3, 4}
    assert lag[2, 20] == 2, "billing policy reaches the service phone after two weeks"


def test_ripples_cause_thirty_eight_in_a_hundred_failures_and_none_in_the_null_world() -> None:
    contacts = read_parameters("touchpoints")["contact_share"].to_numpy()
    shares, failing = [], []
    for seed in range(20):
        _, trouble = ripples.simulate_defects(CLAIMED, np.random.default_rng(seed))
        shares.append(ripples.attributable_share(CLAIMED, trouble))
        failing.append(contacts @ expit(ripples.failure_logits(CLAIMED, trouble)).mean(axis=1))
        assert ripples.attributable_share(world("null"), trouble) == 0
    print(f"attributable share {np.mean(shares):.3f} (SD {np.std(shares):.3f}); fail {np.mean(failing):.3f}")
    assert np.mean(shares) == pytest.approx(0.38, abs=0.01)
    assert max(abs(np.array(shares) - 0.38)) < 0.04


def test_trouble_is_the_severity_of_the_defects_of_the_week() -> None:
    defects = company().tables["defects"]
    summed = defects.groupby(["department_id", "week"])["severity"].sum()
    trouble = company().department_trouble
    assert trouble.shape == (8, 157)
    assert trouble.sum() == summed.sum()
    assert trouble[2, 40] == summed.get((3, 40), 0)
    still_open = defects["fixed_week"].isna()
    assert (defects.loc[~still_open, "fixed_week"] > defects.loc[~still_open, "week"]).all()


def test_the_failure_logit_of_a_contact_is_the_equation_written_out() -> None:
    trouble = company().department_trouble
    intercept = read_parameters("touchpoints")["pi"].iloc[20]
    own = CLAIMED["own_department_effect"] * trouble[4, 50]
    effect, _ = ripples.ripple_matrix(CLAIMED)
    by_hand = intercept + own + effect[2, 20] * trouble[2, 48]
    given = organisation.failure_logit(np.array([20, 20]), np.array([50, 0]), CLAIMED, trouble)
    assert given[0] == pytest.approx(by_hand)
    assert np.isfinite(given[1])


def test_a_logit_with_the_right_lag_finds_the_ripple_from_billing_to_the_phone() -> None:
    trouble = company().department_trouble
    week = np.tile(np.arange(4, 157), 40)
    logits = organisation.failure_logit(np.full(len(week), 20), week, CLAIMED, trouble)
    failed = np.random.default_rng(3).random(len(week)) < expit(logits)
    fits = {}
    for lag in range(5):
        design = sm.add_constant(np.column_stack([trouble[2, week - lag], trouble[4, week]]))
        fits[lag] = sm.Logit(failed, design).fit(disp=0)
    effect, error = fits[2].params[1], fits[2].bse[1]
    print(f"ripple {effect:.3f} (SE {error:.3f}), truth .48; log likelihoods by lag "
          f"{[round(fit.llf) for fit in fits.values()]}")  # fmt: skip
    assert max(fits, key=lambda lag: fits[lag].llf) == 2
    assert abs(effect - 0.48) < 3 * error


# equation 17


def test_seeding_arms_come_out_in_the_order_of_the_prototype() -> None:
    target = {"random": 0.48, "hub": 0.66, "broker": 0.57, "cluster": 0.41}
    reached = {arm: final_share(CLAIMED, arm, 600, seed=5) for arm in adoption.SEEDING_ARMS}
    print({arm: round(share, 3) for arm, share in reached.items()}, "prototype", target)
    assert reached["hub"] > reached["broker"] > reached["random"] > reached["cluster"]
    assert all(abs(reached[arm] - share) < 0.04 for arm, share in target.items())


def test_four_people_a_branch_are_trained_first_and_seldom_slip_back() -> None:
    drawn = company().tables
    seeds = drawn["employees"].query("is_seed")
    assert (seeds.groupby("branch_id").size() == 4).all()
    states = drawn["adoption"][drawn["adoption"]["employee_id"].isin(seeds["employee_id"])]
    print(f"months in which a seed has adopted {states['adopted'].mean():.2f}")
    assert states["trained"].all()
    assert states["adopted"].mean() > 0.7


def test_low_thresholds_make_every_arm_win_and_high_ones_make_every_arm_lose() -> None:
    easy = [final_share(CLAIMED | {"threshold_mean": 0.33}, arm, 100, 1) for arm in adoption.SEEDING_ARMS]
    hard = [final_share(CLAIMED | {"threshold_mean": 0.55}, arm, 100, 1) for arm in adoption.SEEDING_ARMS]
    print(f"at .33 at least {min(easy):.2f}, at .55 at most {max(hard):.2f}")
    assert min(easy) > 0.84
    assert max(hard) < 0.35


def tipping(months: pd.DataFrame) -> tuple[float, float]:
    """Return the location of the curve and AIC(line) - AIC(curve), branches with levels of their own."""
    share, branch = months["adoption_share"].to_numpy(), months["branch_id"].to_numpy() - 1
    level = np.eye(24)[branch]
    outcome = months["sat_mean"].to_numpy()
    centre = outcome - level @ (level.T @ outcome / 24)

    def within(gain: np.ndarray) -> np.ndarray:
        return gain - level @ (level.T @ gain / 24)

    def curve(share: np.ndarray, height: float, location: float, scale: float) -> np.ndarray:
        return within(height * expit((share - location) / scale))

    found, _ = curve_fit(curve, share, centre, p0=(0.8, 0.5, 0.1), maxfev=20_000)
    slope = within(share) @ centre / (within(share) @ within(share))
    rest_curve = np.sum((centre - curve(share, *found)) ** 2)
    rest_line = np.sum((centre - slope * within(share)) ** 2)
    return float(found[1]), float(len(share) * np.log(rest_line / rest_curve) - 4)


def test_the_tipping_point_is_found_where_there_is_one_and_a_line_wins_where_there_is_none() -> None:
    fits = [tipping(company("claimed", seed).tables["branch_month"]) for seed in range(1, 9)]
    where, ahead = np.array(fits).T
    straight = [tipping(company("null", seed).tables["branch_month"])[1] for seed in range(1, 9)]
    print(f"location {where.mean():.3f} (SD {where.std():.3f}); delta AIC {ahead.mean():.0f}, "
          f"linear world {np.mean(straight):.1f}")  # fmt: skip
    assert where.mean() == pytest.approx(0.5, abs=0.015)
    assert ahead.min() > 50
    assert np.mean(straight) < 0
    assert max(straight) < 8


def test_the_gain_is_exactly_a_line_in_the_null_world() -> None:
    share = np.linspace(0, 1, 41)
    assert np.array_equal(adoption.adoption_gain(share, world("null")), 0.8 * share)
    assert adoption.adoption_gain(np.array([0.5]), CLAIMED)[0] == pytest.approx(0.4)


def reversion_odds(parameters: dict[str, float], n_branches: int) -> tuple[float, float]:
    """Return the odds ratio of reverting without support against with it, and its standard error (log)."""
    rng = np.random.default_rng(11)
    ties = adoption.draw_ties(parameters, n_branches, rng)
    calm = np.zeros((adoption.ADOPTION_MONTHS, n_branches), dtype=bool)
    arm = np.resize(adoption.SEEDING_ARMS, n_branches)
    spread = adoption.spread_adoption(parameters, ties, arm, rng, calm)
    neighbours = np.maximum(ties.sum(axis=2), 1)
    before, after, helped = spread.adopted[:-1], spread.adopted[1:], spread.supported[1:]
    share = np.stack([(ties @ now[..., None].astype(float))[..., 0] / neighbours for now in before])
    at_risk = before & (share < spread.threshold / 2) & ~spread.seed
    cells = [float((at_risk & side & state).sum()) for side in (~helped, helped) for state in (~after, after)]
    return cells[0] * cells[3] / (cells[1] * cells[2]), float(np.sqrt(sum(1 / cell for cell in cells)))


def test_withdrawn_support_multiplies_the_odds_of_reverting_by_two_and_a_half() -> None:
    (claimed, error), (null, its_error) = (
        reversion_odds(parameters, 2000) for parameters in (CLAIMED, world("null"))
    )
    print(f"odds ratio of reversion {claimed:.2f} (log SE {error:.2f}, truth 2.5); null {null:.2f}")
    assert abs(np.log(claimed / 2.5)) < 3 * error
    assert abs(np.log(null)) < 3 * its_error
    assert error < 0.1


def owner_effect(months: pd.DataFrame, branches: pd.DataFrame) -> tuple[float, float]:
    start = branches.set_index("branch_id")["ownership_start_month"]
    owned = (months["month"] >= months["branch_id"].map(start)).to_numpy(dtype=float)
    dummies = pd.get_dummies(months[["branch_id", "month"]].astype(str), dtype=float, drop_first=True)
    design = sm.add_constant(dummies.assign(owned=owned))
    fit = sm.OLS(np.log(months["closure_hours"]), design).fit()
    return float(np.expm1(fit.params["owned"])), float(fit.bse["owned"])


def test_named_owners_shorten_the_closing_of_cases_by_eighteen_in_a_hundred() -> None:
    drawn = [company(name, seed).tables for name in ("claimed", "null") for seed in range(1, 9)]
    fits = np.array([owner_effect(tables["branch_month"], tables["branches"]) for tables in drawn])
    claimed, null = fits[:8, 0], fits[8:, 0]
    print(f"ownership {claimed.mean():+.3f}, truth -.18; null {null.mean():+.3f}; "
          f"SE of one company {fits[:, 1].mean():.3f}, seen {claimed.std(ddof=1):.3f}")  # fmt: skip
    assert abs(claimed.mean() + 0.18) < 0.015
    assert abs(null.mean()) < 0.018


def test_quality_of_branches_is_lasting_until_adoption_starts() -> None:
    quality = company().branch_quality
    assert quality.shape == (24, 36)
    assert (quality[:, :12] == quality[:, [0]]).all()
    assert (quality[:, 12:] >= quality[:, [0]]).all()


# equation 19


def study(parameters: dict[str, float], outcome: str, source: str, n_studies: int) -> np.ndarray:
    estimates = []
    for seed in range(n_studies):
        drawn = firms.simulate_firms(parameters, np.random.default_rng(seed))["firms120"]
        sector = pd.get_dummies(drawn["sector"], dtype=float, drop_first=True)
        practices = drawn[[f"{name}_{source}" for name in firms.PRACTICES]].astype(float)
        controls = sector.assign(log_size=np.log(drawn["size"]))
        design = sm.add_constant(pd.concat([practices, controls], axis=1))
        estimates.append(sm.OLS(drawn[outcome], design).fit().params.iloc[1:6])
    return np.mean(estimates, axis=0)


def test_two_of_five_practices_work_and_the_halo_makes_all_look_as_if() -> None:
    ledger = study(CLAIMED, "performance_ledger", "b", 60)
    same_source = study(CLAIMED, "performance_self", "a", 60)
    null = study(world("null"), "performance_ledger", "b", 60)
    print("informant and ledger", ledger.round(2), "same source", same_source.round(2), "null", null.round(2))
    assert (ledger[[1, 3]] > 0.12).all()
    assert (abs(ledger[[0, 2, 4]]) < 0.06).all()
    assert (same_source[[0, 2, 4]] > ledger[[0, 2, 4]] + 0.02).all()
    assert (abs(null) < 0.06).all()


def test_the_ledger_has_unit_variance_by_its_formula() -> None:
    studies = [firms.simulate_firms(CLAIMED, np.random.default_rng(seed))["firms120"] for seed in range(40)]
    spread = [drawn["performance_ledger"].std() for drawn in studies]
    print(f"SD of ledger performance {np.mean(spread):.3f}")
    assert np.mean(spread) == pytest.approx(1, abs=0.04)


def mokken(items: np.ndarray) -> float:
    mean = items.mean(axis=0)
    order = np.argsort(mean)
    ordered, rate = items[:, order], mean[order]
    upper = np.triu_indices(items.shape[1], 1)
    joint = np.cov(ordered.T, ddof=0)
    largest = rate[:, None] * (1 - rate[None, :])
    return float(joint[upper].sum() / largest[upper].sum())


def test_the_maturity_scale_is_cumulative() -> None:
    values = [
        mokken(firms.simulate_firms(CLAIMED, np.random.default_rng(seed))["maturity_items"].to_numpy()[:, 1:])
        for seed in range(20)
    ]
    print(f"Mokken H {np.mean(values):.2f}")
    assert min(values) > 0.3


# rivals


def test_six_rivals_are_followed_for_36_months_and_papyr_comes_in_month_26() -> None:
    market = company().tables["market"]
    assert market["provider_id"].nunique() == 6
    papyr = market[market["name"] == "Papyr"].set_index("month")["is_in_market"]
    assert papyr[papyr].index.min() == 26
    assert (market["price"] > 0).all()


def test_every_parameter_has_a_unit_an_equation_and_a_meaning() -> None:
    rows = read_parameters("organisation")
    assert rows["name"].is_unique
    assert (rows[["unit", "equation", "meaning"]] != "").all().all()
    assert set(read_parameters("worlds_organisation")["name"]) <= set(rows["name"])
