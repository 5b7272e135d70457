"""Measure how fast and how far, store it in data/speed: run.py speed [growth|hand|peers] [--most N].

Without a word everything is measured, with up to ten million events; `--most 100000000` goes on to a hundred,
`peers --only CDNOW` measures one comparison anew and keeps the rest.
One process at a time, each measurement in a process of its own.
"""

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import duckdb
import pandas as pd

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STORE = ROOT / "data" / "speed"
PEERS = ROOT / ".venv-peers"
sys.path.insert(0, str(HERE))

import made_events  # noqa: E402

SIZES = (300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000)
REDUCTIONS = ("episodes", "occupancy", "transitions", "purchases", "scores", "paths", "products", "responses")
OF_CUSTOMERS = ("products", "responses")
BESIDE = 10_000_000
PANDAS_MOST = 10_000_000
TIMES = 3
PATIENCE = 120
LATE = f"not done after {PATIENCE} s"

# What is compared: the question, the call of ours, then the peers': environment, distribution, call, choices.
COMPARED = [
    ("rake 1M rows, pandas", "rake_ours", {}, [
        ("survey", "rimpy", "rake_rimpy"),
        ("survey", "weightipy", "rake_weightipy"),
        ("survey", "balance", "rake_balance"), ("survey", "ipfn", "rake_ipfn")]),
    ("rake 1M rows, Polars", "rake_ours_polars", {}, [
        ("survey", "rimpy", "rake_rimpy_polars"), ("survey", "svy", "rake_svy")]),
    ("propensity and R, 1M rows", "propensity_ours", {}, [
        ("survey", "statsmodels", "propensity_statsmodels")]),
    ("propensity and R, 1M rows, Polars", "propensity_ours_polars", {}, [
        ("survey", "statsmodels", "propensity_statsmodels")]),
    ("R of six cells", "six_cells_ours", {}, [
        ("survey", "balance", "six_cells_balance"),
        ("survey", "RISQ (its published number)", "six_cells_risq")]),
    ("importance, 8 drivers", "importance_ours_matrix", {"drivers": 8}, [
        ("drivers", "pingouin", "importance_pingouin"),
        ("dominance", "dominance-analysis", "importance_dominance")]),
    ("importance, 15 drivers", "importance_ours_matrix", {"drivers": 15}, [
        ("drivers", "pingouin", "importance_pingouin"),
        ("dominance", "dominance-analysis", "importance_dominance")]),
    ("importance, 20 drivers", "importance_ours_matrix", {"drivers": 20}, [
        ("drivers", "pingouin", "importance_pingouin"),
        ("dominance", "dominance-analysis", "importance_dominance")]),
    ("importance, 25 drivers", "importance_ours_matrix", {"drivers": 25}, []),
    ("removal effects", "removal_ours", {}, [
        ("mam", "marketing-attribution-models", "removal_mam"),
        ("channel", "ChannelAttribution", "removal_channelattribution")]),
    ("moves from 300k events", "transitions_ours", {}, [
        ("retentioneering", "retentioneering", "transitions_retentioneering"),
        ("processes", "pm4py", "transitions_pm4py")]),
    ("states from 300k events", "states_ours", {}, [
        ("retentioneering", "retentioneering", "states_retentioneering")]),
    ("CDNOW, summary", "summary_ours", {}, [("lifetimes", "lifetimes", "summary_lifetimes")]),
    ("CDNOW, fit and probability", "fit_ours", {}, [("lifetimes", "lifetimes", "fit_lifetimes")]),
]  # fmt: skip


def told(sentence):
    print(sentence, flush=True)


def asked(python, script, job):
    """Run one measurement; return what it found, or why it found nothing."""
    command = [str(python), str(HERE / script), json.dumps(job)]
    own = dict(os.environ, PYTHONHASHSEED="0", RETENTIONEERING_NO_TRACK="1")
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, env=own, check=False, cwd=ROOT
        )
    except subprocess.TimeoutExpired:
        return {"error": LATE}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if lines:
        return json.loads(lines[-1])
    said = done.stderr.strip().splitlines()
    return {"error": said[-1][:300] if said else f"ended with {done.returncode}"}


