"""One sentence for every wrong keyword: what was wrong, what was received, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches

from cxmeasure.errors import ArgumentError


def closest(word: object, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'nps'?"`` when one of `known` is near `word`, else nothing."""
    # The search takes the square of the length: what is no name is not searched for.
    near = get_close_matches(str(word)[:200], list(known), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


def choice(value: str, known: Iterable[str], *, name: str) -> str:
    """Return `value` if it is one of `known`.

    Raises
    ------
    ArgumentError
        If it is not; the message lists the choices and suggests the nearest.
    """
    options = list(known)
    if value in options:
        return value
    listed = ", ".join(repr(option) for option in options)
    raise ArgumentError(f"{name}={value!r} is not known; choose one of {listed}.{closest(value, options)}")


def share(value: float, *, name: str) -> float:
    """Return `value` as a float strictly between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise ArgumentError(f"{name}={value!r} is out of range; give a number between 0 and 1, such as 0.95.")
    return float(value)


def whole(value: int, *, name: str, at_least: int) -> int:
    """Return `value` as an int of at least `at_least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < at_least:
        raise ArgumentError(f"{name}={value!r} is out of range; give a whole number of at least {at_least}.")
    return value.__index__()


def names(value: Iterable[str], *, name: str) -> list[str]:
    """Return column names as a list; refuse a bare string, a name twice, and what is not text."""
    if isinstance(value, str):
        raise ArgumentError(f"{name}={value!r} is one name; give a list of column names: {name}=[{value!r}].")
    given = list(value)
    odd = [item for item in given if not isinstance(item, str)]
    twice = sorted({item for item in given if isinstance(item, str) and given.count(item) > 1})
    if odd or twice:
        raise ArgumentError(f"{name}={given!r} must be a list of different column names.")
    return given
