"""The tables that every engine reduces."""

import pytest

from .reductions import made


@pytest.fixture(scope="package")
def tables():
    """Return the tables by name, made once."""
    return made()
