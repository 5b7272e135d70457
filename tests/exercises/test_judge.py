"""One rule for what became of a claim, held against cases worked out by hand."""

import pandas as pd
import pytest

from cxmeasure.errors import ArgumentError
from cxmeasure.exercises import all_hold, judge, less, one_holds


@pytest.mark.parametrize(
    ("ends", "claimed", "null", "negligible", "word"),
    [
        ((0.1, 0.9), "above", 0.0, 0.0, "holds"),
        ((0.0, 0.9), "above", 0.0, 0.0, "not settled"),  # touching is not clear
        ((-0.9, -0.1), "above", 0.0, 0.0, "fails"),
        ((-0.9, -0.1), "below", 0.0, 0.0, "holds"),
        ((1.2, 1.4), "below", 1.0, 0.0, "fails"),
        ((0.98, 1.04), "above", 1.0, 0.05, "fails"),
        ((0.01, 0.04), "above", 0.0, 0.05, "fails"),  # clear of nil, and too small to matter
        ((0.01, 0.06), "above", 0.0, 0.05, "holds"),
        ((-0.06, 0.04), "above", 0.0, 0.05, "not settled"),
        ((-0.9, -0.1), "apart", 0.0, 0.0, "holds"),
        ((-0.9, 0.1), "apart", 0.0, 0.0, "not settled"),
        ((-0.9, 0.1), "apart", 0.0, 1.0, "fails"),
        ((-0.9, 0.1), "within", 0.0, 1.0, "holds"),
        ((-1.9, 0.1), "within", 0.0, 1.0, "not settled"),
        ((1.1, 1.9), "within", 0.0, 1.0, "fails"),
    ],
)
def test_the_interval_decides(ends, claimed, null, negligible, word) -> None:
    row = pd.Series({"estimate": sum(ends) / 2, "conf_low": ends[0], "conf_high": ends[1]})
    assert judge(ends, claimed, null, negligible) == word
    assert judge(row, claimed, null, negligible) == word


def test_an_interval_that_is_not_known_settles_nothing() -> None:
    assert judge((float("nan"), float("nan"))) == "not settled"
    assert judge((float("nan"), 2.0), "within", negligible=1) == "not settled"
    assert judge((2.0, float("nan")), negligible=3) == "not settled"


def test_parts_make_a_whole() -> None:
    assert all_hold("holds", "holds") == "holds"
    assert one_holds("fails", "fails") == "fails"
    assert one_holds("not settled", "holds") == "holds"
    one, other = {"conf_low": 1, "conf_high": 3}, {"conf_low": 2, "conf_high": 5}
    assert less(one, other) == (-4, 1)


def test_a_side_that_is_none_and_a_range_that_is_missing_are_refused() -> None:
    with pytest.raises(ArgumentError, match='not "over"'):
        judge((0, 1), "over")
    with pytest.raises(ArgumentError, match="negligible"):
        judge((0, 1), "within")
