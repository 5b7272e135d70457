"""Episodes are those of a slow reading of the rules, customer by customer, on every engine."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cxmeasure import lifecycle
from cxmeasure.errors import ArgumentError, CxmeasureError, DataError, TableError
from tests.engines import ENGINES, on_engine

IBIS = "ignore::pandas.errors.Pandas4Warning"
KEY = ["customer_id", "start"]


def log(n: int = 150, seed: int = 8) -> pd.DataFrame:
    """Customers with all sorts of lives: late renewals, returns, silence, events after leaving."""
    events = lives(n, seed)
    by_time = events.sort_values(["customer_id", "ts"], kind="stable")
    both = by_time[by_time["event"].isin(["start", "end"])]
    # One contract at a time: of starts in a row the first.
    again = (both["event"] == "start") & (both.groupby("customer_id")["event"].shift() == "start")
    return events.drop(both.index[again]).reset_index(drop=True)


def lives(n: int, seed: int = 8) -> pd.DataFrame:
    """Return the same with starts while a contract runs."""
    rng = np.random.default_rng(seed)
    kinds = ["orientation", "start", "renewal", "end", "purchase", "visit"]
    rows = rng.integers(1, 14, n).sum()
    return pd.DataFrame(
        {
            "customer_id": rng.integers(0, n, rows),
            "ts": pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 700 * 86_400, rows), unit="s"),
            "event": rng.choice(kinds, rows, p=[0.15, 0.15, 0.2, 0.1, 0.3, 0.1]),
        }
    )


def measured(heading: str, past: pd.DataFrame, day: pd.Timestamp, month: pd.Series) -> Any:
    """Return what a column of the rule table measures at the end of `day`: the slow second computation."""
    kind, _, rest = heading.partition(" ")
    if kind == "latest":
        known = past[past["event"].isin(rest.removeprefix("of ").split(", "))]
        return "never" if known.empty else known.sort_values("ts")["event"].iloc[-1]
    if kind == "n" and " since " in rest:
        word, origin = rest.split(" since ")
        begun = month[past["event"] == origin]
        since = past if begun.empty else past[month >= begun.max()]
        return (since["event"] == word).sum()
    if kind == "n":
        return (past["event"] == rest).sum()
    word = rest.removeprefix("since ").split(" (")[0]
    times = past.loc[past["event"] == word, "ts"].dt.normalize()
    if times.empty:
        return 10**9
    silence = (day - times.max()).days
    if kind == "days":
        return silence
    own = int(heading.split("(")[1].split()[0])
    return silence / ((own + (times.max() - times.min()).days) / len(times))


def holds(cell: str, value: Any) -> bool:
    if cell == "":
        return True
    if isinstance(value, str):
        return value in cell.split(" or ")
    if cell.startswith(">= "):
        return bool(value >= int(cell[3:]))
    if cell.startswith("< "):
        return bool(value < int(cell[2:]))
    low, _, high = cell.partition(" to ")
    return int(low) <= int(value) <= int(high or low)


def slowly(events: pd.DataFrame, rules: Any, until: str = "2024-12-31") -> pd.DataFrame:
    table, rows = rules.table, []
    for customer, own in events.groupby("customer_id"):
        before = None
        for day in pd.date_range("2023-01-31", until, freq="ME"):
            past = own[own["ts"] < day + pd.Timedelta(days=1)]
            if past.empty:
                continue
            month = past["ts"].dt.to_period("M")
            values = {heading: measured(heading, past, day, month) for heading in table.columns[2:]}
            fires = [
                row for row in table.to_dict("records") if all(holds(row[h], v) for h, v in values.items())
            ]
            assert len(fires) == 1
            if fires[0]["episode"] != before:
                before = fires[0]["episode"]
                rows.append((customer, before, day, fires[0]["rule"]))
    return pd.DataFrame(rows, columns=["customer_id", "episode", "start", "rule"])


@pytest.mark.parametrize("name", ["WITH_CONTRACTS", "WITHOUT_CONTRACTS"])
def test_second_computation_customer_by_customer_and_month_by_month(name: str) -> None:
    rules, events = getattr(lifecycle, name), lives(60)
    expected = slowly(events, rules)
    found = lifecycle.assign_episodes(
        events, rules=rules, observed_until="2024-12-31", contracts_may_overlap=True
    )
    found = found.sort_values(KEY, ignore_index=True)
    assert len(found) > 120
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_dtype=False)
    following = found.groupby("customer_id")[["start", "episode"]].shift(-1)
    assert found["end"].equals(following["start"].astype(found["end"].dtype))
    assert found["next_episode"].fillna("").tolist() == following["episode"].fillna("").tolist()
    assert (found["is_open"] == found["end"].isna()).all()


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings(IBIS)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("every", ["week", ["2023-03-05", "2023-12-31", "2024-07-01"]])
def test_every_engine_gives_the_same_episodes(engine: str, every: Any, tmp_path: Path) -> None:
    events = log(60)
    choices: dict[str, Any] = {
        "every": every,
        "known_from": "2023-02-01",
        "rules": lifecycle.WITHOUT_CONTRACTS,
    }
    expected = lifecycle.assign_episodes(events, **choices).sort_values(KEY, ignore_index=True)
    found = lifecycle.assign_episodes(on_engine(engine, events, tmp_path), **choices)
    as_pandas = {
        "polars": lambda: found.to_pandas(),
        "polars-lazy": lambda: found.collect().to_pandas(),
        "arrow": lambda: found.to_pandas(),
        "duckdb": lambda: found.df(),
        "parquet": lambda: found.df(),
        "ibis": lambda: found.to_pandas(),
    }.get(engine, lambda: found)()
    sorted_ = as_pandas.sort_values(KEY, ignore_index=True)
    for column in ("start", "end", "observed_until"):
        sorted_[column] = pd.to_datetime(sorted_[column]).astype("datetime64[us]")
        expected[column] = expected[column].astype("datetime64[us]")
    pd.testing.assert_frame_equal(
        sorted_.astype({"next_episode": object}).fillna({"next_episode": ""}),
        expected.astype({"next_episode": object}).fillna({"next_episode": ""}),
        check_dtype=False,
    )


def life(*events: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": ["a"] * len(events),
            "ts": pd.to_datetime([day for day, _ in events]),
            "event": [word for _, word in events],
        }
    )


NONE = {"orientation": [], "renewal": [], "end": [], "start": []}


def named(events: pd.DataFrame, **choices: Any) -> list[str]:
    seen = set(events["event"])
    words = {word: [] for word in NONE if word not in seen}
    return lifecycle.assign_episodes(events, **{"words": words} | choices)["episode"].tolist()


def test_coming_back_is_a_transition_of_its_own_and_begins_anew() -> None:
    events = life(
        ("2024-01-05", "start"), ("2024-06-05", "renewal"), ("2024-07-05", "end"), ("2024-09-05", "start")
    )
    choices: dict[str, Any] = {"observed_until": "2024-12-31"}
    assert named(events, **choices) == ["become", "am", "stay", "leave", "become", "am"]


def test_order_of_rows_and_the_same_event_twice_change_nothing() -> None:
    events = log(80)
    expected = lifecycle.assign_episodes(events).sort_values(KEY, ignore_index=True)
    twice = pd.concat([events, events]).sample(frac=1, random_state=1)
    found = lifecycle.assign_episodes(twice).sort_values(KEY, ignore_index=True)
    pd.testing.assert_frame_equal(found, expected)


def test_an_event_after_leaving_does_not_bring_a_customer_back() -> None:
    events = life(("2024-01-05", "start"), ("2024-02-05", "end"), ("2024-05-05", "visit"))
    assert named(events) == ["become", "leave"]


def test_a_customer_with_one_event_has_one_open_episode() -> None:
    found = lifecycle.assign_episodes(
        life(("2024-01-05", "start")), words={k: [] for k in NONE if k != "start"}
    )
    assert found[["episode", "is_open", "is_start_known"]].to_numpy().tolist() == [["become", True, True]]


def test_who_was_there_before_the_log_began_is_said_to_have_an_unknown_start() -> None:
    words = {"orientation": [], "start": []}
    found = lifecycle.assign_episodes(life(("2024-01-05", "renewal"), ("2024-03-05", "end")), words=words)
    assert found["episode"].tolist() == ["stay", "leave"]
    assert found["is_start_known"].tolist() == [False, True]


def test_a_month_not_yet_over_is_not_looked_at() -> None:
    events = life(("2024-01-05", "start"), ("2024-03-12", "end"))
    assert named(events, observed_until="2024-03-15") == ["become"]


def test_the_words_of_a_firm_stand_for_those_of_the_rules() -> None:
    events = life(("2024-01-05", "first order"), ("2024-02-05", "stop"))
    words = {"start": "first order", "end": ["stop", "quit"], "renewal": [], "orientation": []}
    assert lifecycle.assign_episodes(events, words=words)["episode"].tolist() == ["become", "leave"]


def own(*rows: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["rule", "episode", "latest of start, end", "days since start"])


BAD_RULES = {
    "overlap": own(
        ("new", "a", "start", "< 60"), ("old", "b", "start", ">= 50"), ("gone", "c", "end or never", "")
    ),
    "gap": own(
        ("new", "a", "start", "< 60"), ("old", "b", "start", ">= 70"), ("gone", "c", "end or never", "")
    ),
    "never fires": own(("new", "a", "never", "< 60"), ("rest", "b", "", "")),
    "backwards": own(("new", "a", "start", "9 to 3")),
    "no cell": own(("new", "a", "start", "soon")),
    "no word": own(("new", "a", "begin", "")),
    "no measure": own().rename(columns={"days since start": "age"}),
    "no table": [("new", "a")],
    "no rule column": pd.DataFrame({"episode": ["a"]}),
}


@pytest.mark.parametrize("fault", BAD_RULES)
def test_a_rule_table_that_cannot_hold_is_refused(fault: str) -> None:
    with pytest.raises(ArgumentError, match="rules"):
        lifecycle.assign_episodes(log(), rules=BAD_RULES[fault])


@pytest.mark.parametrize(("fault", "pair"), [("overlap", ("new", "old")), ("gap", ("new", "old"))])
def test_overlap_and_gap_are_refused_with_the_pair(fault: str, pair: tuple[str, str]) -> None:
    with pytest.raises(ArgumentError) as refused:
        lifecycle.assign_episodes(log(), rules=BAD_RULES[fault])
    assert all(repr(name) in str(refused.value) for name in pair)


def test_a_firms_own_table_runs() -> None:
    rules = own(
        ("new", "fresh", "start", "< 60"),
        ("old", "settled", "start", ">= 60"),
        ("gone", "gone", "end or never", ""),
    )
    found = lifecycle.assign_episodes(life(("2024-01-05", "start"), ("2024-06-05", "end")), rules=rules)
    assert found["episode"].tolist() == ["fresh", "settled", "gone"]


EVENTS = log(40)
BAD: dict[str, tuple[type[CxmeasureError], dict[str, Any]]] = {
    "empty": (DataError, {"events": EVENTS.head(0)}),
    "no customer": (
        DataError,
        {"events": EVENTS.assign(customer_id=pd.array([None] * len(EVENTS), "Int64"))},
    ),
    "no time": (DataError, {"events": EVENTS.assign(ts=pd.NaT)}),
    "no event": (DataError, {"events": EVENTS.assign(event=EVENTS["event"].where(EVENTS.index > 3))}),
    "a time zone": (TableError, {"events": EVENTS.assign(ts=EVENTS["ts"].dt.tz_localize("UTC"))}),
    "the future": (DataError, {"events": EVENTS.assign(ts=EVENTS["ts"] + pd.Timedelta(days=40_000))}),
    "after the end": (DataError, {"observed_until": "2023-05-01"}),
    "a column that is not there": (TableError, {"event_column": "kind"}),
    "a word the log lacks": (TableError, {"words": {"renewal": "renewed"}}),
    "a word the rules lack": (ArgumentError, {"words": {"renew": "renewal"}}),
    "unknown period": (ArgumentError, {"every": "quarter"}),
    "calendar that falls": (ArgumentError, {"every": ["2024-01-31", "2023-01-31"]}),
    "empty calendar": (ArgumentError, {"every": []}),
    "calendar after all": (DataError, {"every": ["2031-01-31"]}),
    "no day": (ArgumentError, {"known_from": "soon"}),
}


ON_THREE = ["pandas", "polars-lazy", "duckdb"]


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_is_refused_in_the_same_prose_on_every_engine(fault: str, tmp_path: Path) -> None:
    error, choices = BAD[fault]
    events = choices.get("events", EVENTS)
    said = set()
    for engine in ON_THREE:
        with pytest.raises(error, match=r"[.?]$") as refused:
            lifecycle.assign_episodes(**choices | {"events": on_engine(engine, events, tmp_path)})
        said.add(str(refused.value))
    assert len(said) == 1, said


OVERLAPPING = life(
    ("2024-01-05", "start"), ("2024-03-05", "end"), ("2024-04-02", "start"), ("2024-06-09", "start"),
    ("2024-07-01", "end"), ("2024-08-01", "end"),
)  # fmt: skip
NO_RENEWAL: dict[str, Any] = {"words": {"orientation": [], "renewal": []}, "observed_until": "2024-12-31"}


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings(IBIS)
@pytest.mark.parametrize("engine", ENGINES)
def test_two_contracts_that_overlap_are_refused_with_the_customer_and_both_dates(
    engine: str, tmp_path: Path
) -> None:
    whole = life(("2024-01-01", "start"), ("2024-02-01", "end"), ("2024-02-01", "start")).assign(
        customer_id="A"
    )
    later = OVERLAPPING.assign(customer_id="b")
    events = pd.concat([whole, later, OVERLAPPING]).sample(frac=1, random_state=2)
    with pytest.raises(DataError) as refused:
        lifecycle.assign_episodes(on_engine(engine, events, tmp_path), **NO_RENEWAL)
    assert str(refused.value).startswith(
        "Customer 'a' starts a contract on 2024-06-09 while that of 2024-04-02 has not ended; 2 customers do"
    )


def test_contracts_that_may_overlap_begin_anew_and_those_in_a_row_are_no_overlap() -> None:
    found = lifecycle.assign_episodes(OVERLAPPING, contracts_may_overlap=True, **NO_RENEWAL)
    assert found["episode"].tolist() == ["become", "leave", "become", "leave"]
    in_a_row = OVERLAPPING[OVERLAPPING["ts"] != "2024-06-09"]
    twice = pd.concat([in_a_row, in_a_row])
    assert lifecycle.assign_episodes(twice, **NO_RENEWAL)["episode"].tolist() == [
        "become", "leave", "become", "am", "leave",
    ]  # fmt: skip
    never_ends = NO_RENEWAL | {"words": NONE | {"start": "start"}}
    assert len(lifecycle.assign_episodes(OVERLAPPING, **never_ends)) > 0


def test_ids_that_are_text_give_the_same_as_numbers() -> None:
    events = log(50)
    number = lifecycle.assign_episodes(events).sort_values(KEY, ignore_index=True)
    text = lifecycle.assign_episodes(
        events.assign(customer_id=events["customer_id"].astype(str).str.zfill(4))
    )
    text = text.sort_values(KEY, ignore_index=True)
    pd.testing.assert_frame_equal(number.drop(columns="customer_id"), text.drop(columns="customer_id"))
