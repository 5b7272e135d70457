"""`touchpoints.importance`: what it computes, on which engines, what it refuses, what it draws."""

import itertools
import json
from pathlib import Path
from typing import Any

import duckdb
import ibis
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from cxmeasure import touchpoints
from cxmeasure._stats import resample, shares
from cxmeasure.errors import (
    ArgumentError,
    CollinearityWarning,
    DataError,
    EstimationError,
    TableError,
)

DRIVERS = ["app", "delivery", "support", "price"]


def customers_of(n: int, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n, 1))
    ratings = np.clip(np.round(6 + common + 1.5 * rng.standard_normal((n, 4))), 0, 10)
    overall = ratings @ np.array([0.6, 0.4, 0.2, 0.0]) + 1.5 * rng.standard_normal(n)
    return pd.DataFrame(ratings, columns=DRIVERS).assign(
        overall=overall, customer=[f"c{i:05d}" for i in rng.permutation(n)]
    )


def importance_of(customers: Any, **choices: Any) -> Any:
    choices = {"outcome": "overall", "drivers": DRIVERS, "rng": np.random.default_rng(11)} | choices
    return touchpoints.importance(customers, **choices)


def matrix_of(square: list[list[float]], names: list[str]) -> pd.DataFrame:
    return pd.DataFrame(np.array(square), index=names, columns=names)


def refitted_r2(customers: pd.DataFrame, drivers: list[str]) -> float:
    design = np.column_stack([np.ones(len(customers)), customers[drivers]])
    outcome = customers["overall"].to_numpy()
    residual = outcome - design @ np.linalg.lstsq(design, outcome, rcond=None)[0]
    return 1 - residual @ residual / ((outcome - outcome.mean()) @ (outcome - outcome.mean()))


def averaged_over_orders(customers: pd.DataFrame, groups: dict[str, list[str]]) -> dict[str, float]:
    """Average the gain in R² over all orders by refitting every model: a second, slow computation."""
    total = dict.fromkeys(groups, 0.0)
    orders = list(itertools.permutations(groups))
    for order in orders:
        taken: list[str] = []
        for name in order:
            gain = -refitted_r2(customers, taken)
            taken = [*taken, *groups[name]]
            total[name] += (gain + refitted_r2(customers, taken)) / len(orders)
    return total


