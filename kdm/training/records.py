"""The `config.json` of a RUN: what its model is, and where it comes from.

    {"format": "kdm-run", "version": 1, "experiment": {…}, "data_folder": …}

An experiment has a `kind` and a `model`. One that is trained here has `training` and `data`, too; an imported one has a
`source` instead, the file that it was read from. Where the objective compares pictures by a network from files, it has
`weights_sha256`, what was in them by their paths. Only a training reads them.
"""

import json
import shlex
from pathlib import Path
from typing import Any

from kdm.storage import write_json

CONFIG = "config.json"
FORMAT, VERSION = "kdm-run", 1
WEIGHTS_READ = "weights_sha256"
"""The entry of an experiment that runs of earlier versions do not have, whatever they read."""


class RunError(ValueError):
    """A folder that is not the RUN it should be."""


def write_record(run: Path, experiment: dict[str, Any], *, data_folder: Path | None) -> None:
    """Writes the record of an experiment into a folder, and where its data are now: a hint, and no part of it."""
    where = None if data_folder is None else str(data_folder.resolve())
    write_json(run / CONFIG, {"format": FORMAT, "version": VERSION, "experiment": experiment, "data_folder": where})


def read_record(run: Path) -> dict[str, Any]:
    """The record of a folder.

    Raises:
        RunError: If the folder is no RUN, or one of another version.
    """
    try:
        record = json.loads((run / CONFIG).read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise RunError(
            f"no run at '{run}': expected a folder with config.json and model.safetensors. "
            f"Make one with `kdm train PRESET --out {shlex.quote(str(run))}`."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RunError(f"expected JSON in '{run / CONFIG}', got {error}: the run is damaged") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise RunError(f"expected the config.json of a {FORMAT} in '{run}', got something else")
    if record.get("version") != VERSION:
        raise RunError(
            f"expected a run of version {VERSION} in '{run}', got version {record.get('version')}: "
            "use the kdm that wrote it, or train again"
        )
    experiment = record.get("experiment")
    entries = experiment.keys() if isinstance(experiment, dict) else set()
    if not ({"kind", "model", "training", "data"} <= entries or {"kind", "model", "source"} <= entries):
        raise RunError(f"expected an experiment in '{run / CONFIG}', got a damaged one: train or import again")
    return record
