"""Make the stored tables: ``python -m cxmeasure.lantern.store``.

The same entropy, the same versions and one writing thread give the same bytes. What is stored is what
the chapters read: the claimed world in full, of the other worlds the tables listed here.
"""

import hashlib
import json
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cxmeasure.lantern.dictionary import columns, table_list
from cxmeasure.lantern.parameters import WORLD_NAMES
from cxmeasure.lantern.parquet import write_parquet
from cxmeasure.lantern.simulation import TABLE_NAMES, simulate

# The day the stored company was made for the last time; nothing was looked at to choose it.
ENTROPY: Final = 20_261_123
SIZE: Final = 4000
_SURVEY: Final = ("customers", "invitations", "answers", "followup_sample", "truth_invitation")
STORED: Final = {
    "claimed": TABLE_NAMES,
    "null": (
        *_SURVEY, "events", "journeys", "diary", "followups", "panel_month", "exits", "experiments",
        "touches", "mentions", "truth_person", "truth_journey",
    ),
    "reversed": (*_SURVEY, "diary", "touches", "experiments", "followups", "exits"),
    "tilted": _SURVEY,
    "mar": _SURVEY,
}  # fmt: skip
VERSIONED: Final = ("numpy", "pandas", "scipy", "duckdb")


def make(folder: Path) -> dict[str, Any]:
    """Write every stored table, the manifest and the data package into an empty folder."""
    entries = []
    for world in WORLD_NAMES:
        place = folder / world
        place.mkdir(parents=True)
        company = simulate(world, size=SIZE, seed=ENTROPY, tables=STORED[world])
        for table, frame in company.items():
            path = place / f"{table}.parquet"
            write_parquet(frame, path, level=15)
            entries.append(_entry(world, table, frame, path))
    manifest = {
        "entropy": ENTROPY,
        "size": SIZE,
        "versions": {name: version(name) for name in VERSIONED},
        "tables": entries,
    }
    _write_json(folder / "manifest.json", manifest)
    _write_json(folder / "datapackage.json", datapackage())
    return manifest


def _entry(world: str, table: str, frame: pd.DataFrame, path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "world": world,
        "table": table,
        "rows": len(frame),
        "columns": frame.shape[1],
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def datapackage() -> dict[str, Any]:
    """Return the data dictionary as a Frictionless data package (the files are those of `claimed`)."""
    return {
        "name": "lantern",
        "title": "Lantern, a simulated company",
        "description": "4,000 customers of a fictional subscription service over 36 months. Worlds share the "
        "schema; files of another world lie in the folder of its name.",
        "licenses": [{"name": "MIT", "title": "MIT licence"}],
        "resources": [
            _resource({str(k): str(v) for k, v in row.items()}) for row in table_list().to_dict("records")
        ],
    }


def _resource(table: dict[str, str]) -> dict[str, Any]:
    mine = columns().loc[lambda rows: rows["table"] == table["table"]]
    schema: dict[str, Any] = {
        "fields": [_field({str(k): str(v) for k, v in row.items()}) for row in mine.to_dict("records")]
    }
    if table["key"]:
        schema["primaryKey"] = table["key"].split("+")
    links = [link.split(">") for link in table["links"].split(";") if link]
    if links:
        schema["foreignKeys"] = [
            {
                "fields": [column],
                "reference": {
                    "resource": "" if target == table["table"] else target,
                    "fields": [_key_of(target)],
                },
            }
            for column, target in links
        ]
    return {
        "name": table["table"].replace("_", "-"),
        "path": f"claimed/{table['table']}.parquet",
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "title": f"One row is {table['row']}",
        "hidden": table["hidden"] == "yes",
        "schema": schema,
    }


def _key_of(table: str) -> str:
    return str(table_list().set_index("table").loc[table, "key"])


def _field(column: dict[str, str]) -> dict[str, Any]:
    constraints: dict[str, Any] = {"required": column["required"] == "yes"}
    for bound in ("minimum", "maximum"):
        if column[bound]:
            constraints[bound] = float(column[bound]) if column["type"] == "number" else int(column[bound])
    if column["options"]:
        constraints["enum"] = column["options"].split("|")
    unit = {"unit": column["unit"]} if column["unit"] else {}
    return {
        "name": column["column"],
        "type": column["type"],
        "description": column["meaning"],
        **unit,
        "constraints": constraints,
    }


def main(target: Path) -> None:
    """Make the tables beside `target` and put them in its place in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".lantern-", dir=target.parent))
    try:
        manifest = make(draft)
        draft.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    size = sum(entry["bytes"] for entry in manifest["tables"])
    claimed = sum(entry["bytes"] for entry in manifest["tables"] if entry["world"] == "claimed")
    sys.stdout.write(
        f"{len(manifest['tables'])} tables, {size / 1e6:.1f} MB, claimed {claimed / 1e6:.1f} MB\n"
    )


if __name__ == "__main__":
    main(Path(__file__).resolve().parents[2] / "data" / "lantern")
