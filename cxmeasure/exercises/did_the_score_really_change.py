"""Answers of the chapter *Did the score really change, and why?*."""

from functools import cache

import pandas as pd

from cxmeasure import lantern, survey
from cxmeasure.exercises.checking import Exercise


@cache
def _answers(world: str) -> pd.DataFrame:
    sent = lantern.load("invitations", world)[["invitation_id", "month"]]
    who = lantern.load("customers", world)[["customer_id", "digital"]]
    rows = lantern.load("answers", world).query("kind == 'relationship'")
    rows = rows.merge(sent, on="invitation_id").merge(who, on="customer_id")
    # Half a year before the survey moved into the app in month 14, and half a year from then on.
    return pd.DataFrame(rows.assign(window=rows["month"].sub(2).floordiv(6)))


def _scores() -> pd.DataFrame:
    rows = _answers("claimed")
    rows = rows[rows["month"].isin([29, 30])]
    return survey.metric(rows, by=["month"], against=29).table


def _step() -> list[float]:
    return list(_scores()[["estimate", "conf_low", "conf_high"]].iloc[-1])


def _ends_subtracted() -> list[float]:
    before, after = (row for _, row in _scores().iloc[:2].iterrows())
    return [
        after["estimate"] - before["estimate"],
        after["conf_low"] - before["conf_high"],
        after["conf_high"] - before["conf_low"],
    ]


def _score_itself() -> list[float]:
    return list(_scores()[["estimate", "conf_low", "conf_high"]].iloc[1])


def _signals(world: str, *, with_runs: bool = True) -> int:
    signal = survey.control_chart(_answers(world), period_column="month").table["signal"]
    return int((signal != "" if with_runs else signal == "beyond limits").sum())


def _split(world: str, *segments: str) -> list[float]:
    found = survey.change(
        _answers(world), period_column="window", before=1, after=2, segment_columns=list(segments)
    )
    return list(found.table.set_index("term").loc[["within", "mix"], "estimate"])


def _needed(*, for_a_change: bool) -> float:
    score = _answers("claimed")["ltr"]
    found = survey.sample_size(
        difference=5 if for_a_change else None,
        half_width=None if for_a_change else 5,
        promoter_share=float((score >= 9).mean()),
        detractor_share=float((score <= 6).mean()),
    )
    return float(found.table["estimate"].iloc[0])


def _needed_by_default() -> float:
    return float(survey.sample_size(difference=5).table["estimate"].iloc[0])


EXERCISES = {
    "1": Exercise(
        answer=_step,
        tolerance=0.06,
        mistakes={
            "The change is right. Its interval has the worst luck of both months at once.": _ends_subtracted,
            "That is the score of month 30, not the change.": _score_itself,
        },
    ),
    "2": Exercise(
        answer=lambda: _signals("null"),
        tolerance=0,
        mistakes={
            "You left out the runs; they are signals too.": lambda: _signals("null", with_runs=False),
            "That is the world in which the claim holds.": lambda: _signals("claimed"),
        },
    ),
    "3": Exercise(
        answer=lambda: _split("null", "digital", "plan"),
        tolerance=0.06,
        mistakes={
            "That is the split by `digital` alone.": lambda: _split("null", "digital"),
            "That is the split by `plan` alone.": lambda: _split("null", "plan"),
            "That is the world in which the claim holds.": lambda: _split("claimed", "digital", "plan"),
        },
    ),
    "4": Exercise(
        answer=lambda: _needed(for_a_change=True),
        tolerance=2,
        mistakes={
            "That makes one score ±5. A change has the luck of two months in it.": lambda: _needed(
                for_a_change=False
            ),
            "Those are the shares the function supposes; take those of the answers.": _needed_by_default,
        },
    ),
}
