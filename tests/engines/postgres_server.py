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
TYPES = {
    "int": "bigint",
    "Int": "bigint",
    "float": "double precision",
    "bool": "boolean",
    "datetime": "timestamp",
    "date": "timestamp",
}


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
            if made.wait(timeout=120):
                raise RuntimeError(f"initdb failed:\n{self._said('initdb')}")
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
        kinds = [
            TYPES.get(str(dtype).rstrip("0123456789[]nuse").rstrip("6432"), "text") for dtype in rows.dtypes
        ]
        header = ", ".join(f'"{column}" {kind}' for column, kind in zip(rows, kinds, strict=True))
        with self.connection.con.cursor() as cursor:
            cursor.execute(f'create table "{name}" ({header})')
            with cursor.copy(f'copy "{name}" from stdin') as copy:
                for row in rows.astype(object).where(rows.notna(), None).itertuples(index=False, name=None):
                    copy.write_row(row)
        self.connection.con.commit()
        return self.connection.table(name)


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


def lantern_log():
    """Return Lantern's starts, renewals and ends as one log, as the chapter on stages does."""
    from cxmeasure import lantern

    contracts = lantern.load("contracts").sort_values(["customer_id", "start_date"])
    is_first = ~contracts.duplicated("customer_id")
    begun = contracts[["customer_id"]].assign(
        ts=contracts["start_date"], event=is_first.map({True: "start", False: "renewal"})
    )
    exits = lantern.load("exits")
    ended = exits[["customer_id"]].assign(ts=exits["date"], event="end")
    return pd.concat([begun, ended], ignore_index=True)


def lantern_tables():
    """Return what the chapters' calls on Lantern read: the log, contacts with journeys, answers, invitations."""
    from cxmeasure import lantern

    events, journeys = lantern.load("events"), lantern.load("journeys")
    steps = events.dropna(subset=["journey_id"])[["customer_id", "journey_id", "seq", "touchpoint"]]
    ended = journeys.assign(converted=(journeys["outcome"] != "abandoned").astype("boolean"))
    steps = steps.merge(ended[["journey_id", "converted"]], on="journey_id")
    invitations = lantern.load("invitations").query("kind == 'relationship'")
    plans = lantern.load("customers")[["customer_id", "plan", "region"]]
    answered = invitations["invitation_id"].isin(lantern.load("answers")["invitation_id"])
    sent = invitations[["invitation_id", "customer_id"]].assign(has_answered=answered)
    return {
        "log": lantern_log(),
        "contacts": events[["event_id", "customer_id", "touchpoint", "channel", "ts", "duration_min"]],
        "steps": steps,
        "answers": lantern.load("answers"),
        "invitations": sent.merge(plans, on="customer_id"),
    }
