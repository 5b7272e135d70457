"""Retention by cohort is what a slow second computation gives, on every engine, with its level."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from cxmeasure import lifecycle
from cxmeasure._stats import intervals
from cxmeasure.errors import ArgumentError, CxmeasureError, DataError, EstimationError, TableError
from cxmeasure.lifecycle.retention import kaplan_meier
from tests.engines import ENGINES, on_engine

UNTIL = "2025-06-30"
# Ibis calls a pandas function that pandas 3 is about to drop; the call is its own.
IBIS = "ignore::pandas.errors.Pandas4Warning"


def company(n: int = 600, seed: int = 3) -> pd.DataFrame:
    """One contract a customer, started over two years; about a third have left by the end."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 800, n), unit="D")
    end = start + pd.to_timedelta(rng.geometric(1 / 500, n), unit="D")
    return pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "start_date": start,
            "end_date": pd.Series(end).where(end <= UNTIL),
            "plan": rng.choice(["basic", "full"], n),
        }
    )


def whole_months(start: pd.Timestamp, end: pd.Timestamp) -> int:
    """Count anniversaries one by one: the slow second computation."""
    months = 0
    while start + pd.DateOffset(months=months + 1) <= end:
        months += 1
    return months


def contracts_of(*rows: tuple[object, str, str | None]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": [customer for customer, _, _ in rows],
            "start_date": pd.to_datetime([start for _, start, _ in rows]),
            "end_date": pd.to_datetime([end for _, _, end in rows]),
        }
    )


def curve(contracts: Any, **choices: Any) -> pd.Series:
    choices = {"observed_until": UNTIL, "cohort": "all"} | choices
    return lifecycle.cohort_retention(contracts, **choices).table.set_index("period")["estimate"]


def test_second_computation_customer_by_customer_and_statsmodels_agrees() -> None:
    contracts = company()
    result = lifecycle.cohort_retention(contracts, cohort="quarter", observed_until=UNTIL)
    horizon = pd.Timestamp(UNTIL) + pd.Timedelta(days=1)
    for quarter, cohort in contracts.groupby(contracts["start_date"].dt.to_period("Q")):
        followed = [whole_months(start, horizon) for start in cohort["start_date"]]
        stayed = [
            whole_months(start, end) if pd.notna(end) else 10**6
            for start, end in zip(cohort["start_date"], cohort["end_date"], strict=True)
        ]
        has_left = np.array(stayed) < np.array(followed)
        time = np.where(has_left, np.array(stayed) + 1, followed)
        expected = SurvfuncRight(time, has_left.astype(int))
        found = result.table[result.table["cohort"] == str(quarter).replace("Q", "-Q")].set_index("period")
        assert found["n"].iloc[0] == len(cohort)
        at = [period for period in expected.surv_times if period in found.index]
        assert at
        assert found.loc[at, "estimate"].tolist() == pytest.approx(expected.surv_prob[: len(at)].tolist())
        inner = [spot for spot, share in enumerate(expected.surv_prob[: len(at)]) if share > 0]
        assert found.loc[at, "std_error"].to_numpy()[inner] == pytest.approx(expected.surv_prob_se[inner])


def test_by_hand_censored_customers_count_until_their_last_whole_month() -> None:
    # Ten start on 1 March; two leave in April (month 2). Five more start on 1 June, seen for one month:
    # S(1) = 15/15, S(2) = 8/10, S(3) = S(4) = 8/10.
    contracts = contracts_of(
        *[(customer, "2025-03-01", "2025-04-10" if customer < 2 else None) for customer in range(10)],
        *[(customer, "2025-06-01", None) for customer in range(10, 15)],
    )
    result = lifecycle.cohort_retention(contracts, cohort="all", observed_until=UNTIL).table
    assert result["estimate"].tolist() == pytest.approx([1, 1, 0.8, 0.8, 0.8])
    assert result["n_at_risk"].tolist() == [15, 15, 10, 8, 8]
    assert result["n_left"].tolist() == [0, 0, 2, 0, 0]
    assert result["n_censored"].tolist() == [0, 5, 0, 0, 8]


