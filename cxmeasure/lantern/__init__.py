"""Lantern: a simulated company whose truth is known.

A fictional subscription reading service with 400,000 subscribers, one in a hundred of them in the
tables. Its worlds share a schema and differ in what is true.
"""

from cxmeasure.lantern.api import load, tables, truth, worlds
from cxmeasure.lantern.simulation import simulate

__all__ = ["load", "simulate", "tables", "truth", "worlds"]
