"""survey.response_rates: AAPOR's rates by hand, their intervals, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from cxmeasure import survey
from cxmeasure.errors import ArgumentError, DataError, TableError

COUNTS = {"I": 400, "P": 20, "R": 900, "NC": 680}


def rate(name, dispositions=COUNTS, **choices):
    return survey.response_rates(dispositions, rates=[name], **choices).table.iloc[0]


def test_rr1_is_completes_over_all_eligible_with_wilsons_interval():
    row = rate("RR1")
    z2 = 1.959963984540054**2
    centre, half = (
        (0.2 + z2 / 4000) / (1 + z2 / 2000),
        np.sqrt(z2 * (0.16 + z2 / 8000) / 2000) / (1 + z2 / 2000),
    )
    assert row["estimate"] == pytest.approx(0.2)
    assert row["std_error"] == pytest.approx(np.sqrt(0.16 / 2000))
    assert [row["conf_low"], row["conf_high"]] == pytest.approx([centre - half, centre + half])
    assert row["n"] == 2000


def test_eighteen_rates_come_back_in_aapors_order():
    terms = survey.response_rates(COUNTS).table["term"].tolist()
    assert len(terms) == 18
    assert terms[:6] == ["RR1", "RR2", "RR3", "RR4", "RR5", "RR6"]


def test_a_given_eligibility_counts_that_share_of_the_unknown():
    row = rate("RR3", {"I": 10, "R": 10, "UH": 20}, eligibility=0.5)
    assert row["estimate"] == pytest.approx(10 / 30)


@pytest.mark.parametrize("eligibility", [None, 0.75])
def test_the_linearised_error_agrees_with_a_parametric_bootstrap(eligibility):
    # Second computation: 40,000 multinomial draws of the same four counts, eligibility known or not.
    counts = {"I": 300, "R": 300, "NE": 600, "UH": 3000}
    draws = np.random.default_rng(5).multinomial(4200, np.array(list(counts.values())) / 4200, 40_000)
    answered, refused, ineligible, unknown = draws.T
    known = answered + refused
    share = known / (known + ineligible) if eligibility is None else eligibility
    bootstrap = answered / (known + share * unknown)
    row = rate("RR3", counts, eligibility=eligibility)
    assert row["estimate"] == pytest.approx(300 / (600 + (eligibility or 0.5) * 3000))
    assert row["std_error"] == pytest.approx(bootstrap.std(), rel=0.02)


def test_groups_keep_their_order_and_all_their_rates():
    invitations = pd.DataFrame({"disposition": ["I", "R", "I", "NC"], "plan": ["b", "b", "a", "a"]})
    table = survey.response_rates(invitations, by=["plan"], rates=["RR1", "CON1"]).table
    assert table[["plan", "term"]].to_numpy().tolist() == [
        ["a", "RR1"], ["a", "CON1"], ["b", "RR1"], ["b", "CON1"],
    ]  # fmt: skip
    assert table["estimate"].tolist() == [0.5, 0.5, 0.5, 1.0]


def test_own_words_are_mapped_and_several_may_mean_the_same():
    words = ["done", "done", "no thanks", "silent", "bounced"]
    mapping = {"done": "I", "no thanks": "R", "silent": "NC", "bounced": "NC"}
    row = rate("RR1", pd.Series(words), mapping=mapping)
    assert (row["estimate"], row["n"]) == (pytest.approx(0.4), 5)


def test_a_column_of_the_package_s_own_name_may_group():
    invitations = pd.DataFrame({"disposition": ["I", "R"], "code": ["x", "y"], "w": ["u", "v"]})
    table = survey.response_rates(invitations, by=["code", "w"], rates=["RR1"]).table
    assert table[["code", "w", "estimate"]].to_numpy().tolist() == [["x", "u", 1.0], ["y", "v", 0.0]]


def test_weights_times_a_thousand_change_nothing():
    invitations = pd.DataFrame({"disposition": ["I", "R", "I", "UH", "NE"], "w": [1.0, 2, 3, 4, 5]})
    first, second = (
        survey.response_rates(invitations.assign(w=invitations["w"] * factor), weight_column="w").table
        for factor in (1, 1000)
    )
    pd.testing.assert_frame_equal(first, second)


ROWS = pd.DataFrame({"disposition": ["I", "R"], "w": [1.0, 1.0], "plan": ["a", "b"]})


@pytest.mark.parametrize(
    ("dispositions", "choices", "error", "sentence"),
    [
        ({}, {}, DataError, "Nobody was invited: there are no counts"),
        ({"I": 0, "R": 0}, {}, DataError, "Nobody was invited: the counts"),
        ({"I": -1}, {}, DataError, "whole numbers of zero or more"),
        ({"I": 1.5}, {}, DataError, "whole numbers of zero or more"),
        ({"complete": 1}, {}, ArgumentError, "is not known; choose one of 'I'"),
        (ROWS.head(0), {}, DataError, "The table of invitations has no rows"),
        (ROWS.assign(disposition=["I", None]), {}, DataError, "no value in 'disposition'"),
        (ROWS.assign(disposition=["I", "done"]), {}, DataError, "'done', which the mapping does not name"),
        (ROWS, {"mapping": {"I": "I", "R": "refused"}}, ArgumentError, "mapping leads to 'refused'"),
        (ROWS, {"mapping": ["I"]}, ArgumentError, "is no mapping"),
        (ROWS.assign(disposition=[1, 2]), {}, TableError, "must hold text; it holds whole numbers"),
        (ROWS.assign(w=[-1, 1]), {"weight_column": "w"}, DataError, "negative, infinite or missing"),
        (ROWS.assign(w=0.0), {"weight_column": "w"}, DataError, "All weights in 'w' are zero"),
        (ROWS.rename(columns={"plan": "term"}), {"by": ["term"]}, ArgumentError, "column 'term' of its own"),
        (COUNTS, {"by": ["plan"]}, ArgumentError, "need a table of invitations"),
        (COUNTS, {"eligibility": 1.5}, ArgumentError, "a share from 0 to 1"),
        (COUNTS, {"eligibility": "all"}, ArgumentError, "a share from 0 to 1"),
        (COUNTS, {"rates": ["RR9"]}, ArgumentError, "'RR9' is not known"),
        (COUNTS, {"rates": []}, ArgumentError, "names no rate"),
        (COUNTS, {"rates": "RR1"}, ArgumentError, "is one name"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_a_sentence(dispositions, choices, error, sentence):
    with pytest.raises(error, match=sentence):
        survey.response_rates(dispositions, **choices)