def test_published_remissions_of_6_mp_come_out_of_the_same_arithmetic() -> None:
    # Freireich et al. (1963), as in tests/reference/lifecycle.json: weeks, 1 for a relapse.
    weeks = np.array([6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35])
    relapsed = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0])
    at = np.arange(1, 36)
    at_risk = (weeks[None, :] >= at[:, None]).sum(axis=1)[None, :]
    left = ((weeks[None, :] == at[:, None]) & (relapsed == 1)).sum(axis=1)[None, :]
    survival, error, _ = kaplan_meier(at_risk, left)
    shown = np.array([6, 7, 10, 13, 16, 22, 23]) - 1
    assert survival[0, shown] == pytest.approx(
        [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482], abs=1e-4
    )
    assert error[0, shown] == pytest.approx(
        [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346], abs=1e-4
    )


def test_where_nobody_is_censored_the_interval_is_wilsons() -> None:
    contracts = contracts_of(
        *[(customer, "2024-01-15", f"2024-{3 + customer % 9:02d}-01") for customer in range(27)],
        *[(customer, "2024-01-15", None) for customer in range(27, 40)],
    )
    table = lifecycle.cohort_retention(contracts, observed_until="2025-01-20").table
    low, high = intervals.wilson(
        table["estimate"].to_numpy() * 40, np.full(len(table), 40.0), conf_level=0.95
    )
    assert table["conf_low"].tolist()[1:] == pytest.approx(low[1:].tolist())
    assert table["conf_high"].tolist()[1:] == pytest.approx(high[1:].tolist())


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings(IBIS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_the_same_table(engine: str, tmp_path: Path) -> None:
    contracts = company(200)
    back = contracts.dropna(subset="end_date").head(30)
    back = back.assign(start_date=back["end_date"] + pd.Timedelta(days=20), end_date=pd.NaT)
    contracts = pd.concat([contracts, back[back["start_date"] <= UNTIL]], ignore_index=True)
    choices: dict[str, Any] = {
        "by": ["plan"],
        "cohort": "year",
        "every": "quarter",
        "is_end_last_day": True,
        "longest_gap_days": 30,
        "observed_from": "2023-03-10",
        "observed_until": UNTIL,
    }
    expected = lifecycle.cohort_retention(contracts, **choices)
    found = lifecycle.cohort_retention(on_engine(engine, contracts, tmp_path), **choices)
    pd.testing.assert_frame_equal(found.table, expected.table, check_dtype=False)
    pd.testing.assert_frame_equal(found.details["scope"], expected.details["scope"])


def test_dates_without_a_time_of_day_and_dates_with_one_agree() -> None:
    contracts = company(150)
    late = contracts.assign(start_date=contracts["start_date"] + pd.Timedelta(hours=23))
    pd.testing.assert_series_equal(curve(contracts), curve(late))


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        ("2024-01-15", "2024-02-14", 0),
        ("2024-01-15", "2024-02-15", 1),
        ("2024-01-31", "2024-02-28", 0),
        ("2024-01-31", "2024-02-29", 1),
        ("2023-01-31", "2023-02-28", 1),
        ("2024-01-31", "2024-04-30", 3),
        ("2023-11-30", "2024-02-29", 3),
        ("2024-02-29", "2025-02-28", 12),
    ],
)
def test_a_month_is_over_on_the_same_day_or_the_last_of_a_shorter_month(
    start: str, end: str, months: int
) -> None:
    assert whole_months(pd.Timestamp(start), pd.Timestamp(end)) == months
    table = lifecycle.cohort_retention(contracts_of((1, start, end)), observed_until=UNTIL).table
    assert table["period"].max() == months + 1
    assert table["estimate"].tolist() == [1.0] * (months + 1) + [0.0]


def test_a_year_to_its_last_day_is_a_whole_year_only_when_the_end_is_the_last_day() -> None:
    contracts = contracts_of((1, "2024-01-01", "2024-12-31"), (2, "2024-01-01", None))
    choices = {"every": "year", "cohort": "year", "observed_until": "2026-01-01"}
    assert curve(contracts, **choices).tolist() == [1.0, 0.5, 0.5]
    assert curve(contracts, **choices, is_end_last_day=True).tolist() == [1.0, 1.0, 0.5]


