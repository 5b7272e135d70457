"""What `cxmeasure.check` knows: one file a chapter, every answer computed, none typed."""

from cxmeasure.exercises.checking import Exercise, Progress, Verdict, check, exercises, progress

__all__ = ["Exercise", "Progress", "Verdict", "check", "exercises", "progress"]
