"""A PostgreSQL server of its own, in a temporary folder, on a Unix socket; every reduction runs in it.

    pip install cxmeasure[warehouse]        and PostgreSQL's programs (apt-get install postgresql)
    python tests/engines/postgres_server.py

starts it, loads the tests' tables and Lantern's logs, compares, counts the rows fetched, and stops it.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

if __package__ in (None, ""):  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

USER = "cxmeasure"


def _programs():
    """Return the folder of PostgreSQL's programs, the newest there is, or None."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    known = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in known), key=lambda path: float(path.parent.name), default=None)


def missing():
    """Return what a server needs and is not here, in a sentence; empty if nothing."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed; pip install cxmeasure[warehouse]"
    return "" if _programs() else "PostgreSQL's initdb is not here; apt-get install postgresql"


def _owner():
    """Return the user that the server runs as: never root, which it refuses."""
    if os.geteuid() != 0:
        return None
    names = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class Server:
    """A running server; leaving the block stops it and removes its folder."""

    def __enter__(self):
        self.process = None
        self.folder = Path(tempfile.mkdtemp(prefix="cx-pg-"))
        self.user, home = _owner(), _programs()
        if self.user:
            shutil.chown(self.folder, self.user)
        try:
            made = self._run(
                home / "initdb", "-D", "data", "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"
            )
            made.wait(timeout=120)
            options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}"]
            self.process = self._run(home / "postgres", "-D", "data", *options, "-c", "fsync=off")
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # closes connections, and stops
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program, *options):
        with (self.folder / f"{Path(program).name}.log").open("w") as log:
            return subprocess.Popen(
                [str(program), *options], cwd=self.folder, user=self.user, stdout=log, stderr=log
            )

    def _said(self, program):
        return (self.folder / f"{program}.log").read_text(encoding="utf-8")[-2000:]

    def _wait(self, seconds=60):
        import psycopg

        end = time.monotonic() + seconds
        while True:
            try:
                psycopg.connect(host=str(self.folder), user=USER, dbname="postgres").close()
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"The server did not start:\n{self._said('postgres')}") from None
                time.sleep(0.1)
            else:
                return

    def connect(self):
        """Return Ibis's connection, on which every row that is fetched is counted in ``fetched``."""
        import ibis

        connection = ibis.postgres.connect(host=str(self.folder), user=USER, database="postgres")
        self.fetched = _counted(connection.con)
        self.connection = connection
        return connection

    def load(self, name, rows):
        """Copy pandas rows into a table of the server, and return it as Ibis's."""
        kinds = [_type_of(rows[column]) for column in rows]
        header = ", ".join(f'"{column}" {kind}' for column, kind in zip(rows, kinds, strict=True))
        with self.connection.con.cursor() as cursor:
            cursor.execute(f'create table "{name}" ({header})')
            with cursor.copy(f'copy "{name}" from stdin') as copy:
                for row in rows.astype(object).where(rows.notna(), None).itertuples(index=False, name=None):
                    copy.write_row(row)
        self.connection.con.commit()
        return self.connection.table(name)


def _type_of(column):
    kinds = pd.api.types
    if kinds.is_bool_dtype(column):
        return "boolean"
    if kinds.is_integer_dtype(column):
        return "bigint"
    if kinds.is_float_dtype(column):
        return "double precision"
    return "timestamp" if kinds.is_datetime64_dtype(column) else "text"


def _counted(connection):
    """Make the connection's cursors count the rows they hand over; return the count, a list of one."""
    import psycopg

    total = [0]

    class Counting:
        def fetchone(self):
            row = super().fetchone()
            total[0] += row is not None
            return row

        def fetchmany(self, size=0):
            rows = super().fetchmany(size)
            total[0] += len(rows)
            return rows

        def fetchall(self):
            rows = super().fetchall()
            total[0] += len(rows)
            return rows

        def __iter__(self):
            for row in super().__iter__():
                total[0] += 1
                yield row

    connection.cursor_factory = type("Cursor", (Counting, psycopg.Cursor), {})
    connection.server_cursor_factory = type("ServerCursor", (Counting, psycopg.ServerCursor), {})
    return total