def test_contracts_that_follow_or_overlap_are_one_stay_and_a_gap_is_leaving() -> None:
    renewed = contracts_of((1, "2024-01-01", "2024-06-01"), (1, "2024-06-01", None))
    overlapping = contracts_of(
        (1, "2024-01-01", "2025-01-01"), (1, "2024-03-01", "2024-04-01"), (1, "2024-12-01", None)
    )
    gone = contracts_of((1, "2024-01-01", "2024-06-01"), (1, "2024-09-01", None))
    assert curve(renewed).eq(1).all()
    assert curve(overlapping).eq(1).all()
    assert curve(gone).tolist() == [1, 1, 1, 1, 1, 1, 0]
    assert curve(gone, longest_gap_days=92).eq(1).all()
    scope = lifecycle.cohort_retention(gone, observed_until=UNTIL).details["scope"]
    assert scope[["n_contracts", "n_customers", "n_returned"]].to_numpy().tolist() == [[2, 1, 1]]


def test_leaving_in_a_period_not_yet_over_is_not_counted_against_those_who_could_not_finish_it() -> None:
    contracts = contracts_of(*[(n, "2025-06-01", "2025-06-10" if n < 5 else None) for n in range(10)])
    with pytest.raises(EstimationError, match="one whole month"):
        lifecycle.cohort_retention(contracts, observed_until="2025-06-29")
    assert curve(contracts, observed_until="2025-06-30").tolist() == [1.0, 0.5]


def test_customers_already_there_enter_late_and_are_never_counted_from_tenure_zero() -> None:
    # An old stock of survivors, who never leave in view, beside newcomers who leave at 10 % a month.
    rng = np.random.default_rng(8)
    start = pd.to_datetime([f"{2010 + n % 10}-0{1 + n % 9}-01" for n in range(2000)])
    months = rng.geometric(0.1, 2000)
    fresh = pd.to_datetime(["2023-01-01"] * 2000)
    left = [
        day + pd.DateOffset(months=int(count) - 1, days=3) for day, count in zip(fresh, months, strict=True)
    ]
    contracts = pd.DataFrame(
        {
            "customer_id": np.arange(4000),
            "start_date": start.append(fresh),
            "end_date": pd.Series([pd.NaT] * 2000 + left),
        }
    )
    contracts["end_date"] = contracts["end_date"].where(contracts["end_date"] <= UNTIL)
    naive = curve(contracts)
    late = curve(contracts, observed_from="2023-01-01")
    expected = 0.9 ** np.arange(13)
    assert late.iloc[:13].to_numpy() == pytest.approx(expected, abs=0.03)
    assert naive.iloc[12] > expected[12] + 0.25