class TestShares:
    def test_they_are_the_average_gain_over_all_orders_of_refitted_models(self) -> None:
        customers = customers_of(300)
        expected = averaged_over_orders(customers, {name: [name] for name in DRIVERS})
        found = importance_of(customers, n_boot=0).table.set_index("term")["estimate"]
        assert found.to_dict() == pytest.approx(expected, abs=1e-12)

    def test_a_group_enters_as_one_driver(self) -> None:
        customers = customers_of(300)
        groups = {"channels": ["app", "support"], "price": ["price"], "delivery": ["delivery"]}
        found = importance_of(customers, drivers=groups, n_boot=0).table.set_index("term")["estimate"]
        assert found.to_dict() == pytest.approx(averaged_over_orders(customers, groups), abs=1e-12)

    def test_johnson_adds_up_the_weights_of_a_group(self) -> None:
        customers = customers_of(300)
        single = importance_of(customers, method="johnson", n_boot=0).table["estimate"]
        grouped = importance_of(
            customers, method="johnson", n_boot=0, drivers={"a": DRIVERS[:3], "b": DRIVERS[3:]}
        ).table["estimate"]
        np.testing.assert_allclose(grouped, [single[:3].sum(), single[3]], atol=1e-14)

    @pytest.mark.parametrize("n_drivers", [1, 11, 12, 13, 15])
    def test_uncorrelated_drivers_keep_their_squared_correlation(self, n_drivers: int) -> None:
        square = np.eye(n_drivers + 1)
        square[-1, :-1] = square[:-1, -1] = np.sqrt(np.arange(1, n_drivers + 1) / (n_drivers * 20))
        found, r2 = shares.lmg(square[None])
        np.testing.assert_allclose(found[0], square[-1, :-1] ** 2, atol=1e-13)
        assert r2[0] == pytest.approx((square[-1, :-1] ** 2).sum(), abs=1e-13)

    def test_many_matrices_at_once_give_what_each_gives_alone(self) -> None:
        rng = np.random.default_rng(1)
        rows = rng.standard_normal((9, 40, 14)) + rng.standard_normal((9, 40, 1))
        stacked = np.array([np.corrcoef(each.T) for each in rows])
        together, _ = shares.lmg(stacked)
        alone = np.concatenate([shares.lmg(each[None])[0] for each in stacked])
        np.testing.assert_allclose(together, alone, atol=1e-13)

    def test_units_and_offsets_change_nothing(self) -> None:
        customers = customers_of(300)
        moved = customers.assign(app=customers["app"] * 1e-8, price=customers["price"] + 2.0**40)
        pd.testing.assert_frame_equal(importance_of(customers).table, importance_of(moved).table, rtol=1e-9)

    def test_a_weight_counts_a_row_so_many_times(self) -> None:
        customers = customers_of(120)
        customers["weight"] = np.arange(120) % 4
        customers.loc[3, "app"] = np.nan
        repeated = customers.loc[np.repeat(customers.index, customers["weight"])]
        found = importance_of(customers, weight_column="weight")
        expected = importance_of(repeated, n_boot=0)
        np.testing.assert_allclose(found.table["estimate"], expected.table["estimate"], atol=1e-12)
        assert found.table["n"].tolist() == [89] * 4
        assert found.table["n_missing"].tolist() == [1] * 4
        weights = customers["weight"].drop(3)
        effective = weights.sum() ** 2 / (weights**2).sum()
        assert found.table["n_effective"].tolist() == pytest.approx([effective] * 4)
        assert "The weights are taken as known." in found.assumptions
        scaled = importance_of(customers.assign(weight=customers["weight"] * 1e-9), weight_column="weight")
        np.testing.assert_allclose(scaled.draws, found.draws, atol=1e-12)

    def test_the_number_of_rows_that_lack_a_value_is_said(self) -> None:
        customers = customers_of(300)
        customers.loc[:6, "app"] = np.nan
        customers.loc[5:9, "overall"] = np.nan
        result = importance_of(customers)
        complete = importance_of(customers.iloc[10:])
        assert result.table["n"].tolist() == [290] * 4
        assert result.table["n_missing"].tolist() == [10] * 4
        assert "10 rows left out" in result.assumptions[-1]
        np.testing.assert_allclose(result.table["conf_low"], complete.table["conf_low"], rtol=1e-9)


class TestDominance:
    def test_gains_are_those_of_refitted_models_and_average_to_the_share(self) -> None:
        customers = customers_of(300)
        result = importance_of(customers, method="dominance", n_boot=0)
        gains = result.details["gains"].set_index(["term", "others"])["gain"]
        for name in DRIVERS:
            rest = [other for other in DRIVERS if other != name]
            for size in range(4):
                expected = np.mean(
                    [
                        refitted_r2(customers, [name, *some]) - refitted_r2(customers, list(some))
                        for some in itertools.combinations(rest, size)
                    ]
                )
                assert gains[name, size] == pytest.approx(expected, abs=1e-12)
        shares_found = result.table.set_index("term")["estimate"]
        assert gains.groupby("term").mean().to_dict() == pytest.approx(shares_found.to_dict(), abs=1e-12)

    def test_complete_implies_conditional_and_suppressors_are_neither(self) -> None:
        # b is useless alone and lifts a: it adds more beside a than c does, less by itself.
        square = np.array([[1, 0.6, 0, 0.5], [0.6, 1, 0, 0], [0, 0, 1, 0.2], [0.5, 0, 0.2, 1]])
        _, conditional, complete = shares.dominance(square)
        assert (conditional >= complete).all()
        assert complete[0].tolist() == [False, True, True]
        assert not conditional[1, 2]
        assert not conditional[2, 1]

    def test_twins_do_not_dominate_one_another(self) -> None:
        square = np.array([[1, 1, 0.5], [1, 1, 0.5], [0.5, 0.5, 1]])
        _, conditional, complete = shares.dominance(square)
        assert not conditional.any()
        assert not complete.any()


