"""A Spark cluster on one machine: a master and two workers, processes of their own, on the loopback address.

    pip install cxmeasure[spark]        and Java 17 or newer, on the path or at JAVA_HOME
    python tests/engines/spark_cluster.py

starts it, runs every reduction over it, compares with the oracle, kills a worker in mid-job, and stops it.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

if __package__ in (None, ""):  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

HERE = "127.0.0.1"
WORKERS = 2
COPIES = 400
"""How often the log is copied for the job in which a worker dies: 850,000 events."""


def missing():
    """Return what a cluster needs and is not here, in a sentence; empty if nothing."""
    try:
        import pyspark
    except ImportError:
        return "pyspark is not installed; pip install cxmeasure[spark]"
    java = Path(os.environ["JAVA_HOME"], "bin", "java") if "JAVA_HOME" in os.environ else shutil.which("java")
    if not java or not Path(java).exists():
        return f"Java is not here; PySpark {pyspark.__version__} needs Java 17 or newer"
    said = subprocess.run([str(java), "-version"], capture_output=True, text=True, check=False).stderr
    number = said.split('"')[1].split(".")[0] if '"' in said else "0"
    if int(number) < 17:
        return f"Java {number} is here; PySpark {pyspark.__version__} needs Java 17 or newer"
    return ""


def _free_port():
    with socket.socket() as door:
        door.bind((HERE, 0))
        return door.getsockname()[1]


class Cluster:
    """A master and two workers with a core and a gigabyte each; leaving the block stops them all."""

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="cx-spark-"))
        self.processes = {}
        self.session = None
        port, self.web = _free_port(), _free_port()
        self.address = f"spark://{HERE}:{port}"
        try:
            self._start("master", "Master", "--port", str(port), "--webui-port", str(self.web))
            self._wait_for(0)
            for i in range(WORKERS):
                own = ["-c", "1", "-m", "1g", "--webui-port", "0", "-d", str(self.folder / f"worker{i}")]
                self._start(f"worker{i}", "Worker", *own, self.address)
            self._wait_for(WORKERS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if self.session is not None:
                self.session.stop()
        finally:
            for name in list(self.processes):
                self.kill(name)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, name, what, *options):
        from pyspark.find_spark_home import _find_spark_home

        home = Path(_find_spark_home())
        command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{what.lower()}.{what}"]
        own = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": HERE, "SPARK_LOCAL_DIRS": str(self.folder)}
        with (self.folder / f"{name}.log").open("w") as log:
            self.processes[name] = subprocess.Popen(
                [*command, "--host", HERE, *options],
                env=os.environ | own | {"SPARK_DAEMON_MEMORY": "384m"},
                stdout=log,
                stderr=log,
                start_new_session=True,  # a worker and its executors are one group, and die together
            )

    def alive(self):
        """Return how many workers the master knows to live; -1 while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{HERE}:{self.web}/json/", timeout=5) as answer:
                return json.load(answer)["aliveworkers"]
        except OSError:
            return -1

    def _wait_for(self, workers, seconds=120):
        end = time.monotonic() + seconds
        while self.alive() != workers:
            gone = [name for name, process in self.processes.items() if process.poll() is not None]
            if gone or time.monotonic() > end:
                name = gone[0] if gone else list(self.processes)[-1]
                words = (self.folder / f"{name}.log").read_text(encoding="utf-8")[-2000:]
                raise RuntimeError(f"The {name} did not start; its last words were:\n{words}")
            time.sleep(0.3)

    def kill(self, name):
        """Kill a process and its children at once, as a power cut would."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)

    def start_session(self):
        """Return a session that runs on the workers; its times have no zone but UTC."""
        from pyspark.sql import SparkSession

        options = {
            "spark.driver.host": HERE,
            "spark.driver.bindAddress": HERE,
            "spark.driver.memory": "1g",
            "spark.executor.memory": "768m",
            "spark.local.dir": str(self.folder),
            "spark.sql.warehouse.dir": str(self.folder / "warehouse"),
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.shuffle.partitions": "4",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }
        builder = SparkSession.builder.master(self.address).appName("cxmeasure")
        for name, value in options.items():
            builder = builder.config(name, value)
        self.session = builder.getOrCreate()
        self.session.sparkContext.setLogLevel("ERROR")
        return self.session

    def table(self, rows):
        """Return pandas rows as a Spark table; the workers read it from Parquet files."""
        path = self.folder / f"rows{len(list(self.folder.glob('rows*')))}.parquet"
        rows.to_parquet(path, index=False)
        return self.session.read.parquet(str(path))


def copied(cluster, events, copies=COPIES):
    """Return the log `copies` times over, each time with customers of its own: so are all counts."""
    from pyspark.sql import functions

    copy = cluster.session.range(copies).withColumnRenamed("id", "copy")
    many = cluster.table(events).repartition(8).crossJoin(copy)
    return many.withColumn("customer_id", functions.col("customer_id") * copies + functions.col("copy"))


def as_often(rows, copies=COPIES):
    """Return what the oracle says of the occupancy of one log, for so many copies of it."""
    return [row | {"n": row["n"] * copies, "n_here": row["n_here"] * copies} for row in rows]


def killed_in_mid_job(cluster, call):
    """Run `call`, kill a worker when its first tasks are done, and return its result and seconds.

    Raises
    ------
    RuntimeError
        If the job was over before the worker died: then nothing was shown.
    """
    done = {}

    def job():
        start = time.monotonic()
        try:
            done["result"] = call()
        except BaseException as error:  # noqa: BLE001 - handed on to the caller below
            done["error"] = error
        done["seconds"] = time.monotonic() - start

    tracker = cluster.session.sparkContext.statusTracker()
    thread = threading.Thread(target=job)
    thread.start()
    while thread.is_alive():
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        if any(0 < stage.numCompletedTasks < stage.numTasks for stage in stages if stage is not None):
            break
        time.sleep(0.05)
    is_running = thread.is_alive()
    cluster.kill("worker0")
    killed = time.monotonic()
    thread.join()
    done["after"] = time.monotonic() - killed
    if "error" in done:
        raise done["error"]
    if not is_running:
        raise RuntimeError("The job was over before a worker could be killed; give it more rows.")
    return done


def main():
    """Run everything once, and say what was seen."""
    from tests.engines.reductions import REDUCTIONS, differences, made, plain

    if lacking := missing():
        sys.exit(f"No cluster: {lacking}.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the cluster is stopped then, too
    tables, failed = made(), 0
    expected = {name: each.expected(plain(tables[each.table])) for name, each in REDUCTIONS.items()}
    with Cluster() as cluster:
        cluster.start_session()
        print(f"A master and {cluster.alive()} workers on {cluster.address}.")
        on_spark = {name: cluster.table(rows) for name, rows in tables.items()}
        for name, each in REDUCTIONS.items():
            start = time.monotonic()
            wrong = differences(each.run(on_spark[each.table]), expected[name], each.keys)
            failed += bool(wrong)
            print(f"{name}: {'; '.join(wrong[:3]) or 'as the oracle'} ({time.monotonic() - start:.1f} s)")
        many, each = copied(cluster, tables["events"]), REDUCTIONS["occupancy"]
        seen = killed_in_mid_job(cluster, lambda: each.run(many))
        times = [
            row | {"n": row["n"] * COPIES, "n_here": row["n_here"] * COPIES} for row in expected["occupancy"]
        ]
        wrong = differences(seen["result"], times, each.keys)
        failed += bool(wrong)
        print(
            f"occupancy of {len(tables['events']) * COPIES:,} events, a worker killed in mid-job: "
            f"{'; '.join(wrong[:3]) or 'as the oracle'}; {seen['seconds']:.1f} s, {seen['after']:.1f} s of "
            f"them after the kill; {cluster.alive()} of {WORKERS} workers left."
        )
    sys.exit(failed)


if __name__ == "__main__":
    main()
