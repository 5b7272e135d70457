"""The projection fits as a slow second computation does, keeps its level, and says when it cannot know."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import optimize, special

from cxmeasure import lifecycle
from cxmeasure.errors import ArgumentError, CxmeasureError, DataError, EstimationError, TableError
from cxmeasure.lifecycle import beta_geometric as model
from cxmeasure.results import Estimates

HIGHEND = [1000, 869, 743, 653, 593, 551, 517, 491]
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]


def of(result: Estimates, term: str) -> pd.DataFrame:
    return result.table[result.table["term"] == term].set_index("period")


def brute_log_likelihood(logs: np.ndarray, survivors: list[int]) -> float:
    """The likelihood as the paper prints it, from beta functions: who left when, and who is left."""
    alpha, beta = np.exp(logs)
    periods = np.arange(1, len(survivors))
    left = -np.diff(survivors)
    leaving = special.betaln(alpha + 1, beta + periods - 1) - special.betaln(alpha, beta)
    staying = special.betaln(alpha, beta + periods[-1]) - special.betaln(alpha, beta)
    return float(left @ leaving + survivors[-1] * staying)


def brute_survival(alpha: float, beta: float, period: int) -> float:
    return float(np.exp(special.betaln(alpha, beta + period) - special.betaln(alpha, beta)))


@pytest.mark.parametrize("survivors", [HIGHEND, REGULAR, [60, 31, 22, 19, 17], [5000, 4800, 4650, 4530]])
def test_second_computation_by_beta_functions_and_simplex_agrees(survivors: list[int]) -> None:
    found = optimize.minimize(
        lambda logs: -brute_log_likelihood(logs, survivors),
        x0=[0.0, 1.0],
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-9, "maxiter": 4000},
    )
    result = lifecycle.projected_retention(survivors, horizon=10)
    parameters = result.table.set_index("term").loc[["alpha", "beta"], "estimate"]
    assert parameters.tolist() == pytest.approx(np.exp(found.x).tolist(), rel=1e-4)
    assert result.details["fit"]["log_likelihood"].item() == pytest.approx(-found.fun, abs=1e-6)
    expected = [brute_survival(*parameters, period) for period in range(11)]
    assert of(result, "survival")["estimate"].tolist() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("survivors", [HIGHEND, [60, 31, 22, 19, 17]])
@pytest.mark.parametrize("end", ["conf_low", "conf_high"])
def test_second_computation_of_the_interval_by_constrained_search_agrees(
    survivors: list[int], end: str
) -> None:
    # At an end of a profile interval the best support lies half a χ² quantile below the highest.
    result = lifecycle.projected_retention(survivors, horizon=12)
    target = of(result, "survival").loc[12, end]

    def best_alpha(log_beta: float) -> float:
        return optimize.brentq(
            lambda log_alpha: brute_survival(np.exp(log_alpha), np.exp(log_beta), 12) - target, -12, 16
        )

    profile = optimize.minimize_scalar(
        lambda log_beta: -brute_log_likelihood(np.array([best_alpha(log_beta), log_beta]), survivors),
        bounds=(-3, 6),
        method="bounded",
        options={"xatol": 1e-6},
    )
    drop = result.details["fit"]["log_likelihood"].item() + profile.fun
    assert 2 * drop == pytest.approx(3.841459, abs=0.01)


def test_by_hand_half_of_100_then_half_of_50_is_a_coin() -> None:
    # 150 customer-periods, 75 stays: equal customers with S(t) = ½ᵗ and log-likelihood 150·log ½.
    result = lifecycle.projected_retention([100, 50, 25], horizon=4)
    assert result.details["fit"]["limit"].item() == "equal customers"
    assert of(result, "survival")["estimate"].tolist() == pytest.approx([1, 0.5, 0.25, 0.125, 0.0625])
    assert result.details["fit"]["log_likelihood"].item() == pytest.approx(150 * np.log(0.5))


def test_standard_errors_match_a_numerical_hessian() -> None:
    result = lifecycle.projected_retention(HIGHEND, horizon=12)
    estimate = result.table.set_index("term").loc[["alpha", "beta"], "estimate"].to_numpy()
    at, step = np.log(estimate), 1e-4

    def level(first: float, second: float) -> float:
        return brute_log_likelihood(at + np.array([first, second]), HIGHEND)

    hessian = np.array(
        [
            [level(step, 0) - 2 * level(0, 0) + level(-step, 0), 0],
            [0, level(0, step) - 2 * level(0, 0) + level(0, -step)],
        ]
    )
    cross = (level(step, step) - level(step, -step) - level(-step, step) + level(-step, -step)) / 4
    hessian += cross * np.array([[0, 1], [1, 0]])
    errors = np.sqrt(np.diag(np.linalg.inv(-hessian / step**2))) * estimate
    found = result.table.set_index("term").loc[["alpha", "beta"], "std_error"]
    assert found.tolist() == pytest.approx(errors.tolist(), rel=1e-3)


@pytest.mark.parametrize(
    ("survivors", "limit"),
    [
        ([100, 100, 100], "nobody left"),
        ([100, 0, 0], "all left at once"),
        ([100, 50, 0], "equal customers"),
        ([100, 90, 60, 10], "equal customers"),
        ([1000, 500, 500, 500], "leave at once or never"),
        ([1, 1, 0], "equal customers"),
        ([10**8, 10**7, 10**6, 10**5], "equal customers"),
        ([3, 2, 2], "leave at once or never"),
    ],
)
def test_an_edge_is_named_and_its_interval_holds_the_estimate(survivors: list[int], limit: str) -> None:
    result = lifecycle.projected_retention(survivors, horizon=6)
    assert result.details["fit"]["limit"].item() == limit
    curve = of(result, "survival")
    assert curve["estimate"].between(curve["conf_low"], curve["conf_high"]).all()
    assert curve["estimate"].between(0, 1).all()
    assert (curve["conf_low"] < curve["conf_high"]).iloc[1:].all()
    noted = result.table.set_index("term").loc[["alpha", "beta"], "note"]
    assert noted.str.contains("runs to|one-sided").all()


def test_without_any_leaver_the_interval_is_one_sided_and_widens() -> None:
    curve = of(lifecycle.projected_retention([100, 100, 100], horizon=6), "survival")
    assert (curve["estimate"] == 1).all()
    assert (curve["conf_high"] == 1).all()
    # By hand: all 100 staying twice has probability S(2)¹⁰⁰, which is e^(−1.9207) at the end.
    assert curve.loc[2, "conf_low"] == pytest.approx(np.exp(-3.841459 / 2 / 100), abs=1e-5)
    assert curve["conf_low"].is_monotonic_decreasing
    assert "one-sided" in curve.loc[6, "note"]


def test_when_all_leave_in_the_first_period_later_rates_are_not_told() -> None:
    result = lifecycle.projected_retention([100, 0, 0], horizon=4)
    assert of(result, "survival")["estimate"].tolist() == [1, 0, 0, 0, 0]
    assert of(result, "retention_rate")["estimate"].isna().tolist() == [False, True, True, True]


def test_equal_customers_cannot_be_excluded_is_said() -> None:
    result = lifecycle.projected_retention([60, 48, 40, 34], horizon=6)
    parameters = result.table.set_index("term").loc[["alpha", "beta"]]
    assert np.isfinite(parameters["estimate"]).all()
    assert np.isinf(parameters["conf_high"]).all()
    assert parameters["note"].str.contains("equal customers cannot be excluded").all()


@pytest.mark.parametrize(
    "survivors",
    [
        tuple(HIGHEND),
        np.array(HIGHEND),
        np.array(HIGHEND, dtype=float),
        pd.Series(HIGHEND, index=range(8, 0, -1)),
        pd.Series(HIGHEND, dtype="Int64"),
        pd.Series(HIGHEND, dtype=object),
        pl.Series(HIGHEND),
        pa.chunked_array([HIGHEND[:3], HIGHEND[3:]]),
    ],
    ids=["tuple", "array", "floats", "pandas", "nullable", "object", "polars", "arrow"],
)
def test_every_kind_of_series_gives_the_same_table(survivors: object) -> None:
    expected = lifecycle.projected_retention(HIGHEND, horizon=9)
    found = lifecycle.projected_retention(survivors, horizon=9)
    pd.testing.assert_frame_equal(found.table, expected.table)


def test_the_table_has_a_row_for_every_period_and_marks_extrapolation() -> None:
    result = lifecycle.projected_retention(HIGHEND, horizon=12)
    assert of(result, "survival").index.tolist() == list(range(13))
    assert of(result, "retention_rate").index.tolist() == list(range(1, 13))
    assert of(result, "survivors").index.tolist() == list(range(8, 13))
    said = of(result, "survival")["note"].str.contains("extrapolated")
    assert said.tolist() == [False] * 8 + [True] * 5
    assert of(result, "survival")["observed"].tolist()[:8] == [count / 1000 for count in HIGHEND]
    assert any("extrapolation" in sentence for sentence in result.assumptions)


def test_draws_are_joint_and_near_the_intervals() -> None:
    result = lifecycle.projected_retention(HIGHEND, horizon=12, n_draws=20_000)
    assert result.draws is not None
    assert result.draws.shape == (20_000, len(result.table))
    is_curve = (result.table["term"] == "survival").to_numpy()
    curves = result.draws[:, is_curve]
    assert (np.diff(curves, axis=1) <= 0).all()
    low, high = np.quantile(curves[:, 1:], [0.025, 0.975], axis=0)
    row = of(result, "survival").iloc[1:]
    width = (row["conf_high"] - row["conf_low"]).to_numpy()
    assert np.abs(low - row["conf_low"].to_numpy()).max() < 0.06 * width.max()
    assert np.abs(high - row["conf_high"].to_numpy()).max() < 0.06 * width.max()
    paths = result.draws[:, (result.table["term"] == "survivors").to_numpy()]
    assert (np.diff(paths, axis=1) <= 0).all()


def test_a_second_call_and_a_seeded_generator_repeat_the_draws() -> None:
    first, second = (lifecycle.projected_retention(REGULAR, horizon=3).draws for _ in range(2))
    seeded = [
        lifecycle.projected_retention(REGULAR, horizon=9, rng=np.random.default_rng(5)).draws
        for _ in range(2)
    ]
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(*seeded)


TRUTHS = {
    "high-end": (0.668, 3.806),
    "regular": (0.704, 1.182),
    "nearly equal": (50.0, 450.0),
    "very unequal": (0.2, 0.6),
}


# The full study, 4 truths × 5 sizes × 400 samples, took two minutes: .930 to .973, mean .951.
CELLS = {
    "high-end": [(100, 4), (10_000, 8)],
    "regular": [(1000, 4)],
    "nearly equal": [(100, 4), (1000, 12)],
    "very unequal": [(10_000, 4)],
}


def simulated(
    alpha: float, beta: float, *, customers: int, periods: int, rng: np.random.Generator, samples: int
) -> np.ndarray:
    counts = np.full((samples, periods + 1), customers)
    for period in range(periods):
        counts[:, period + 1] = rng.binomial(counts[:, period], (beta + period) / (alpha + beta + period))
    return counts


def test_the_interval_of_survival_at_the_horizon_holds_its_level() -> None:
    rng = np.random.default_rng(71)
    samples, lines = 200, ["truth          customers periods  covered  above below"]
    covered: list[float] = []
    for name, (alpha, beta) in TRUTHS.items():
        for customers, periods in CELLS[name]:
            counts = simulated(
                alpha, beta, customers=customers, periods=periods, rng=rng, samples=samples
            ).astype(float)
            data = model.Periods(stayed=counts[:, 1:], exposed=counts[:, :-1])
            u, x = model.fit(data)
            region = model.region(data, u, x, drop=3.841459 / 2)
            horizon = max(12, periods + 4)
            low = np.exp(model.log_survival(region.low, region.log_beta, horizon)[..., -1]).min(axis=-1)
            high = np.exp(model.log_survival(region.high, region.log_beta, horizon)[..., -1]).max(axis=-1)
            true = brute_survival(alpha, beta, horizon)
            above, below = np.mean(low > true), np.mean(high < true)
            covered.append(1 - above - below)
            lines.append(
                f"{name:<14} {customers:>9,} {periods:>7} {covered[-1]:>8.3f}  {above:.3f} {below:.3f}"
            )
    print("\n".join(lines))
    # With 200 samples a level of .95 scatters by .015 in a cell, and by .006 over the six.
    assert min(covered) >= 0.905
    assert np.mean(covered) >= 0.93


def test_the_prediction_interval_of_the_survivors_holds_its_level() -> None:
    rng = np.random.default_rng(72)
    counts = simulated(0.704, 1.182, customers=400, periods=10, rng=rng, samples=40)
    hits = 0
    for series in counts:
        row = of(lifecycle.projected_retention(series[:7], horizon=10, n_draws=1000), "survivors").loc[10]
        hits += row["conf_low"] <= series[10] <= row["conf_high"]
    print(f"prediction interval covers {hits} of 40")
    assert hits >= 34


BAD = {
    "rising": ([100, 90, 95], DataError, "rises from 90 to 95 in period 2"),
    "zero at first": ([0, 0, 0], DataError, "starts at zero"),
    "one point": ([100], DataError, "has 1 count"),
    "none": ([], DataError, "has 0 count"),
    "negative": ([100, 50, -1], DataError, "cannot be negative"),
    "fraction": ([1.0, 0.869, 0.743], DataError, "not shares"),
    "missing": ([100, np.nan, 80], DataError, "1 of the 3 survivor counts are missing"),
    "missing, nullable": (pd.Series([100, None, 80], dtype="Int64"), DataError, "are missing"),
    "missing, None": ([100, None, 80], DataError, "are missing"),
    "all missing": ([None, None, None], DataError, "3 of the 3"),
    "infinite": ([np.inf, 50, 40], DataError, "infinite"),
    "text": (["100", "90", "80"], TableError, "must hold numbers; it holds 100"),
    "true and false": ([True, True, False], TableError, "must hold numbers"),
    "a number": (1000, TableError, "one series of counts"),
    "a word": ("highend", TableError, "received str"),
    "a table": (pd.DataFrame({"n": [100, 90, 80]}), TableError, "received DataFrame"),
    "nothing": (None, TableError, "received NoneType"),
    "two points": ([100, 90], EstimationError, "at least two periods"),
}


@pytest.mark.parametrize(("survivors", "error", "words"), BAD.values(), ids=BAD.keys())
def test_a_series_that_cannot_be_one_is_refused_in_a_sentence(
    survivors: object, error: type[CxmeasureError], words: str
) -> None:
    with pytest.raises(error, match=words):
        lifecycle.projected_retention(survivors, horizon=12)


@pytest.mark.parametrize("horizon", [-1, 0, 2.5, "12", None, True])
def test_a_horizon_that_is_no_whole_number_of_periods_is_refused(horizon: object) -> None:
    with pytest.raises(ArgumentError, match="horizon="):
        lifecycle.projected_retention(HIGHEND, horizon=horizon)


@pytest.mark.parametrize("conf_level", [0, 1, 95, "0.95"])
def test_a_level_outside_0_to_1_is_refused(conf_level: object) -> None:
    with pytest.raises(ArgumentError, match="conf_level="):
        lifecycle.projected_retention(HIGHEND, horizon=12, conf_level=conf_level)


@pytest.mark.parametrize("survivors", [HIGHEND, [100, 100, 100], [100, 0, 0], [100, 50, 25]])
@pytest.mark.parametrize("horizon", [2, 12])
def test_the_chart_says_what_was_observed_and_what_is_projected(survivors: list[int], horizon: int) -> None:
    chart = lifecycle.chart.projected_retention(lifecycle.projected_retention(survivors, horizon=horizon))
    spec = chart.to_dict()
    assert "Observed" in spec["description"]
    assert ("Projected" in spec["description"]) == (horizon >= len(survivors))
    assert ("extrapolated from here" in str(spec)) == (horizon >= len(survivors))
    assert f"In period {horizon}" in " ".join(spec["title"]["text"])