class TestIntervals:
    def test_a_draw_is_the_estimate_from_the_rows_drawn(self) -> None:
        customers = customers_of(150)
        result = importance_of(customers, n_boot=3, rng=np.random.default_rng(5))
        counts = resample.bucket_counts(150, 3, np.random.default_rng(5)).astype(int)
        # Up to 200 customers each is a bucket, numbered in the order of their values.
        numbered = customers.sort_values(sorted([*DRIVERS, "overall"]), ignore_index=True)
        for count, draw in zip(counts, result.draws, strict=True):
            drawn = numbered.loc[np.repeat(np.arange(150), count)]
            expected = importance_of(drawn, n_boot=0).table["estimate"]
            np.testing.assert_allclose(draw, expected, atol=1e-12)

    def test_rows_of_one_customer_are_drawn_together(self) -> None:
        customers = customers_of(400)
        repeated = pd.concat([customers] * 4)
        once = importance_of(customers, customer_column="customer")
        owned = importance_of(repeated, customer_column="customer")
        unowned = importance_of(repeated)
        np.testing.assert_allclose(owned.draws, once.draws, atol=1e-12)
        assert owned.table["n_customers"].tolist() == [400] * 4
        ratio = unowned.table["std_error"] / owned.table["std_error"]
        assert ratio.between(0.3, 0.75).all()  # half, were there more draws

    def test_rows_that_do_not_count_are_no_customers_and_no_draws(self) -> None:
        customers = customers_of(120).assign(weight=1.0)
        customers.loc[:9, "weight"] = 0.0
        customers.loc[10:14, "app"] = np.nan
        left = customers.iloc[15:]
        for choices in ({}, {"customer_column": "customer"}):
            found = importance_of(customers, weight_column="weight", **choices)
            assert found.table["n_customers"].tolist() == [105] * 4
            np.testing.assert_allclose(found.draws, importance_of(left, **choices).draws, atol=1e-12)

    def test_the_ends_of_an_interval_are_percentiles_of_the_draws(self) -> None:
        result = importance_of(customers_of(300), conf_level=0.8)
        ends = np.quantile(result.draws, [0.1, 0.9], axis=0)
        np.testing.assert_allclose(result.table[["conf_low", "conf_high"]].T, ends, atol=1e-15)
        np.testing.assert_allclose(result.table["std_error"], result.draws.std(axis=0, ddof=1), atol=1e-15)
        r2 = result.details["r2"].iloc[0]
        np.testing.assert_allclose(
            [r2.conf_low, r2.conf_high], np.quantile(result.draws.sum(axis=1), [0.1, 0.9]), atol=1e-12
        )

    def test_the_same_generator_gives_the_same_interval_and_another_another(self) -> None:
        customers = customers_of(300)
        again = importance_of(customers).table
        pd.testing.assert_frame_equal(importance_of(customers).table, again)
        other = importance_of(customers, rng=np.random.default_rng(12)).table
        assert (other["conf_low"] != again["conf_low"]).all()

    def test_neighbouring_customers_do_not_share_a_bucket_more_than_chance(self) -> None:
        events = pd.DataFrame({"x": range(20_000), "y": np.arange(20_000) % 7, "customer": range(20_000)})
        from cxmeasure.touchpoints.reduce.products import cross_products

        kept = cross_products(events, variables=["x", "y"], customer_column="customer")
        assert kept.counts.sum() == kept.n_customers == 20_000
        # Were customers dealt out one after the other, the sums of a trend would hardly differ.
        dispersion = kept.counts.var() / kept.counts.mean()
        trend = kept.sums[:, 0].var() / (kept.counts.mean() / 12)
        assert 0.7 < dispersion < 1.4
        assert 0.7 < trend < 1.4

    def test_a_clear_order_is_settled_and_a_tie_is_not(self) -> None:
        rng = np.random.default_rng(8)
        x = rng.standard_normal((2_000, 3))
        customers = pd.DataFrame(x, columns=["a", "b", "c"])
        customers["overall"] = x @ [1.0, 0.5, 0.5] + rng.standard_normal(2_000)
        result = importance_of(customers, drivers=["c", "a", "b"])
        pairs = result.details["pairs"]
        assert set(pairs.loc[pairs["is_settled"], "driver"]) == {"a"}
        assert pairs["is_settled"].sum() == 2
        table = result.table.set_index("term")
        assert table.loc["a", ["rank", "rank_low", "rank_high"]].tolist() == [1, 1, 1]
        assert table.loc["b", ["rank_low", "rank_high"]].tolist() == [2, 3]

    def test_a_matrix_without_n_has_no_interval_and_says_so(self) -> None:
        customers = customers_of(300)
        result = importance_of(None, correlations=customers[[*DRIVERS, "overall"]].corr())
        assert result.draws is None
        assert "pairs" not in result.details
        assert result.table[["conf_low", "rank_low", "share_of_r2_low", "n"]].isna().all(axis=None)
        assert (result.table["note"] == "no interval without n").all()
        rows = importance_of(customers, n_boot=0).table["estimate"]
        np.testing.assert_allclose(result.table["estimate"], rows, atol=1e-12)

    def test_wishart_draws_spread_as_fishers_z_says(self) -> None:
        drawn = resample.wishart_correlations(
            np.array([[1.0, 0.6], [0.6, 1.0]]), 50, 20_000, np.random.default_rng(2)
        )[:, 0, 1]
        z = np.arctanh(drawn)
        assert z.std() == pytest.approx(1 / np.sqrt(47), rel=0.03)
        assert z.mean() == pytest.approx(np.arctanh(0.6) + 0.6 / (2 * 49), abs=0.004)

    def test_few_customers_give_an_estimate_and_no_interval(self) -> None:
        result = importance_of(customers_of(9), drivers=["app", "price"])
        assert result.draws is None
        assert (result.table["note"] == "no interval from fewer than 10 customers").all()
        roughly = importance_of(customers_of(30))
        assert (roughly.table["note"] == "fewer than 10 customers a driver").all()

    def test_intervals_cover_the_population_at_about_their_level(self) -> None:
        square = np.array([[1, 0.4, 0.2, 0.6], [0.4, 1, 0.3, 0.4], [0.2, 0.3, 1, 0.3], [0.6, 0.4, 0.3, 1]])
        truth = shares.lmg(square[None])[0][0]
        root, rng = np.linalg.cholesky(square), np.random.default_rng(20)
        covered: dict[str, list[bool]] = {"rows": [], "matrix": []}
        for _ in range(100):
            sample = pl.DataFrame(rng.standard_normal((400, 4)) @ root.T, schema=["a", "b", "c", "overall"])
            choices = {"drivers": ["a", "b", "c"], "n_boot": 200, "rng": rng}
            matrix = sample.to_pandas().corr()
            for name, result in {
                "rows": importance_of(sample, **choices),
                "matrix": importance_of(None, correlations=matrix, n=400, **choices),
            }.items():
                covered[name].extend(result.table["conf_low"].le(truth) & result.table["conf_high"].ge(truth))
        # 300 intervals, three a sample: a standard error of some .015 around .95.
        assert 0.9 < np.mean(covered["rows"]) < 0.99
        assert 0.9 < np.mean(covered["matrix"]) < 0.99


