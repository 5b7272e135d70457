"""Every reduction runs in a PostgreSQL server through Ibis, and only its small table comes back."""

import pytest

from . import postgres_server
from .reductions import REDUCTIONS, differences, plain

LACKING = postgres_server.missing()
CALLS = postgres_server.lantern_calls()
pytestmark = [
    pytest.mark.skipif(bool(LACKING), reason=f"POSTGRESQL IS NOT TESTED: {LACKING}"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:::ibis"),
    pytest.mark.filterwarnings("ignore:::psycopg"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning"),
]


@pytest.fixture(scope="module")
def server():
    with postgres_server.Server() as server:
        server.connect()
        yield server


@pytest.fixture(scope="module")
def on_server(server, tables):
    return {name: server.load(name, rows) for name, rows in tables.items()}


@pytest.fixture(scope="module")
def lantern():
    return postgres_server.lantern_tables()


@pytest.fixture(scope="module")
def lantern_on_server(server, lantern):
    return {name: server.load(f"lantern_{name}", rows) for name, rows in lantern.items()}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_a_reduction_counts_in_the_server_what_plain_loops_count(name, on_server, tables):
    each = REDUCTIONS[name]
    found = each.run(on_server[each.table])
    assert differences(found, each.expected(plain(tables[each.table])), each.keys) == []


@pytest.mark.parametrize("name", CALLS)
def test_of_lantern_the_same_numbers_and_only_a_small_table_is_fetched(
    name, server, lantern_on_server, lantern
):
    table, call = CALLS[name]
    server.fetched[0] = 0
    found = call(lantern_on_server[table]).table
    fetched = server.fetched[0]
    assert postgres_server.is_alike(found, call(lantern[table]).table)
    # Most for removal_effects: moves of 200 groups of customers, however many customers there are.
    assert 0 < fetched < len(lantern[table]) / 2


def test_the_count_of_rows_fetched_is_that_of_a_plain_query(server, lantern_on_server, lantern):
    server.fetched[0] = 0
    assert len(lantern_on_server["log"].to_pandas()) == len(lantern["log"]) == server.fetched[0]
