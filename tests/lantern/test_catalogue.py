"""The catalogue is the one that the equations and the chapters were written for."""

import numpy as np
import pytest

from cxmeasure.lantern import catalogue


def kappa(first: np.ndarray, second: np.ndarray) -> float:
    labels = np.unique(np.concatenate([first, second]))
    observed = np.mean(first == second)
    chance = sum(np.mean(first == label) * np.mean(second == label) for label in labels)
    return float((observed - chance) / (1 - chance))


def test_thirty_four_touchpoints_have_distinct_names_and_known_categories() -> None:
    entries = catalogue.touchpoints()
    assert entries["touchpoint_id"].tolist() == list(range(1, 35))
    assert entries["name"].is_unique
    assert set(entries["episode"]) == set(catalogue.EPISODES)
    assert set(entries["journey_type"]) == set(catalogue.JOURNEY_TYPES)
    assert set(entries["record_class"]) == set(catalogue.RECORD_CLASSES)
    assert set(entries["owner"]) == set(catalogue.OWNERS)
    assert set(entries["department_id"]) == set(range(1, 9))
    assert entries["is_product_use"].sum() == 2


@pytest.mark.parametrize(
    "name",
    [
        "Saturday delivery",
        "Missing-issue form",
        'Chat "Lumi"',
        "Reading-room evening",
        "Cancel page",
        "App home",
    ],
)
def test_the_names_that_the_book_uses_are_there(name: str) -> None:
    assert name in set(catalogue.touchpoints()["name"])


def test_hidden_numbers_do_not_show_in_the_catalogue() -> None:
    assert not {"mu", "R", "w", "pi", "contact_share"} & set(catalogue.touchpoints())


def test_hidden_numbers_lie_in_the_ranges_of_equations_2_and_4() -> None:
    hidden = catalogue.touchpoint_parameters()
    weighty = hidden.loc[hidden["w"] != 1, "w"]
    assert len(weighty) == 5
    assert weighty.between(1.6, 2.2).all()
    assert hidden["R"].between(0.6, 1.5).all()
    assert hidden["contact_share"].sum() == pytest.approx(1)
    weighted = float((hidden["mu"] * hidden["contact_share"]).sum())
    print(f"mean of mu over contacts: {weighted:+.3f}; moments of truth: {weighty.index.tolist()}")
    assert abs(weighted) < 0.05


def test_two_coders_agree_well_but_not_always_on_the_owner() -> None:
    entries = catalogue.touchpoints()
    agreement = kappa(entries["coder_a_owner"].to_numpy(), entries["coder_b_owner"].to_numpy())
    print(f"kappa of the two coders: {agreement:.2f}")
    assert 0.6 < agreement < 0.9


def test_the_calendar_is_that_of_equation_21() -> None:
    months = catalogue.calendar().set_index("month")
    assert months.index.tolist() == list(range(1, 37))
    assert months["label"].iloc[[0, -1]].tolist() == ["2023-01", "2025-12"]
    assert months.index[months["price_change_share"] > 0].tolist() == [20]
    assert months.index[months["satisfaction_shift"] != 0].tolist() == [29]
    assert months.index[months["rival_promo"]].min() == 26
    assert months.index[months["survey_channel"] == "in-app"].min() == 14
    assert months.index[months["app_failure_logit"] > 0].tolist() == [11]
    assert months.index[months["billing_failure_logit"] > 0].tolist() == [29]
    assert (months["contact_multiplier"].iloc[0::12] == months["contact_multiplier"].max()).all()
    assert (months["contact_multiplier"].iloc[7::12] == months["contact_multiplier"].min()).all()
    assert months.index[months["delivery_failure_logit"] > 0].tolist() == [12, 24, 36]


def test_the_calendar_reaches_only_the_touchpoints_named_for_it() -> None:
    shift = catalogue.calendar_failure_logit()
    channel = catalogue.touchpoints()["channel"].to_numpy()
    assert shift.shape == (36, 34)
    assert set(channel[shift[10] > 0]) == {"app"}
    assert not shift[1].any()


def test_weeks_cover_the_36_months() -> None:
    months = catalogue.month_of_week()
    assert (months[0], months[-1], len(months)) == (0, 35, 157)
    assert (np.diff(months) >= 0).all()
    assert catalogue.week_of(np.array(["2025-12-31"], "datetime64[D]")).tolist() == [156]


def test_costs_list_forty_activities_in_four_categories() -> None:
    activities = catalogue.costs()
    assert activities["activity_id"].tolist() == list(range(1, 41))
    assert set(activities["category"]) == {"prevent", "remedy", "technology", "people"}
    assert (activities[["unit_cost", "fixed_cost"]] >= 0).all().all()


def test_a_caller_cannot_spoil_the_stored_tables() -> None:
    entries = catalogue.touchpoints()
    entries["name"] = "spoiled"
    assert "spoiled" not in set(catalogue.touchpoints()["name"])
