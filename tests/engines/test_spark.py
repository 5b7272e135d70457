"""Every reduction over a Spark cluster of a master and two workers, one of which dies in mid-job."""

import pytest

from . import spark_cluster
from .reductions import REDUCTIONS, differences, plain

LACKING = spark_cluster.missing()
pytestmark = [
    pytest.mark.skipif(bool(LACKING), reason=f"SPARK IS NOT TESTED: {LACKING}"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:::pyspark"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    with spark_cluster.Cluster() as cluster:
        cluster.start_session()
        yield cluster


@pytest.fixture(scope="module")
def on_spark(cluster, tables):
    return {name: cluster.table(rows) for name, rows in tables.items()}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_a_reduction_counts_on_the_cluster_what_plain_loops_count(name, on_spark, tables):
    each = REDUCTIONS[name]
    found = each.run(on_spark[each.table])
    assert differences(found, each.expected(plain(tables[each.table])), each.keys) == []


def test_a_worker_dies_in_mid_job_and_the_answer_is_the_same(cluster, tables):
    """Last, because the cluster has one worker less afterwards."""
    each = REDUCTIONS["occupancy"]
    many = spark_cluster.copied(cluster, tables["events"])
    found = spark_cluster.killed_in_mid_job(cluster, lambda: each.run(many))["result"]
    expected = spark_cluster.as_often(each.expected(plain(tables["events"])))
    assert differences(found, expected, each.keys) == []
    assert cluster.alive() < spark_cluster.WORKERS