def row(found, **named):
    seconds = pd.Series(found.get("seconds", []), dtype=float)
    return named | {
        "seconds": seconds.median(),
        "fastest": seconds.min(),
        "slowest": seconds.max(),
        "times": len(seconds),
        "cpu": pd.Series(found.get("cpu", []), dtype=float).median(),
        "peak_mb": found.get("peak_mb"),
        "error": found.get("error", ""),
    }


def stored(rows, name):
    STORE.mkdir(parents=True, exist_ok=True)
    numbers = pd.DataFrame(rows)
    text = numbers.select_dtypes("number").columns
    numbers[text] = numbers[text].map(lambda x: float(f"{x:.4g}") if pd.notna(x) else x)
    whole = [column for column in ("events", "times") if column in numbers]
    numbers[whole] = numbers[whole].astype("Int64")
    numbers.to_csv(STORE / f"{name}.csv", index=False)


def growth(folder, most):
    rows = []
    for n in [size for size in SIZES if size <= most]:
        paths = made(folder, n)
        for name in REDUCTIONS:
            for engine in ("duckdb", "polars", "pandas"):
                job = {"kind": "growth", "engine": engine, "reduction": name, "times": TIMES}
                path = paths["customers" if name in OF_CUSTOMERS else "events"]
                known = {"events": n, "reduction": name, "engine": engine}
                if engine == "pandas" and n > PANDAS_MOST:
                    rows.append(row({"error": "not tried: the whole log in memory"}, **known))
                    continue
                rows.append(row(asked(sys.executable, "reductions.py", job | {"path": str(path)}), **known))
                told("  {events:>11,} {reduction:12} {engine:7} {seconds:8.2f} s {error}".format(**rows[-1]))
                stored(rows, "growth")


def hand(folder, most):
    rows, n = [], min(BESIDE, most)
    paths = made(folder, n)
    for name in REDUCTIONS:
        for engine in ("duckdb", "polars"):
            path = paths["customers" if name in OF_CUSTOMERS else "events"]
            job = {"kind": "beside", "engine": engine, "reduction": name, "times": TIMES, "path": str(path)}
            found = asked(sys.executable, "reductions.py", job)
            one = row(found, events=n, reduction=name, engine=engine)
            # In time on all cores: on a busy machine the clock measures the others.
            theirs = pd.Series(found.get("hand_cpu", []), dtype=float)
            pairs = theirs / pd.Series(found.get("cpu", []), dtype=float)
            one |= {
                "by_hand": theirs.median(),
                "by_hand_seconds": pd.Series(found.get("hand_seconds", []), dtype=float).median(),
                "speed": pairs.median(),
                "speed_low": pairs.min(),
                "speed_high": pairs.max(),
                "agrees": found.get("agrees"),
            }
            rows.append(one)
            told("  {reduction:12} {engine:7} {speed:5.2f} of the speed by hand {error}".format(**one))
            stored(rows, "by_hand")


def peers(folder, most, only=""):
    made_for_peers(folder)
    rows = []
    if only:
        kept = pd.read_csv(STORE / "peers.csv").fillna({"error": "", "result": ""})
        rows = kept[~kept["question"].str.contains(only)].to_dict("records")
    for question, call, choices, others in COMPARED:
        if only not in question:
            continue
        job = {"folder": str(folder), "times": TIMES} | choices
        mine = asked(sys.executable, "peer_calls.py", job | {"call": call})
        rows.append(row(mine, question=question, who="cxmeasure", result=mine.get("result", "")))
        for group, name, theirs in others:
            found = asked(python_of(group), "peer_calls.py", job | {"call": theirs})
            own = row(found, question=question, who=name, result=found.get("result", ""))
            if mine.get("cpu") and found.get("cpu"):
                own["times_ours"] = own["cpu"] / pd.Series(mine["cpu"]).median()
                own["times_ours_low"] = min(found["cpu"]) / max(mine["cpu"])
                own["times_ours_high"] = max(found["cpu"]) / min(mine["cpu"])
            elif mine.get("cpu") and found.get("error") == LATE:
                own["times_ours_low"] = PATIENCE / max(mine["cpu"])
            rows.append(own)
        for one in rows[-1 - len(others) :]:
            told("  {question:28} {who:28} {seconds:9.4f} s {error}".format(**one))
        stored(rows, "peers")


