"""Every reduction counts on every engine what loops over dicts count, floats to 1e-9."""

import pytest

from . import ENGINES, on_engine
from .reductions import REDUCTIONS, differences, plain

# Ibis itself still calls old functions when it hands a result over.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ibis"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ibis"),
    pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning"),
]


@pytest.fixture(scope="module")
def expected(tables):
    return {name: each.expected(plain(tables[each.table])) for name, each in REDUCTIONS.items()}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_a_reduction_counts_what_plain_loops_count(name, engine, tables, expected, tmp_path):
    each = REDUCTIONS[name]
    found = each.run(on_engine(engine, tables[each.table], tmp_path))
    assert differences(found, expected[name], each.keys) == []


def test_the_comparison_sees_one_count_too_many(tables, expected):
    each = REDUCTIONS["occupancy"]
    found = each.run(tables["events"])
    found.loc[3, "n_here"] += 1
    assert len(differences(found, expected["occupancy"], each.keys)) == 1
    assert differences(found.head(5), expected["occupancy"], each.keys)
