"""What `cxmeasure.check` knows, one file a chapter, every answer computed; and the rule for claims."""

from cxmeasure.exercises.checking import Exercise, Progress, Verdict, check, exercises, progress
from cxmeasure.exercises.judging import all_hold, judge, less, one_holds

__all__ = [
    "Exercise",
    "Progress",
    "Verdict",
    "all_hold",
    "check",
    "exercises",
    "judge",
    "less",
    "one_holds",
    "progress",
]
