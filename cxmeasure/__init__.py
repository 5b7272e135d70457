"""Measure customer experience, with an interval on every number."""