def test_a_stock_with_delayed_entry_gives_the_constant_rate_it_was_made_with() -> None:
    rng = np.random.default_rng(9)
    start = pd.date_range("2015-01-01", "2025-01-01", freq="MS").repeat(120)
    months = rng.geometric(0.024, len(start))
    day = start.to_period("M").to_timestamp()
    index = day.year * 12 + day.month - 1 + months - 1
    end = pd.to_datetime({"year": index // 12, "month": index % 12 + 1, "day": 15})
    contracts = pd.DataFrame({"customer_id": np.arange(len(start)), "start_date": start, "end_date": end})
    contracts = contracts[contracts["end_date"] >= "2023-01-01"]
    contracts["end_date"] = contracts["end_date"].where(contracts["end_date"] <= UNTIL)
    late = curve(contracts, observed_from="2023-01-01")
    assert late.loc[[12, 24, 60]].to_numpy() == pytest.approx(0.976 ** np.array([12, 24, 60]), abs=0.03)
    assert curve(contracts).loc[12] > 0.976**12 + 0.1


@pytest.mark.parametrize(
    ("observed_from", "at_risk"), [("2025-01-01", 4), ("2024-12-15", 4), ("2025-01-16", 3)]
)
def test_by_hand_late_entry_begins_with_the_first_period_seen_whole(observed_from: str, at_risk: int) -> None:
    # Started on 15 November: month 3 is seen whole, from 15 January on, and month 2 from 15 December on.
    newcomers = [(customer, "2025-02-01", None) for customer in range(3)]
    contracts = contracts_of(*newcomers, (9, "2024-11-15", None))
    result = lifecycle.cohort_retention(
        contracts, cohort="all", observed_from=observed_from, observed_until=UNTIL
    )
    expected = [3, 3, 4 if observed_from == "2024-12-15" else 3, at_risk, 4, 4, 1, 1]
    assert result.table["n_at_risk"].tolist()[: len(expected)] == expected[: len(result.table)]


def test_a_cohort_without_its_first_period_is_left_out_and_named() -> None:
    contracts = contracts_of((1, "2020-05-01", None), (2, "2025-01-01", None), (3, "2025-06-20", None))
    result = lifecycle.cohort_retention(contracts, observed_from="2024-06-01", observed_until=UNTIL)
    assert result.table["cohort"].unique().tolist() == ["2025-01"]
    left_out = result.details["left_out"].set_index("cohort")["reason"].to_dict()
    assert left_out == {"2020-05": "observed only later in life", "2025-06": "first month not yet over"}


@pytest.mark.parametrize(
    ("size", "labels"),
    [
        ("month", ["2024-02", "2024-11"]),
        ("quarter", ["2024-Q1", "2024-Q4"]),
        ("year", ["2024"]),
        ("all", ["all"]),
    ],
)
def test_cohorts_are_named_by_their_calendar_period(size: str, labels: list[str]) -> None:
    contracts = contracts_of((1, "2024-02-10", None), (2, "2024-11-10", None))
    table = lifecycle.cohort_retention(contracts, cohort=size, observed_until=UNTIL).table
    assert table["cohort"].unique().tolist() == labels


def test_the_group_is_that_of_the_first_contract() -> None:
    contracts = contracts_of(
        (1, "2024-01-01", "2024-06-01"), (1, "2024-06-01", None), (2, "2024-01-01", None)
    )
    contracts["plan"] = ["basic", "full", None]
    table = lifecycle.cohort_retention(contracts, by=["plan"], observed_until=UNTIL).table
    assert table.groupby("plan", dropna=False)["n"].first().tolist() == [1, 1]
    assert "full" not in set(table["plan"])


def test_customers_named_by_text_are_customers_too() -> None:
    contracts = company(100)
    named = contracts.assign(customer_id="c" + contracts["customer_id"].astype(str))
    pd.testing.assert_series_equal(curve(contracts), curve(named))


def test_without_observed_until_the_latest_date_ends_the_observation() -> None:
    contracts = contracts_of((1, "2024-01-01", "2024-05-10"), (2, "2024-01-01", None))
    result = lifecycle.cohort_retention(contracts)
    assert result.details["scope"]["observed_until"].item() == "2024-05-10"
    assert result.table["period"].max() == 4


def test_the_interval_holds_its_level_under_censoring() -> None:
    # Rothman's against the log-log interval, after 6 and 24 months, a third to all of them censored.
    rng, samples = np.random.default_rng(12), 3000
    lines, covered = ["customers hazard period at risk  rothman log-log"], []
    for customers, hazard in ((20, 0.02), (20, 0.1), (100, 0.02), (100, 0.05), (1000, 0.02)):
        gone = rng.geometric(hazard, (samples, customers))
        seen = rng.integers(3, 31, (samples, customers))
        at = np.arange(1, 25)
        reached = np.minimum(gone, seen + 1)
        at_risk = np.stack([(reached >= k) & (seen >= k) for k in at], axis=-1).sum(axis=1)
        left = np.stack([(gone == k) & (seen >= k) for k in at], axis=-1).sum(axis=1)
        survival, error, effective = kaplan_meier(at_risk, left)
        low, high = intervals.wilson(survival * effective, effective, 0.95)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = 1.959964 * error / (survival * np.abs(np.log(survival)))
            log_low, log_high = survival ** np.exp(spread), survival ** np.exp(-spread)
        for period in (6, 20):
            known = (at_risk[:, :period] > 0).all(axis=1)
            true, column = (1 - hazard) ** period, period - 1
            hit = ((low <= true) & (true <= high))[known, column].mean()
            log_hit = ((log_low <= true) & (true <= log_high))[known, column].mean()
            mean = at_risk[known, column].mean()
            covered.append((mean, hit))
            lines.append(f"{customers:>9,} {hazard:>6} {period:>6} {mean:>7.1f} {hit:>8.3f} {log_hit:>7.3f}")
    print("\n".join(lines))
    assert min(hit for mean, hit in covered if mean >= 3) >= 0.93
    assert min(hit for _, hit in covered) >= 0.87


ROWS = contracts_of((1, "2024-01-01", "2024-05-10"), (2, "2024-02-01", None))
BAD: dict[str, tuple[Any, dict[str, Any], type[CxmeasureError], str]] = {
    "empty": (ROWS.head(0), {}, DataError, "no rows"),
    "missing start": (
        ROWS.assign(start_date=[pd.NaT, ROWS["start_date"][1]]),
        {},
        DataError,
        "have no 'start_date'",
    ),
    "all missing": (ROWS.assign(start_date=pd.to_datetime([None, None])), {}, DataError, "2 of the 2"),
    "missing customer": (
        ROWS.assign(customer_id=pd.array([1, None], dtype="Int64")),
        {},
        DataError,
        "have no 'customer_id'",
    ),
    "end before start": (
        contracts_of((1, "2024-05-01", "2024-04-01")),
        {},
        DataError,
        "end before they start",
    ),
    "start after the end of observation": (ROWS, {"observed_until": "2024-01-15"}, DataError, "start after"),
    "end after the end of observation": (
        ROWS,
        {"observed_until": "2024-04-15"},
        DataError,
        "make 'end_date'",
    ),
    "end in the future": (
        contracts_of((1, "2024-01-01", str(date.today() + timedelta(days=400)))),  # noqa: DTZ011
        {},
        DataError,
        "in the future; give observed_until",
    ),
    "text for dates": (ROWS.assign(start_date="2024-01-01"), {}, TableError, "timestamps or dates"),
    "time zone": (
        ROWS.assign(start_date=ROWS["start_date"].dt.tz_localize("UTC")),
        {},
        TableError,
        "has a time zone",
    ),
    "no such column": (ROWS, {"end_column": "end"}, TableError, "no column 'end'"),
    "no table": (3, {}, TableError, "must be a pandas"),
    "unknown period": (ROWS, {"every": "week"}, ArgumentError, "every='week'"),
    "unknown cohort": (ROWS, {"cohort": "months"}, ArgumentError, "Did you mean 'month'"),
    "no day": (ROWS, {"observed_until": "soon"}, ArgumentError, "is no day"),
    "a number for a day": (ROWS, {"observed_from": 2024}, ArgumentError, "is no day"),
    "a day with a zone": (ROWS, {"observed_until": "2024-06-01T00:00+02:00"}, ArgumentError, "time zone"),
    "not a time": (ROWS, {"observed_until": pd.NaT}, ArgumentError, "is no day"),
    "observation backwards": (
        ROWS,
        {"observed_from": "2024-07-01", "observed_until": "2024-06-01"},
        DataError,
        "nobody is seen",
    ),
    "nobody followed": (ROWS, {"every": "year"}, EstimationError, "one whole year"),
    "negative gap": (ROWS, {"longest_gap_days": -1}, ArgumentError, "longest_gap_days"),
    "a column of the result": (ROWS, {"by": ["period"]}, ArgumentError, "of its own"),
}


@pytest.mark.parametrize(("contracts", "choices", "error", "words"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_used_is_refused_in_a_sentence(
    contracts: Any, choices: dict[str, Any], error: type[CxmeasureError], words: str
) -> None:
    with pytest.raises(error, match=words):
        lifecycle.cohort_retention(contracts, **choices)


def test_one_row_is_enough() -> None:
    assert curve(contracts_of((1, "2025-05-01", None))).tolist() == [1.0, 1.0, 1.0]


def test_the_chart_compares_cohorts_and_draws_eight_at_most() -> None:
    result = lifecycle.cohort_retention(company(), observed_until=UNTIL)
    chart = lifecycle.chart.cohort_retention(result).to_dict()
    assert "the 8 largest of 27 cohorts" in " ".join(chart["title"]["subtitle"])
    assert "their intervals" in " ".join(chart["title"]["text"])
    single = lifecycle.cohort_retention(company(), cohort="all", observed_until=UNTIL)
    assert "are still there" in " ".join(lifecycle.chart.cohort_retention(single).to_dict()["title"]["text"])