class TestEngines:
    @pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
    @pytest.mark.parametrize("column", ["", "customer_column", "weight_column"])
    @pytest.mark.parametrize("engine", ["polars", "lazy", "arrow", "duckdb", "ibis", "parquet"])
    def test_every_engine_gives_the_same(self, engine: str, column: str, tmp_path: Path) -> None:
        customers = customers_of(700)
        customers["customer"] = [f"{'ÄbC'[i % 3]}{i % 300}" for i in range(700)]
        customers.loc[::50, "app"] = np.nan
        # Rows alike but for the weight must be numbered alike everywhere: few distinct rows.
        customers["weight"] = np.arange(700) % 5 / 4
        choices = {column: column.removesuffix("_column")} if column else {}
        if column == "weight_column":
            customers[[*DRIVERS, "overall"]] = (customers[[*DRIVERS, "overall"]] > 6).astype(float)
        expected = importance_of(customers, **choices)
        connection = duckdb.connect()
        table = pa.Table.from_pandas(customers)
        connection.register("t", table)
        path = tmp_path / "customers.parquet"
        customers.to_parquet(path)
        frame = {
            "polars": lambda: pl.from_arrow(table),
            "lazy": lambda: pl.from_arrow(table).lazy(),
            "arrow": lambda: table,
            "duckdb": lambda: connection.table("t"),
            "ibis": lambda: ibis.memtable(customers),
            "parquet": lambda: str(path),
        }[engine]()
        result = importance_of(frame, **choices)
        pd.testing.assert_frame_equal(result.table, expected.table, rtol=1e-9)
        pd.testing.assert_frame_equal(result.details["pairs"], expected.details["pairs"], rtol=1e-8)
        np.testing.assert_allclose(result.draws, expected.draws, atol=1e-10)


