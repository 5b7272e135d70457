"""What must be true of every company, small or large, in any world, with any seed."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxmeasure.lantern import simulate, worlds
from cxmeasure.lantern.dictionary import columns, table_list
from cxmeasure.lantern.simulation import OF_CUSTOMERS, OF_THE_FIRM

Tables = dict[str, pd.DataFrame]

COMPANIES = st.tuples(st.sampled_from(worlds()["world"].tolist()), st.integers(1, 260), st.integers(0, 2**32))
FEW = settings(max_examples=5, deadline=None)
START, END = pd.Timestamp("2023-01-01"), pd.Timestamp("2026-01-01")


def keys_are_unique_and_every_foreign_key_resolves(company: Tables) -> None:
    for spec in table_list().to_dict("records"):
        frame = company[spec["table"]]
        if spec["key"]:
            assert not frame.duplicated(spec["key"].split("+")).any(), spec["table"]
        for column, target in (link.split(">") for link in spec["links"].split(";") if link):
            key = table_list().set_index("table").loc[target, "key"]
            assert frame[column].dropna().isin(company[target][key]).all(), (spec["table"], column)


def nothing_happens_before_the_start_or_after_the_exit(company: Tables) -> None:
    people = company["customers"].set_index("customer_id")
    first, last = people["start_date"], people["end_date"].fillna(END) + pd.Timedelta(days=1)
    for name, when in {
        "events": "ts",
        "touches": "ts",
        "mentions": "ts",
        "invitations": "sent_at",
        "diary": "ts",
    }.items():
        rows = company[name]
        assert (rows[when] >= rows["customer_id"].map(first)).all(), name
        assert (rows[when] < rows["customer_id"].map(last)).all(), name
        assert rows[when].between(START, END).all(), name
    assert (company["contracts"]["start_date"] <= company["contracts"]["end_date"]).all()
    assert (company["exits"]["date"] == company["exits"]["customer_id"].map(people["end_date"])).all()
    assert people["end_date"].notna().sum() == len(company["exits"])


def sequence_numbers_are_dense_and_in_the_order_of_time(company: Tables) -> None:
    steps = company["events"].dropna(subset=["journey_id"])
    places = steps.sort_values(["journey_id", "seq"]).groupby("journey_id")
    assert (places["seq"].max() == places.size()).all()
    assert (places["seq"].min() == 1).all()
    assert all(ts.is_monotonic_increasing for _, ts in places["ts"])
    journeys = company["journeys"].set_index("journey_id")
    assert (places.size().to_numpy() == journeys["n_steps"].to_numpy()).all()
    assert (places["handoff_break"].sum().to_numpy() == journeys["n_breaks"].to_numpy()).all()
    assert (places["ts"].min().to_numpy() == journeys["start"].to_numpy()).all()


def answers_belong_to_invitations_that_were_sent_and_answered(company: Tables) -> None:
    sent = company["invitations"].set_index("invitation_id")
    answered = sent[sent["disposition"].isin(["complete", "partial"])]
    assert set(company["answers"]["invitation_id"]) == set(answered.index)
    when = company["answers"].set_index("invitation_id")["answered_at"]
    assert (when >= answered["sent_at"]).all()
    assert company["followup_sample"]["invitation_id"].isin(sent.index.difference(answered.index)).all()
    held = company["customers"].query("holdout_never_surveyed")["customer_id"]
    assert not sent["customer_id"].isin(held).any()
    quiet = company["customers"].set_index("customer_id")["throttle_arm"]
    gap = sent.groupby("customer_id")["sent_at"].diff().dropna() / pd.Timedelta(days=1)
    assert (gap >= sent.loc[gap.index, "customer_id"].map(quiet) - 1e-3).all()


def money_and_counts_are_never_negative(company: Tables) -> None:
    bounds = columns().query("minimum != ''")
    for row in bounds.to_dict("records"):
        values = company[row["table"]][row["column"]].dropna()
        assert (values >= float(row["minimum"])).all(), row
        assert row["maximum"] == "" or (values <= float(row["maximum"])).all(), row


@FEW
@given(COMPANIES)
def test_the_same_seed_gives_the_same_company_and_another_seed_another(drawn: tuple[str, int, int]) -> None:
    world, size, seed = drawn
    tables = ["customers", "events", "answers", "defects"]
    one, again, other = (simulate(world, size=size, seed=s, tables=tables) for s in (seed, seed, seed + 1))
    for name in tables:
        pd.testing.assert_frame_equal(one[name], again[name])
    assert not one["defects"].equals(other["defects"])


@pytest.mark.parametrize(("short", "long"), [(137, 1000), (1000, 2300)])
def test_a_longer_run_starts_with_the_customers_of_the_shorter_one(short: int, long: int) -> None:
    """Every table of customers, talk between neighbours included; the firm's own tables do not change."""
    one, other = (simulate("claimed", size=size, seed=77) for size in (short, long))
    for name in OF_CUSTOMERS:
        frame = other[name].iloc[: len(one[name])]
        if name in ("needs", "orientation"):
            assert one[name]["prospect_id"].max() == 4 * short
        if name == "referrals":
            inside = (other[name]["referrer_id"] <= short) & (other[name]["customer_id"].fillna(0) <= short)
            frame = other[name][inside].reset_index(drop=True)
        pd.testing.assert_frame_equal(one[name].reset_index(drop=True), frame, obj=name)
    for name in OF_THE_FIRM:
        pd.testing.assert_frame_equal(one[name], other[name], obj=name)


def beliefs_move_by_gain_times_valued_gap(company: Tables) -> None:
    rows = company["truth_event"]
    moved = rows["belief_before"] + rows["gain"] * rows["gap_value"]
    assert np.allclose(moved, rows["belief_after"], atol=0.008)
    assert rows["gain"].between(0, 1).all()


INVARIANTS = (
    keys_are_unique_and_every_foreign_key_resolves,
    nothing_happens_before_the_start_or_after_the_exit,
    sequence_numbers_are_dense_and_in_the_order_of_time,
    answers_belong_to_invitations_that_were_sent_and_answered,
    money_and_counts_are_never_negative,
    beliefs_move_by_gain_times_valued_gap,
)


@FEW
@given(COMPANIES)
def test_every_invariant_holds_in_a_company_of_any_size_world_and_seed(drawn: tuple[str, int, int]) -> None:
    world, size, seed = drawn
    company = simulate(world, size=size, seed=seed)
    for holds in INVARIANTS:
        holds(company)
