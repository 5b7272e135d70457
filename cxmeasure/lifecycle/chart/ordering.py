"""In which order episodes are drawn: that of a life, not of the alphabet."""

from collections.abc import Iterable, Sequence
from typing import Final

from cxmeasure.errors import ArgumentError

LIFE: Final = ("need", "orientate", "become", "am", "stay", "loyal", "leave")
"""The episodes of the shipped rules, in their order."""


def in_order(names: Iterable[str], order: Sequence[str] | None) -> list[str]:
    """Return `names` in the order given, or in that of the shipped rules; others follow as they come.

    Raises
    ------
    ArgumentError
        If `order` is text, or names none of them.
    """
    known = list(dict.fromkeys(map(str, names)))
    if order is None:
        order = LIFE
    elif isinstance(order, str) or not set(known) & set(order):
        raise ArgumentError(
            f"order must name the episodes, {', '.join(map(repr, known))}, in the order to draw them; "
            f"received {order!r}."
        )
    first = [name for name in dict.fromkeys(order) if name in known]
    return first + [name for name in known if name not in first]
