"""Compare a reader's answer with the computed one, and say what kind of wrong it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from cxmeasure._arguments import closest
from cxmeasure.errors import ArgumentError

_CHAPTERS = {
    "what-counts-as-customer-experience": "what_counts_as_customer_experience",
    "three-questions": "three_questions",
    "start-here": "start_here",
    "how-do-we-know-a-method-works": "how_do_we_know_a_method_works",
    "which-stage-is-each-customer-in": "which_stage_is_each_customer_in",
    "why-do-customers-cancel": "why_do_customers_cancel",
    "where-does-the-journey-break": "where_does_the_journey_break",
    "do-small-gestures-pay": "do_small_gestures_pay",
    "does-calling-back-detractors-work": "does_calling_back_detractors_work",
    "what-is-better-experience-worth": "what_is_better_experience_worth",
    "nps-csat-or-ces": "nps_csat_or_ces",
    "can-i-trust-a-response-rate": "can_i_trust_a_response_rate",
    "how-does-one-contact-change-a-mind": "how_does_one_contact_change_a_mind",
    "how-often-can-we-survey-customers": "how_often_can_we_survey_customers",
    "which-moments-do-customers-remember": "which_moments_do_customers_remember",
    "which-touchpoints-matter": "which_touchpoints_matter",
    "did-the-score-really-change": "did_the_score_really_change",
}


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise: how its answer is computed, how near is near enough, which wrong answers are known.

    Attributes
    ----------
    answer : callable
        Computes the right answer: a number, a text, or a sequence of either.
    tolerance : float
        Largest difference that still counts as right, in the unit of the answer.
    mistakes : mapping of str to callable
        What to say to somebody whose answer is the one that the callable computes.
    """

    answer: Callable[[], Any]
    tolerance: float
    mistakes: Mapping[str, Callable[[], Any]]