def _with(column: str, value: Any, rows: Any = slice(None)) -> pd.DataFrame:
    customers = customers_of(40)
    customers.loc[rows, column] = value
    return customers


BAD_TABLES: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    (customers_of(40).iloc[:0], {}, DataError, "The table of customers has no rows"),
    (customers_of(40).iloc[:1], {}, EstimationError, "1 complete row for 4 drivers.*at least 6 rows"),
    (customers_of(40).iloc[:5], {}, EstimationError, "5 complete rows for 4 drivers"),
    (_with("app", np.nan), {}, DataError, "Every value of 'app' is missing"),
    (
        pd.concat([_with("app", np.nan).iloc[:20], _with("price", np.nan).iloc[20:]]),
        {},
        DataError,
        "None of the 40 rows has a value in all of",
    ),
    (_with("app", 3.0), {}, DataError, "'app' is 3 in all 40 complete rows.*Leave it out"),
    (_with("overall", 3.0), {}, DataError, "'overall' is 3 in all 40 complete rows"),
    (_with("price", np.inf, [2, 3]), {}, DataError, "2 values of 'price' are infinite"),
    (customers_of(40).assign(app="good"), {}, TableError, "'app' must hold numbers; it holds text"),
    (customers_of(40), {"drivers": ["app", "suport"]}, TableError, "customers has no column 'suport'"),
    (customers_of(40), {"drivers": ["app", "overall"]}, ArgumentError, "'overall' is also among the driv"),
    (customers_of(40), {"drivers": ["app", "app"]}, ArgumentError, "list of different column names"),
    (customers_of(40), {"drivers": "app"}, ArgumentError, r"drivers=\['app'\]"),
    (customers_of(40), {"drivers": []}, ArgumentError, "names no column"),
    (customers_of(40), {"drivers": {"a": ["app"], "b": ["app"]}}, ArgumentError, "more than one group"),
    (customers_of(40), {"drivers": {"a": []}}, ArgumentError, "names no column"),
    (customers_of(40), {"outcome": ["overall"]}, ArgumentError, "must be the name of one column"),
    (customers_of(40), {"method": "lgm"}, ArgumentError, "Did you mean 'lmg'"),
    (customers_of(40), {"rng": 7}, ArgumentError, r"give np.random.default_rng\(2026\)"),
    (customers_of(40), {"n_boot": -1}, ArgumentError, "n_boot=-1 is out of range"),
    (customers_of(40), {"conf_level": 95}, ArgumentError, "conf_level=95 is out of range"),
    (customers_of(40), {"n": 40}, ArgumentError, "n=40 belongs to correlations="),
    (customers_of(40), {"customer_column": "app"}, ArgumentError, "is also the outcome or a driver"),
    (customers_of(40), {"weight_column": "customer"}, TableError, "must hold numbers"),
    (_with("w", 1.0), {"weight_column": "app", "drivers": ["app"]}, ArgumentError, "weight_column='app' is"),
    (_with("w", 0.0), {"weight_column": "w"}, DataError, "All weights in 'w' are zero"),
    (
        _with("w", 1.0, slice(3, None)),
        {"weight_column": "w"},
        DataError,
        "3 weights in .w. are negative",
    ),
    (_with("w", -1.0), {"weight_column": "w"}, DataError, "40 weights in 'w' are negative"),
    (None, {}, ArgumentError, "received neither"),
    (customers_of(40), {"correlations": pd.DataFrame()}, ArgumentError, "received both"),
    ([1, 2], {}, TableError, "customers must be a pandas, .* table"),
    (
        customers_of(40),
        {"drivers": [f"d{i}" for i in range(26)]},
        ArgumentError,
        "26 drivers are too many.*most is 25.*method='johnson', or put drivers into groups",
    ),
]


