"""What `cxmeasure.check` knows: one file a chapter, every answer computed, none typed."""

from cxmeasure.exercises.checking import Exercise, Verdict, check, exercises

__all__ = ["Exercise", "Verdict", "check", "exercises"]
