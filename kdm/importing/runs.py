"""A model that was trained elsewhere, as a RUN.

    config.json           what rebuilds the model, and its source: the file's name, its SHA-256 and its layout
    model.safetensors     its weights

The checkpoint is read without being run (`kdm.importing.archive`). The folder is written beside its place, under
`<out>.partial`, and gets its name when both files are whole. There is nothing to resume, hence no `state.pt`, and no
metrics.
"""

import shutil
from pathlib import Path
from typing import Any

from kdm.configuration import to_json
from kdm.importing.checkpoints import NOISE_SCALE, PublishedModel, published_model
from kdm.storage import digest_of, is_trace, lock_beside, sole_writer
from kdm.training.distillation import IMPORTED
from kdm.training.records import CONFIG, RunError, write_record
from kdm.training.runs import RunFolder


def import_model(checkpoint: str | Path, out: str | Path, *, noise_scale: float = NOISE_SCALE) -> RunFolder:
    """The RUN of a published checkpoint, written unless it is there already.

    Args:
        checkpoint: The published file.
        out: Folder of the RUN, a new one or that of the same import.
        noise_scale: Standard deviation of the noise that an image model takes.

    Raises:
        CheckpointError: If the file is none that is known, or is damaged or dangerous.
        RunError: If the folder holds anything but this import.
        FolderInUse: If another process is importing into it.
    """
    source, folder = Path(checkpoint), RunFolder(Path(out))
    published = published_model(source, noise_scale=noise_scale)
    experiment = _experiment(published, source)
    if folder.holds(experiment):
        return folder
    with sole_writer(folder.path, lock=lock_beside(folder.path)):
        _require_nameable(folder.path)
        place = folder.path.resolve()
        draft = RunFolder(place.with_name(f"{place.name}.partial"))
        _require_ours(draft.path)
        try:
            write_record(draft.path, experiment, data_folder=None)
            draft.write_weights(published.model, metadata={})
            draft.path.rename(place)
        except BaseException:
            shutil.rmtree(draft.path, ignore_errors=True)
            raise
    return folder


def _experiment(published: PublishedModel, source: Path) -> dict[str, Any]:
    return {
        "kind": IMPORTED,
        "model": to_json(published.config),
        "source": {"file": source.name, "sha256": digest_of(source), "layout": published.layout},
    }


def _require_nameable(out: Path) -> None:
    """Refuses a folder that cannot be replaced by the finished RUN."""
    if out.is_dir() and (any(out.iterdir()) or out.is_mount() or out.samefile(Path())):
        raise RunError(f"expected '{out}' to be absent or an empty folder inside of another: choose another --out")


def _require_ours(draft: Path) -> None:
    """Refuses to write where something else is than what a killed import leaves."""
    others = [path.name for path in draft.glob("*") if path.name not in {CONFIG, "model.safetensors"}]
    if draft.is_file() or any(not is_trace(Path(name)) for name in others):
        raise RunError(f"'{draft}' is in the way: remove it, or choose another --out")