@pytest.mark.parametrize(("customers", "choices", "error", "said"), BAD_TABLES)
def test_a_bad_table_or_choice_is_refused_in_a_sentence(
    customers: Any, choices: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        importance_of(customers, **choices)


NAMES = ["a", "b", "y"]
GOOD = [[1.0, 0.5, 0.6], [0.5, 1.0, 0.4], [0.6, 0.4, 1.0]]
BAD_MATRICES: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    (np.array(GOOD), {}, TableError, "must be a pandas DataFrame.*received ndarray"),
    (pd.DataFrame(GOOD, columns=NAMES), {}, TableError, "its rows are 0, 1, 2, its columns 'a', 'b', 'y'"),
    (matrix_of(GOOD, ["a", "a", "y"]), {}, TableError, "each variable's name once"),
    (matrix_of(GOOD, NAMES), {"drivers": ["a", "c"]}, TableError, "no variable 'c'; it has 'a', 'b', 'y'"),
    (matrix_of(GOOD, NAMES).astype(str).replace("0.5", "x"), {}, TableError, "some of its values are text"),
    (matrix_of([[1, 0.5, 0.6], [0.4, 1, 0.4], [0.6, 0.4, 1]], NAMES), {}, DataError, "not symmetric.*0.5 in"),
    (
        matrix_of([[2, 0.5, 0.6], [0.5, 1, 0.4], [0.6, 0.4, 1]], NAMES),
        {},
        DataError,
        "at 'a' it is 2.*Divide",
    ),
    (
        matrix_of([[1, 1.5, 0.6], [1.5, 1, 0.4], [0.6, 0.4, 1]], NAMES),
        {},
        DataError,
        "is 1.5; correlations lie",
    ),
    (
        matrix_of([[1, np.nan, 0.6], [np.nan, 1, 0.4], [0.6, 0.4, 1]], NAMES),
        {},
        DataError,
        "of 'a' and 'b' is missing or infinite; give the whole matrix",
    ),
    (
        matrix_of([[1, 0.9, 0.9], [0.9, 1, -0.9], [0.9, -0.9, 1]], NAMES),
        {},
        DataError,
        "not positive semidefinite.*complete rows, unrounded",
    ),
    (matrix_of(GOOD, NAMES), {"n": 3}, EstimationError, "n=3 customers for 2 drivers.*at least 4"),
    (matrix_of(GOOD, NAMES), {"n": 3.5}, ArgumentError, "n=3.5 is out of range"),
    (matrix_of(GOOD, NAMES), {"customer_column": "c"}, ArgumentError, "a matrix has no rows"),
]


@pytest.mark.parametrize(("matrix", "choices", "error", "said"), BAD_MATRICES)
def test_a_bad_matrix_is_refused_in_a_sentence(
    matrix: Any, choices: dict[str, Any], error: type[Exception], said: str
) -> None:
    choices = {"outcome": "y", "drivers": ["a", "b"]} | choices
    with pytest.raises(error, match=said):
        touchpoints.importance(correlations=matrix, **choices)


class TestCollinearDrivers:
    @pytest.mark.parametrize("method", ["lmg", "johnson"])
    def test_twins_share_equally_what_one_of_them_has(self, method: str) -> None:
        customers = customers_of(300).assign(twin=lambda frame: 5 - 2 * frame["app"])
        with pytest.warns(CollinearityWarning, match="determine one another exactly: 'app', 'twin'") as given:
            both = importance_of(customers, drivers=["app", "price", "twin"], method=method)
        assert given[0].filename == __file__ or len(given) == 1
        table = both.table.set_index("term")["estimate"]
        one = importance_of(customers, drivers=["app", "price"], n_boot=0)
        assert table["app"] == pytest.approx(table["twin"], rel=1e-9)
        assert both.details["r2"]["estimate"].item() == pytest.approx(
            one.details["r2"]["estimate"].item(), abs=1e-12
        )
        assert table.sum() == pytest.approx(one.table["estimate"].sum(), abs=1e-12)

    def test_a_sum_of_others_is_found_and_a_group_of_them_is_fine(self) -> None:
        customers = customers_of(300).assign(total=lambda frame: frame["app"] + frame["price"])
        with pytest.warns(CollinearityWarning, match="'app', 'price', 'total'"):
            importance_of(customers, drivers=["app", "price", "support", "total"], n_boot=0)
        result = importance_of(
            customers, drivers={"sum": ["app", "price", "total"], "support": ["support"]}, n_boot=0
        )
        expected = averaged_over_orders(customers, {"sum": ["app", "price"], "support": ["support"]})
        assert result.table.set_index("term")["estimate"].to_dict() == pytest.approx(expected, abs=1e-12)

    def test_a_driver_that_is_constant_in_a_draw_has_no_share_in_it(self) -> None:
        customers = customers_of(30).assign(rare=[1.0] + [0.0] * 29)
        result = importance_of(customers, drivers=["app", "rare"])
        assert np.isfinite(result.draws).all()
        assert (result.draws[:, 1] == 0).mean() == pytest.approx((29 / 30) ** 30, abs=0.08)

    def test_an_outcome_made_of_its_drivers_is_explained_to_the_last(self) -> None:
        customers = customers_of(300).assign(overall=lambda frame: frame["app"] + frame["price"])
        result = importance_of(customers)
        assert result.details["r2"]["estimate"].item() == pytest.approx(1, abs=1e-12)
        assert result.table["estimate"].sum() == pytest.approx(1, abs=1e-12)


