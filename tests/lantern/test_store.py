"""Stored tables: complete, described, valid, made again byte by byte, and honest when they are not there."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from frictionless import Package, Schema, system
from frictionless.resources import TableResource

from cxmeasure import _data, lantern
from cxmeasure.errors import ArgumentError, StoreError
from cxmeasure.lantern import parquet, simulation, store
from cxmeasure.lantern.dictionary import columns, dtypes, table_list

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "data" / "lantern"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
PACKAGE = json.loads((FOLDER / "datapackage.json").read_text(encoding="utf-8"))
STORED = [(entry["world"], entry["table"]) for entry in MANIFEST["tables"]]


def test_the_stored_tables_are_small_enough() -> None:
    size = {world: sum(e["bytes"] for e in MANIFEST["tables"] if e["world"] == world) for world, _ in STORED}
    print({world: f"{count / 1e6:.2f} MB" for world, count in size.items()})
    assert sum(size.values()) <= 15e6
    assert size["claimed"] <= 6e6


def test_the_manifest_lists_every_file_with_its_rows_and_hash() -> None:
    files = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.parquet"))
    assert files == sorted(f"{entry['world']}/{entry['table']}.parquet" for entry in MANIFEST["tables"])
    for entry in MANIFEST["tables"]:
        content = (FOLDER / entry["world"] / f"{entry['table']}.parquet").read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry
    assert MANIFEST["entropy"] == store.ENTROPY
    assert set(MANIFEST["versions"]) == {"numpy", "pandas", "scipy", "duckdb"}


def test_every_table_of_the_claimed_world_is_stored() -> None:
    assert {table for world, table in STORED if world == "claimed"} == set(simulation.TABLE_NAMES)
    assert set(table_list()["table"]) == set(simulation.TABLE_NAMES) == set(columns()["table"])


@pytest.mark.parametrize(("world", "table"), STORED, ids="/".join)
def test_a_stored_table_loads_with_its_types_and_rows(world: str, table: str) -> None:
    frame = lantern.load(table, world)
    rows = next(e["rows"] for e in MANIFEST["tables"] if (e["world"], e["table"]) == (world, table))
    assert len(frame) == rows
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == dtypes(table)


@pytest.mark.parametrize(("world", "table"), STORED, ids="/".join)
def test_a_stored_table_obeys_the_data_dictionary(world: str, table: str) -> None:
    """Frictionless checks types, required values, bounds and options of a sample, numpy those of all rows."""
    frame = lantern.load(table, world)
    spec = next(r for r in PACKAGE["resources"] if r["name"] == table.replace("_", "-"))["schema"]
    for field in spec["fields"]:
        values, rules = frame[field["name"]], field["constraints"]
        assert not (rules["required"] and values.isna().any()), field
        known = values.dropna()
        if "minimum" in rules:
            assert (known >= rules["minimum"]).all(), field
        if "maximum" in rules:
            assert (known <= rules["maximum"]).all(), field
        if "enum" in rules:
            assert set(known) <= set(rules["enum"]), field
    if "primaryKey" in spec:
        assert not frame.duplicated(spec["primaryKey"]).any()
    for link in spec.get("foreignKeys", []):
        target = link["reference"]["resource"] or table
        if (world, target) in STORED:
            there = lantern.load(target, world)[link["reference"]["fields"][0]]
            assert frame[link["fields"][0]].dropna().isin(there).all(), link


def test_frictionless_finds_the_data_package_valid() -> None:
    with system.use_context(trusted=True):
        report = Package.validate_descriptor(
            {**PACKAGE, "resources": [_inline(r) for r in PACKAGE["resources"]]}
        )
    assert report.valid, report.to_summary()


@pytest.mark.parametrize("name", table_list()["table"])
def test_frictionless_finds_rows_of_each_table_valid(name: str) -> None:
    spec = next(r for r in PACKAGE["resources"] if r["name"] == name.replace("_", "-"))["schema"]
    schema = {"fields": spec["fields"], "primaryKey": spec.get("primaryKey", [])}
    frame = lantern.load(name)
    step = max(1, len(frame) // 200)
    sample = frame.iloc[::step]
    rows = [
        [_plain(value, field["type"]) for value, field in zip(row, spec["fields"], strict=True)]
        for row in sample.to_numpy(dtype=object)
    ]
    resource = TableResource(data=[list(frame.columns), *rows], schema=Schema.from_descriptor(schema))
    report = resource.validate()
    assert report.valid, report.flatten(["rowNumber", "fieldName", "note"])[:5]


def _inline(resource: dict) -> dict:
    return {
        "name": resource["name"],
        "data": [[f["name"] for f in resource["schema"]["fields"]]],
        "schema": resource["schema"],
    }


def _plain(value: object, kind: str) -> object:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    if kind == "date":
        return pd.Timestamp(value).date()
    if kind == "datetime":
        return pd.Timestamp(value).to_pydatetime()
    return {"integer": int, "number": float, "boolean": bool, "string": str}[kind](value)


def test_every_column_says_what_it_means() -> None:
    assert (columns()["meaning"].str.len() > 2).all()
    numbers = columns().query("type == 'number'")
    assert (numbers["unit"] != "").all(), numbers[numbers["unit"] == ""]


@pytest.mark.slow
def test_the_stored_tables_are_made_again_byte_by_byte(tmp_path: Path) -> None:
    again = store.make(tmp_path)
    stored = {(e["world"], e["table"]): e["sha256"] for e in MANIFEST["tables"]}
    assert {(e["world"], e["table"]): e["sha256"] for e in again["tables"]} == stored
    for name in ("manifest.json", "datapackage.json"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("backend", ["polars", "pyarrow", "duckdb"])
def test_every_backend_gets_the_same_rows(backend: str) -> None:
    expected = lantern.load("contracts")
    table = lantern.load("contracts", backend=backend)
    got = table.df() if backend == "duckdb" else table.to_pandas()
    assert len(got) == len(expected)
    assert np.allclose(got["price"], expected["price"])
    assert got["renewed"].isna().sum() == expected["renewed"].isna().sum()


def test_an_unknown_table_or_world_or_backend_is_met_with_a_suggestion() -> None:
    with pytest.raises(ArgumentError, match="Did you mean 'invitations'"):
        lantern.load("invitation")
    with pytest.raises(ArgumentError, match="Did you mean 'claimed'"):
        lantern.load("customers", world="claims")
    with pytest.raises(ArgumentError, match="Did you mean 'polars'"):
        lantern.load("customers", backend="polar")
    with pytest.raises(ArgumentError, match="Did you mean 'tilted'"):
        lantern.truth("titled")


def test_a_world_that_is_not_here_says_how_to_simulate_it() -> None:
    with pytest.raises(StoreError, match=r"lantern\.simulate\('mar', size=4000, seed=1"):
        lantern.load("events", world="mar")


def test_a_broken_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (FOLDER / "claimed" / "exits.parquet").read_bytes()
    for name, broken in {
        "exits": content[: len(content) // 2],
        "usage": b"",
        "events": b"PAR1 nothing",
    }.items():
        (tmp_path / "claimed").mkdir(exist_ok=True)
        (tmp_path / "claimed" / f"{name}.parquet").write_bytes(broken)
        monkeypatch.setattr(_data, "folder", lambda _: tmp_path)
        for backend in ("pandas", "duckdb"):
            with pytest.raises(StoreError, match="broken or half-written"):
                lantern.load(name, backend=backend)


def test_loading_twice_gives_two_frames_that_do_not_share_memory() -> None:
    one = lantern.load("exits")
    one.loc[0, "stated_reason"] = "price"
    one["customer_id"] = 0
    assert lantern.load("exits")["customer_id"].min() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": -5}, "size=-5 is out of range"),
        ({"size": 0}, "size=0 is out of range"),
        ({"seed": -1}, "seed=-1 is out of range"),
        ({"size": 2.5}, "size=2.5 is out of range"),
        ({"tables": ["evens"]}, "Did you mean 'events'"),
        ({"parameters": {"loss_aversoin": 2}}, "Did you mean 'loss_aversion'"),
        ({"parameters": {"holdout_share": 1.5}}, "holdout_share=1.5 is out of range"),
        ({"parameters": {"frailty_sd": -1}}, "frailty_sd=-1 is out of range"),
        ({"parameters": {"affect_half_life": 0}}, "affect_half_life=0 is out of range"),
        ({"parameters": {"quality": "high"}}, "quality='high' is out of range"),
        ({"parameters": {"quality": float("nan")}}, "quality=nan is out of range"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        lantern.simulate("claimed", **{"size": 10, "seed": 1, **arguments})


def test_a_company_written_to_a_folder_is_the_one_in_memory(tmp_path: Path) -> None:
    tables = ["customers", "events", "answers", "departments"]
    folder = lantern.simulate("tilted", size=700, seed=3, to=tmp_path / "company", tables=tables)
    memory = lantern.simulate("tilted", size=700, seed=3, tables=tables)
    assert sorted(path.name for path in folder.iterdir()) == sorted(tables)
    for name, frame in memory.items():
        written = parquet.read_parquet(folder / name / "*.parquet")
        assert len(written) == len(frame)
        assert (written.iloc[:, 0].to_numpy() == frame.iloc[:, 0].to_numpy()).all()
    with pytest.raises(ArgumentError, match="exists already"):
        lantern.simulate("tilted", size=10, seed=3, to=folder)


def test_chunks_run_on_where_the_last_one_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = [
        "customers",
        "events",
        "journeys",
        "invitations",
        "answers",
        "contracts",
        "followups",
        "touches",
        "diary",
    ]
    whole = lantern.simulate("claimed", size=2500, seed=8, tables=tables)
    monkeypatch.setattr(simulation, "CHUNK_BLOCKS", 1)
    pieces = lantern.simulate("claimed", size=2500, seed=8, tables=tables)
    for name in tables:
        pd.testing.assert_frame_equal(whole[name], pieces[name])


def test_a_full_disk_leaves_no_half_written_company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def full(frame: pd.DataFrame, path: Path) -> None:
        if len(written) == 3:
            with parquet._prose("Writing events"):
                raise OSError(28, "No space left on device")
        written.append(path)
        parquet_write(frame, path)

    parquet_write = parquet.write_parquet
    monkeypatch.setattr(parquet, "write_parquet", full)
    with pytest.raises(StoreError, match=r"the disk is full\. Nothing was kept"):
        lantern.simulate("claimed", size=100, seed=1, to=tmp_path / "company")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_plain_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="Nothing was kept"):
        lantern.simulate("claimed", size=10, seed=1, tables=["customers"], to=tmp_path / "file" / "company")


def test_without_tqdm_and_pyarrow_a_company_is_still_made() -> None:
    code = (
        "import sys; sys.modules['tqdm'] = None; sys.modules['pyarrow'] = None\n"
        "from cxmeasure.lantern import load, simulate\n"
        "print(len(simulate(size=50, seed=1, tables=['customers'])['customers']), len(load('exits')) > 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "50 True", done.stderr