def lantern_tables():
    """Return what the chapters' calls read: contracts as a log, steps of journeys, answers, invitations."""
    from cxmeasure import lantern

    contracts, exits = lantern.load("contracts"), lantern.load("exits")
    contracts = contracts.sort_values(["customer_id", "start_date"])
    is_first = ~contracts.duplicated("customer_id")
    begun = contracts[["customer_id"]].assign(
        ts=contracts["start_date"], event=is_first.map({True: "start", False: "renewal"})
    )
    ended = exits[["customer_id"]].assign(ts=exits["date"], event="end")
    steps = lantern.load("events").dropna(subset=["journey_id"])
    journeys = lantern.load("journeys")
    journeys["converted"] = journeys["outcome"] != "abandoned"
    sent, answers = lantern.load("invitations").query("kind == 'relationship'"), lantern.load("answers")
    sent = sent.merge(lantern.load("customers")[["customer_id", "plan", "region"]], on="customer_id")
    return {
        "log": pd.concat([begun, ended], ignore_index=True),
        "contracts": contracts,
        "steps": steps.merge(journeys[["journey_id", "converted"]], on="journey_id"),
        "answers": answers,
        "invitations": sent.assign(has_answered=sent["invitation_id"].isin(answers["invitation_id"])),
    }


def lantern_calls():
    """Return a call of each reduction's function: the table it reads, and the call."""
    from cxmeasure import lifecycle, survey, touchpoints

    def episodes(log):
        return lifecycle.assign_episodes(log, words={"orientation": []}, observed_until="2025-12-31")

    def effects(steps):
        return touchpoints.removal_effects(
            steps, journey_column="journey_id", order_column="seq", n_boot=0, n_null=0
        )

    drivers = ["score_app", "score_delivery", "score_billing", "score_support", "score_events"]
    return {
        "occupancy": ("log", lambda log: lifecycle.occupancy(episodes(log))),
        "transitions": ("log", lambda log: lifecycle.transitions(episodes(log))),
        "rfm_segments": (
            "contracts",
            lambda rows: (
                lifecycle.rfm_segments(
                    rows, time_column="start_date", value_column="price", observed_until="2025-12-31"
                ).summary
            ),
        ),
        "scores": ("answers", lambda rows: touchpoints.scores(rows, by=["plan", "channel"], n_draws=0)),
        "removal_effects": ("steps", effects),
        "importance": (
            "answers",
            lambda rows: touchpoints.importance(
                rows, outcome="score_overall", drivers=drivers, customer_column="customer_id", n_boot=0
            ),
        ),
        "metric": ("answers", lambda rows: survey.metric(rows, by=["plan"], cluster_column="customer_id")),
        "r_indicator": (
            "invitations",
            lambda rows: survey.r_indicator(rows, covariate_columns=["plan", "region"]),
        ),
    }


def main():
    """Run everything once, and say what was seen."""
    from tests.engines.reductions import REDUCTIONS, differences, made, plain

    if lacking := missing():
        sys.exit(f"No server: {lacking}.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped then, too
    with Server() as server:
        server.connect()
        tables, failed = made(), 0
        on_server = {name: server.load(name, rows) for name, rows in tables.items()}
        for name, each in REDUCTIONS.items():
            server.fetched[0], start = 0, time.monotonic()
            found = each.run(on_server[each.table])
            wrong = differences(found, each.expected(plain(tables[each.table])), each.keys)
            failed += bool(wrong)
            print(
                f"{name}: {'; '.join(wrong[:3]) or 'as the oracle'}; of {len(tables[each.table]):,} rows "
                f"{server.fetched[0]:,} fetched ({time.monotonic() - start:.1f} s)"
            )
        lantern = lantern_tables()
        on_server = {name: server.load(f"lantern_{name}", rows) for name, rows in lantern.items()}
        for name, (table, call) in lantern_calls().items():
            server.fetched[0], start = 0, time.monotonic()
            found = call(on_server[table]).table
            fetched, seconds = server.fetched[0], time.monotonic() - start
            same = is_alike(found, call(lantern[table]).table)
            failed += not same
            said = "as pandas" if same else "NOT as pandas"
            n_rows = len(lantern[table])
            print(f"Lantern, {name}: {said}; of {n_rows:,} rows {fetched:,} fetched ({seconds:.1f} s)")
    sys.exit(failed)


def is_alike(found, expected):
    """Return whether two results have the same texts and counts, and floats to 1e-9."""
    try:
        pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-9, atol=1e-9)
    except AssertionError:
        return False
    return True


if __name__ == "__main__":
    main()