class TestChart:
    def test_the_title_says_which_order_is_settled(self) -> None:
        titles = {
            "no other driver": importance_of(customers_of(30), drivers=["app", "delivery"]),
            "weighs more than every other driver": importance_of(customers_of(4_000)),
            "without intervals the order is not settled": importance_of(customers_of(30), n_boot=0),
            "app explains": importance_of(customers_of(90), drivers=["app"]),
        }
        for said, result in titles.items():
            assert said in " ".join(touchpoints.chart.importance(result).title.text)

    def test_rivals_are_named(self) -> None:
        result = importance_of(customers_of(250))
        pairs = result.details["pairs"]
        first = pairs["driver"].iloc[0]
        rivals = pairs.loc[(pairs["driver"] == first) & ~pairs["is_settled"], "other"].tolist()
        assert 0 < len(rivals) < 3
        title = " ".join(touchpoints.chart.importance(result).title.text)
        assert title.endswith(f"whether it weighs more than {', '.join(rivals)} is not settled")

    @pytest.mark.parametrize("n_boot", [0, 50])
    def test_it_is_drawn_and_described_with_and_without_intervals(self, n_boot: int) -> None:
        result = importance_of(customers_of(100), n_boot=n_boot)
        chart = touchpoints.chart.importance(result, title="Said by me")
        spec = json.loads(chart.to_json())
        assert spec["title"]["text"] == ["Said by me"]
        assert "app 0." in chart.description
        assert "nan" not in chart.description
        assert ("95% interval" in chart.description) is (n_boot > 0)

    def test_names_that_look_like_markup_are_drawn_as_they_are(self) -> None:
        name = '<script>"a", b'
        result = importance_of(customers_of(100).rename(columns={"app": name}), drivers=[name, "price"])
        assert "<script>" not in result._repr_html_()
        assert name in touchpoints.chart.importance(result).to_dict()["description"]


def shuffled_p(customers: pd.DataFrame, driver: str, n_null: int) -> float:
    """Shuffle a driver's column among customers: a second, slow computation."""
    rng = np.random.default_rng(5)
    place = DRIVERS.index(driver)
    point = importance_of(customers, n_boot=0).table["estimate"].iloc[place]
    drawn = np.array(
        [
            shares.lmg(
                customers.assign(**{driver: rng.permutation(customers[driver])})[[*DRIVERS, "overall"]]
                .corr()
                .to_numpy()[None],
                [1] * len(DRIVERS),
            )[0][0, place]
            for _ in range(n_null)
        ]
    )
    return (1 + (drawn >= point).sum()) / (1 + n_null)


def test_p_is_that_of_shuffling_a_column() -> None:
    rng = np.random.default_rng(8)
    customers = customers_of(80).assign(price=rng.standard_normal(80))
    customers["app"] = customers["overall"] * 0.15 + rng.standard_normal(80)
    found = importance_of(customers, n_null=2000, n_boot=0).table.set_index("term")["p_value"]
    for driver in ("app", "price"):
        assert found[driver] == pytest.approx(shuffled_p(customers, driver, 500), abs=0.06)


def test_an_unrelated_driver_is_called_so_in_nineteen_of_twenty_and_a_related_one_is_not() -> None:
    rng = np.random.default_rng(9)
    called = []
    for seed in range(60):
        square = customers_of(300, seed).assign(price=rng.standard_normal(300))[[*DRIVERS, "overall"]].corr()
        found = importance_of(None, correlations=square, n=300, n_null=199, n_boot=0).table.set_index("term")
        called.append(found.loc["price", "p_value"] < 0.05)
        assert found.loc["app", "p_value"] == 1 / 200
        assert (found.loc["price", "note"] != "") == (found.loc["price", "p_value"] >= 0.05)
    assert np.mean(called) <= 0.12
