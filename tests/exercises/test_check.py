"""check() says right, or what kind of wrong, and never the number."""

import re

import numpy as np
import pytest

from cxmeasure.errors import ArgumentError
from cxmeasure.exercises import check, exercises

ALL = exercises()


@pytest.mark.parametrize("name", ALL)
def test_the_computed_answer_is_accepted(name: str) -> None:
    verdict = check(name, ALL[name].answer())
    assert verdict.is_right, verdict.message


@pytest.mark.parametrize("name", ALL)
def test_at_least_two_wrong_answers_are_rejected_each_with_a_reason(name: str) -> None:
    right = ALL[name].answer()
    wrong = [mistake() for mistake in ALL[name].mistakes.values()]
    wrong += (
        ["nonsense", ...]
        if isinstance(right, str)
        else [np.asarray(right) + 1000, np.asarray(right) * -3 - 1]
    )
    verdicts = [check(name, answer) for answer in wrong]
    assert len(wrong) >= 2
    assert not any(verdict.is_right for verdict in verdicts)
    assert all(verdict.message.endswith(".") for verdict in verdicts)


@pytest.mark.parametrize("name", ALL)
def test_a_known_mistake_gets_its_own_sentence(name: str) -> None:
    for message, mistake in ALL[name].mistakes.items():
        assert check(name, mistake()).message == message


@pytest.mark.parametrize("name", [name for name in ALL if not isinstance(ALL[name].answer(), str)])
def test_no_message_gives_the_number_away(name: str) -> None:
    right = np.atleast_1d(np.asarray(ALL[name].answer(), dtype=float))
    shown = {f"{value:.{digits}g}" for value in right for digits in (2, 3, 4)}
    for wrong in (right * 100, right / 100, -right, right + 0.5, right - 0.5, right[::-1] * 1.0):
        # The sentence on shares and percent names the ends of a share, whatever is asked.
        message = check(name, wrong).message.replace("from 0 to 1", "")
        assert not shown & set(re.findall(r"\d+\.?\d*", message))


def test_an_empty_place_is_told_apart_from_a_wrong_answer() -> None:
    assert "no answer yet" in check("three-questions/1", ...).message
    assert "no answer yet" in check("three-questions/1", None).message


def test_percent_for_a_share_and_a_wrong_sign_are_named() -> None:
    right = ALL["three-questions/3"].answer()
    assert "share from 0 to 1, not percent" in check("three-questions/3", 100 * right).message
    assert "sign" in check("three-questions/3", -right).message
    assert "too high" in check("three-questions/3", right + 0.3).message
    assert "A number is asked for; received str" in check("three-questions/3", "a lot").message
    assert "One number is asked for; received 2" in check("three-questions/3", [right, right]).message


def test_an_unknown_exercise_is_answered_with_the_nearest() -> None:
    with pytest.raises(ArgumentError, match="Did you mean 'three-questions/1'"):
        check("three-question/1", 1)
