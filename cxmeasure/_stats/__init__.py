"""Shared numbers: arrays in, arrays out. No frame and no wing is known here."""
