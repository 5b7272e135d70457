"""Purchase histories and who is alive: the published customer, an independent likelihood, the truth."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from cxmeasure import lifecycle
from cxmeasure.errors import ArgumentError, CxmeasureError, DataError, EstimationError, TableError
from cxmeasure.lifecycle.buying import log_likelihood
from cxmeasure.lifecycle.reduce import with_probability
from tests.engines import ENGINES, on_engine

ROOT = Path(__file__).resolve().parents[2]
IBIS = "ignore::pandas.errors.Pandas4Warning"
ROLES = {"frequency": "frequency", "recency": "recency", "age": "age"}


def customers(
    n: int = 3_000, seed: int = 1, parameters: tuple[float, ...] = (0.5, 4.0, 0.8, 2.4)
) -> pd.DataFrame:
    """Customers made by the model: a rate and a chance to leave each, 20 to 39 weeks long."""
    rng, (r, alpha, a, b) = np.random.default_rng(seed), parameters
    rate, leaves, age = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n), rng.integers(20, 40, n)
    at = rng.exponential(1, (n, 99)).cumsum(axis=1) / rate[:, None]
    stays = (rng.random((n, 98)) > leaves[:, None]).cumprod(axis=1) > 0
    bought = (at < age[:, None]) & np.column_stack([np.full(n, True), stays])
    frame = pd.DataFrame({"frequency": bought.sum(axis=1), "recency": np.where(bought, at, 0).max(axis=1)})
    return frame.assign(age=age.astype(float), customer_id=np.arange(n))


def test_published_customer_of_cdnow_is_alive_with_probability_73_percent() -> None:
    # Fader, Hardie & Lee (2005): the parameters of Table 2, and x = 2, t = 30.43, T = 38.86.
    rows = pd.DataFrame({"frequency": [2, 0], "recency": [30.43, 0.0], "age": [38.86, 38.86]})
    found: Any = with_probability(rows, (0.2425945, 4.4136019, 0.7929199, 2.4258881), **ROLES)
    assert found["probability_alive"].tolist() == pytest.approx([0.7266, 1.0], abs=5e-5)


def test_published_parameters_of_cdnow() -> None:
    cells = pd.read_csv(ROOT / "data" / "published" / "cdnow_summary.csv")
    rows = cells.loc[cells.index.repeat(cells["n"])]
    result = lifecycle.probability_alive(rows).summary
    assert result.table["estimate"].tolist() == pytest.approx([0.243, 4.414, 0.793, 2.426], abs=1e-3)
    assert result.details["fit"]["log_likelihood"].item() == pytest.approx(-9582.4, abs=0.1)


@pytest.mark.parametrize(("x", "last", "age"), [(0, 0.0, 10.0), (1, 4.0, 10.0), (3, 9.0, 12.0)])
def test_second_computation_the_likelihood_as_an_integral_over_customers(
    x: int, last: float, age: float
) -> None:
    r, alpha, a, b = 0.8, 3.0, 1.2, 2.5

    def one(p: float, rate: float) -> float:
        stays = (1 - p) ** x * rate**x * np.exp(-rate * age)
        left = p * (1 - p) ** (x - 1) * rate**x * np.exp(-rate * last) if x else 0.0
        weight = stats.gamma.pdf(rate, r, scale=1 / alpha) * stats.beta.pdf(p, a, b)
        return float((stays + left) * weight)

    slowly = integrate.dblquad(one, 0, 12, 0, 1, epsabs=1e-11)[0]
    found, _ = log_likelihood(np.log([r, alpha, a, b]), np.array([x]), np.array([last]), np.array([age]))
    assert found[0] == pytest.approx(np.log(slowly), abs=1e-4)


def test_slopes_of_the_likelihood_are_those_of_small_steps() -> None:
    at, step = np.array([0.1, 0.5, -0.2, 0.6]), 1e-6
    x, last, age = np.array([0.0, 1, 7]), np.array([0.0, 3, 20]), np.array([10.0, 9, 39])
    for move, slope in zip(np.eye(4) * step, log_likelihood(at, x, last, age)[1], strict=True):
        up, down = (log_likelihood(at + sign * move, x, last, age)[0] for sign in (1, -1))
        assert (up - down) / (2 * step) == pytest.approx(slope, abs=1e-7)


def test_known_parameters_are_found_in_their_intervals() -> None:
    truth = (0.5, 4.0, 0.8, 2.4)
    table = lifecycle.probability_alive(customers(8_000)).summary.table
    for true, row in zip(truth, table.itertuples(), strict=True):
        assert abs(np.log(row.estimate / true)) < 4 * row.std_error / row.estimate
        assert row.conf_low < row.estimate < row.conf_high


def test_time_in_days_gives_the_same_probabilities() -> None:
    weeks = customers(1_500)
    days = weeks.assign(recency=weeks["recency"] * 7, age=weeks["age"] * 7)
    one, other = lifecycle.probability_alive(weeks), lifecycle.probability_alive(days)
    assert other.rows["probability_alive"].to_numpy() == pytest.approx(
        one.rows["probability_alive"].to_numpy(), abs=1e-4
    )


def purchases(n: int = 400, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300 * 24, n), unit="h")
    return pd.DataFrame(
        {"customer_id": rng.integers(0, 60, n), "ts": at, "paid": rng.integers(1, 90, n) * 1.0}
    )


def test_second_computation_histories_customer_by_customer() -> None:
    rows = purchases()
    found = lifecycle.summarise_purchases(rows, value_column="paid", unit="day", observed_until="2024-12-31")
    found = found.set_index("customer_id")
    for customer, own in rows.groupby("customer_id"):
        spent = own.groupby(own["ts"].dt.normalize())["paid"].sum()
        again = spent.iloc[1:]
        expected = [len(again), (spent.index[-1] - spent.index[0]).days]
        expected.append((pd.Timestamp("2024-12-31") - spent.index[0]).days)
        assert found.loc[customer, ["frequency", "recency", "age"]].tolist() == expected
        if len(again):
            assert found.loc[customer, "value_per_purchase"] == pytest.approx(again.mean())


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings(IBIS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same(engine: str, tmp_path: Path) -> None:
    def as_pandas(rows: Any) -> pd.DataFrame:
        rows = rows.collect() if hasattr(rows, "collect") else rows
        for way in ("df", "to_pandas"):
            rows = getattr(rows, way)() if hasattr(rows, way) else rows
        return pd.DataFrame(rows).sort_values("customer_id", ignore_index=True)

    rows = purchases()
    found = lifecycle.summarise_purchases(on_engine(engine, rows, tmp_path), value_column="paid")
    expected = lifecycle.summarise_purchases(rows, value_column="paid")
    pd.testing.assert_frame_equal(as_pandas(found), as_pandas(expected), check_dtype=False)
    people = customers(1_000)
    scored = lifecycle.probability_alive(on_engine(engine, people, tmp_path)).rows
    alike = lifecycle.probability_alive(people).rows
    assert as_pandas(scored)["probability_alive"].to_numpy() == pytest.approx(
        as_pandas(alike)["probability_alive"].to_numpy(), abs=1e-5
    )


ROWS, PEOPLE = purchases(50), customers(50)
BAD: dict[str, tuple[Any, type[CxmeasureError], dict[str, Any]]] = {
    "no purchase": (lifecycle.summarise_purchases, DataError, {"purchases": ROWS.head(0)}),
    "a negative value": (
        lifecycle.summarise_purchases,
        DataError,
        {"purchases": ROWS.assign(paid=-1.0), "value_column": "paid"},
    ),
    "no time": (lifecycle.summarise_purchases, DataError, {"purchases": ROWS.assign(ts=pd.NaT)}),
    "after the end": (
        lifecycle.summarise_purchases,
        DataError,
        {"purchases": ROWS, "observed_until": "2024-01-02"},
    ),
    "an unknown unit": (lifecycle.summarise_purchases, ArgumentError, {"purchases": ROWS, "unit": "month"}),
    "a column missing": (lifecycle.probability_alive, TableError, {"customers": ROWS}),
    "an odd history": (lifecycle.probability_alive, DataError, {"customers": PEOPLE.assign(recency=99.0)}),
    "nobody came back": (
        lifecycle.probability_alive,
        EstimationError,
        {"customers": PEOPLE.assign(frequency=0, recency=0.0)},
    ),
    "a taken name": (
        lifecycle.probability_alive,
        ArgumentError,
        {"customers": customers(900).assign(probability_alive=1.0)},
    ),
    "customers all alike": (
        lifecycle.probability_alive,
        EstimationError,
        {"customers": pd.DataFrame({"frequency": [4] * 200, "recency": [38.0] * 200, "age": [39.0] * 200})},
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_refused_in_prose(fault: str) -> None:
    function, error, choices = BAD[fault]
    with pytest.raises(error, match=r"[.?]$"):
        function(**choices)
