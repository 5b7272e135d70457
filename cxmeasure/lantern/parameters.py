"""The numbers behind the company: one table a module, and what each world changes.

A world is a handful of parameters that differ, and four calibration constants: centre and scale of
satisfaction (c_w, k_w), and the intercepts of leaving and of answering (a0_w, b0_w).
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pandas as pd

from cxmeasure._arguments import choice, closest
from cxmeasure.errors import ArgumentError

_FOLDER: Final = Path(__file__).resolve().parent / "parameters"
MODULES: Final = ("customers", "events", "surveys", "followups", "word_of_mouth", "organisation")

WORLD_NAMES: Final = {
    "claimed": "as claimed",
    "null": "no effect",
    "reversed": "opposite",
    "tilted": "one side answers more",
    "mar": "explained by our records",
}
_CONSTANTS: Final = {
    "c_w": ("satisfaction", "8", "centre of satisfaction: z(S) = (S - c_w) / k_w"),
    "k_w": ("satisfaction", "8", "scale of satisfaction: z(S) = (S - c_w) / k_w"),
    "a0_w": ("log odds", "10", "intercept of leaving"),
    "b0_w": ("log odds", "11", "intercept of answering"),
}
# A unit settles which values make sense; units that are not listed take any number.
_RANGES: Final = {
    "probability": (0.0, 1.0),
    "share": (0.0, 1.0),
    "correlation": (-1.0, 1.0),
    "standard deviation": (0.0, 10.0),
    "variance": (0.0, 100.0),
    "days": (0.01, 100_000.0),
    "hours": (0.01, 100_000.0),
    "months": (1.0, 36.0),
    "ratio": (0.0, 100.0),
    "contacts a month": (0.0, 20.0),
    "journeys a month": (0.0, 5.0),
}


@cache
def parameter_table() -> pd.DataFrame:
    """Return every parameter of the claimed world: module, name, value, unit, equation, meaning."""
    parts = [
        pd.read_csv(_FOLDER / f"{module}.csv", dtype={"equation": str}, keep_default_na=False).assign(
            module=module
        )
        for module in MODULES
        if (_FOLDER / f"{module}.csv").is_file()
    ]
    constants = pd.DataFrame(
        [
            ("calibration", name, unit, equation, meaning)
            for name, (unit, equation, meaning) in _CONSTANTS.items()
        ],
        columns=["module", "name", "unit", "equation", "meaning"],
    )
    table = pd.concat([*parts, constants], ignore_index=True)
    return table[["module", "name", "value", "unit", "equation", "meaning"]]


@cache
def world_table() -> pd.DataFrame:
    """Return what each world changes: world, name, value."""
    files = ("worlds.csv", "worlds_organisation.csv")
    return pd.concat(
        [pd.read_csv(_FOLDER / file, keep_default_na=False) for file in files], ignore_index=True
    )


def known_world(world: str) -> str:
    """Return `world` if there is one of that name."""
    return choice(world, WORLD_NAMES, name="world")


def _in_range(name: str, value: float, unit: str, stored: float) -> float:
    low, high = _RANGES.get(unit, (-1e6, 1e6))
    low = -high if stored < 0 else low  # a share below zero is a change, not a part of a whole
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ArgumentError(
            f"The parameter {name}={value!r} is out of range; it is a {unit}: "
            f"give a number from {low:g} to {high:g}."
        )
    return float(value)


def load_parameters(world: str, changes: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return the parameters of a world by name, with `changes` of one's own.

    Raises
    ------
    ArgumentError
        If the world or the name of a change is unknown, or its value cannot be.
    """
    table = parameter_table().set_index("name")
    values = {str(name): float(value) for name, value in table["value"].items()}
    differs = world_table().loc[lambda rows: rows["world"] == known_world(world)]
    values |= dict(zip(differs["name"], differs["value"].astype(float), strict=True))
    for name, value in (changes or {}).items():
        if name not in values:
            raise ArgumentError(
                f"There is no parameter {name!r}; truth(world) lists them all.{closest(name, values)}"
            )
        values[name] = _in_range(name, value, str(table.loc[name, "unit"]), values[name])
    return values
