"""Where the stored tables lie: inside the wheel, or beside the package in a checkout."""

from pathlib import Path

from cxmeasure.errors import StoreError

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the folder of the stored tables called `name` (``"lantern"`` or ``"published"``).

    A wheel carries them in ``cxmeasure/_stored``; an editable install finds them in ``data``.

    Raises
    ------
    StoreError
        If neither place has it.
    """
    places = (_PACKAGE.parent / "data" / name, _PACKAGE / "_stored" / name)
    for place in places:
        if place.is_dir():
            return place
    raise StoreError(
        f"The stored tables {name!r} are not in this installation; looked in {places[0]} and {places[1]}. "
        "Install cxmeasure again, or work from a checkout."
    )