def made(folder, n):
    paths = {kind: folder / f"{kind}-{n}.parquet" for kind in ("events", "customers")}
    if not paths["events"].exists():
        made_events.write_events(n, paths["events"])
        made_events.write_customers(n, paths["customers"])
    return paths


def made_for_peers(folder):
    if (folder / "log.csv").exists():
        return
    made_events.write_customers(1_000_000, folder / "customers.parquet")
    log = made_events.write_events(300_000, folder / "log.parquet")
    duckdb.sql(f"copy (select customer_id, ts, event from '{log}') to '{folder / 'log.csv'}'")
    cdnow = (
        "import sys, pandas as pd; from lifetimes.datasets import load_dataset as load;"
        "d = load('CDNOW_master.txt', header=None, sep=r'\\s+', skiprows=1,"
        "names=['customer_id', 'ts', 'n', 'value'], dtype={'ts': str}); d['ts'] = pd.to_datetime(d['ts']);"
        "d[['customer_id', 'ts', 'value']].to_csv(sys.argv[1], index=False)"
    )
    command = [str(python_of("lifetimes")), "-W", "ignore", "-c", cdnow, str(folder / "cdnow.csv")]
    subprocess.run(command, check=False)


def lock():
    """Return the peers' lock: environment → (Python wanted, names and versions)."""
    groups, group = {}, ""
    for line in (HERE / "peers.lock").read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r"\[(\w+)\] python (\S+)", line):
            group = found[1]
            groups[group] = (found[2], [])
        elif line and not line.startswith("#"):
            groups[group][1].append(line)
    return groups


def python_of(group):
    return PEERS / group / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def set_up_peers():
    """Make each peer's environment from the lock, once."""
    for group, (wanted, names) in lock().items():
        if python_of(group).exists():
            continue
        told(f"Setting up the peers' environment {group}.")
        python = f"python{wanted}" if wanted != ".".join(map(str, sys.version_info[:2])) else sys.executable
        try:
            subprocess.run([python, "-m", "venv", str(PEERS / group)], check=True)
            install = [str(python_of(group)), "-m", "pip", "install", "-q", "--no-deps", *names]
            subprocess.run(install, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            told(f"  {group} could not be set up, and is missing from the comparison: {error}")


def manifest(began):
    hashed = {
        name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest()
        for name in ("requirements.lock", "tests/speed/peers.lock")
    }
    pins = {
        line.split("==")[0].replace("_", "-"): line.split("==")[1]
        for _, names in lock().values()
        for line in names
    }
    named = dict.fromkeys(name for *_, others in COMPARED for _, name, _ in others)
    memory = (
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9 if hasattr(os, "sysconf") else None
    )
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "minutes": round((time.monotonic() - began) / 60, 1),
        "machine": {
            "cores": os.cpu_count(),
            "memory_gb": round(memory) if memory else None,
            "system": platform.system(),
            "processor": platform.machine(),
            "busy": [round(x, 1) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        },
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("duckdb", "polars", "pandas", "narwhals", "numpy")},
        "peers": {name: pins.get(name, "") for name in named},
        "locks": hashed,
    }
    (STORE / "manifest.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def main(*rest):
    most = int(rest[rest.index("--most") + 1]) if "--most" in rest else 10_000_000
    only = rest[rest.index("--only") + 1] if "--only" in rest else ""
    parts = {"growth": growth, "hand": hand, "peers": peers}
    chosen = [part for part in rest if part in parts] or list(parts)
    began = time.monotonic()
    if "peers" in chosen:
        set_up_peers()
    with tempfile.TemporaryDirectory(prefix="cx-speed-") as made_here:
        folder = Path(made_here)
        for part in chosen:
            told({"growth": "Growth", "hand": "Beside code by hand", "peers": "Beside the peers"}[part] + ":")
            parts[part](folder, most, *([only] if part == "peers" else []))
    manifest(began)
    told("Stored in data/speed.")


if __name__ == "__main__":
    main(*sys.argv[1:])