_solved: set[str] = set()  # in this process: a workbook run from the top fills it again


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `check` says: whether the answer is right, and if not, what kind of wrong it is."""

    exercise: str
    is_right: bool
    message: str

    def __repr__(self) -> str:
        return f"{'Right' if self.is_right else 'Not yet'}. {self.message}"


def check(exercise: str, answer: Any) -> Verdict:
    """Say whether `answer` is right, or what kind of wrong it is; never the number.

    Parameters
    ----------
    exercise : str
        Chapter and number: ``"three-questions/1"``.
    answer : number, str, or sequence of them
        Your answer, in the unit the exercise asks for.

    Raises
    ------
    ArgumentError
        If there is no such exercise.

    Examples
    --------
    >>> import cxmeasure
    >>> cxmeasure.check("three-questions/3", 0.5)
    Not yet. Your number is too high.
    """
    known = exercises()
    if exercise not in known:
        raise ArgumentError(
            f"There is no exercise {exercise!r}; they are named chapter/number, such as "
            f"{next(iter(known))!r}.{closest(exercise, known)}"
        )
    wanted = known[exercise]
    is_right, message = _judge(wanted, answer)
    _solved.discard(exercise)
    if is_right:
        _solved.add(exercise)
    return Verdict(exercise, is_right, message)


@dataclass(frozen=True, slots=True)
class Progress:
    """Which exercises of a chapter were answered rightly since the notebook was started."""

    solved: tuple[str, ...]
    to_do: tuple[str, ...]

    def __repr__(self) -> str:
        count = f"{len(self.solved)} of {len(self.solved) + len(self.to_do)} exercises solved"
        return f"{count}. Still to do: {', '.join(self.to_do)}." if self.to_do else f"{count}: all of them."


def progress(chapter: str) -> Progress:
    """Say which exercises of a chapter are solved, and which are still to do.

    Parameters
    ----------
    chapter : str
        The chapter's name in its exercises: ``"three-questions"``.

    Raises
    ------
    ArgumentError
        If no chapter of this name has exercises.

    Examples
    --------
    >>> import cxmeasure
    >>> cxmeasure.progress("three-questions")
    0 of 3 exercises solved. Still to do: three-questions/1, three-questions/2, three-questions/3.
    """
    if chapter not in _CHAPTERS:
        raise ArgumentError(
            f"No chapter named {chapter!r} has exercises; there are {', '.join(_CHAPTERS)}."
            f"{closest(chapter, _CHAPTERS)}"
        )
    names = [name for name in exercises() if name.rpartition("/")[0] == chapter]
    return Progress(
        tuple(name for name in names if name in _solved), tuple(name for name in names if name not in _solved)
    )


def exercises() -> dict[str, Exercise]:
    """Return every exercise of the book by its name, in the order of the chapters."""
    found: dict[str, Exercise] = {}
    for chapter, module in _CHAPTERS.items():
        table: Mapping[str, Exercise] = import_module(f"cxmeasure.exercises.{module}").EXERCISES
        found |= {f"{chapter}/{number}": exercise for number, exercise in table.items()}
    return found


def _judge(exercise: Exercise, answer: Any) -> tuple[bool, str]:
    right = exercise.answer()
    if answer is None or answer is Ellipsis:
        return False, "There is no answer yet: put it in place of the dots."
    if isinstance(right, str):
        return _judge_text(exercise, right, answer)
    given, wanted = _numbers(answer), _numbers(right)
    if given is None or wanted is None:
        return False, f"A number is asked for; received {type(answer).__name__}."
    if given.size != wanted.size:
        return False, f"{_count(wanted.size)} asked for; received {given.size}."
    if np.all(np.abs(given - wanted) <= exercise.tolerance):
        return True, "That is what the table gives."
    for message, mistake in exercise.mistakes.items():
        known = _numbers(mistake())
        if (
            known is not None
            and known.size == given.size
            and np.all(np.abs(given - known) <= exercise.tolerance)
        ):
            return False, message
    return False, _kind_of_wrong(given, wanted, exercise.tolerance)


def _judge_text(exercise: Exercise, right: str, answer: Any) -> tuple[bool, str]:
    if not isinstance(answer, str):
        return False, f"A word is asked for; received {type(answer).__name__}."
    if answer.strip().casefold() == right.casefold():
        return True, "That is what the table gives."
    for message, mistake in exercise.mistakes.items():
        if answer.strip().casefold() == str(mistake()).casefold():
            return False, message
    return False, "The table points elsewhere; look at it again, with the intervals."


def _numbers(value: Any) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    if isinstance(value, pd.DataFrame):
        return None
    try:
        numbers = np.atleast_1d(np.asarray(value, dtype=float)).ravel()
    except (TypeError, ValueError):
        return None
    return None if np.isnan(numbers).any() else numbers


def _count(size: int) -> str:
    return "One number is" if size == 1 else f"{size} numbers are"


def _kind_of_wrong(given: Any, wanted: Any, tolerance: float) -> str:
    if np.all(np.abs(given / 100 - wanted) <= tolerance):
        return "It is a hundred times too large: the unit is a share from 0 to 1, not percent."
    if np.all(np.abs(given * 100 - wanted) <= tolerance * 100):
        return "It is a hundred times too small: the unit is points or percent, not a share."
    if np.all(np.abs(given + wanted) <= tolerance):
        return "The size is right, the sign is not."
    if given.size > 1 and np.all(np.abs(np.sort(given) - np.sort(wanted)) <= tolerance):
        return "The numbers are right, their order is not."
    if np.all(np.abs(given - wanted) <= 10 * tolerance):
        return "Close. Give more decimals; if you did, look at the method again."
    if np.all(given > wanted):
        return "Your number is too high." if given.size == 1 else "Your numbers are too high."
    if np.all(given < wanted):
        return "Your number is too low." if given.size == 1 else "Your numbers are too low."
    return "Some of your numbers are too high, others too low."
