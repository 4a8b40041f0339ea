"""A RUN: the folder of one training, from which it resumes and from which its model is loaded.

    config.json         what is trained on what: format, version, experiment (all configurations, the data's digest)
    metrics.jsonl       one line for every logged step, none beyond the last save; held-out errors with the number of
                        pairs, the first ones, that they are of
    state.pt            everything needed to resume; tensors and primitives only, loaded as such
    model.safetensors   averaged weights at the last save, and after how many steps that was
    samples/            where samples are images, a picture of some from every measurement; nothing reads them

A save writes the first four in this order. Weights of the last step therefore say that nothing is left to do, and they
and `config.json` alone are a RUN that loads.

A folder holds one experiment, and one process at a time trains in it. The same experiment resumes; another one is
refused. An imported model is a RUN, too, of `config.json` and `model.safetensors` alone: its experiment names a source
instead of a training and data, and both files appear at once (`kdm.importing.runs`).
"""

import io
import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as safetensors_of
from torch import nn

from kdm.storage import differences, is_trace, lock_inside, replaced_file, sole_writer
from kdm.training.loop import TrainingState
from kdm.training.records import CONFIG, WEIGHTS_READ, RunError, read_record, write_record

__all__ = ["RunError", "RunFolder"]

METRICS, STATE, WEIGHTS = "metrics.jsonl", "state.pt", "model.safetensors"


class RunFolder:
    """One RUN on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def is_finished(self, experiment: dict[str, Any]) -> bool:
        """Whether the folder is the RUN of this experiment and nothing is left to do; such a RUN is only read.

        Args:
            experiment: What is trained on what; `training`, with its `steps`, is among its entries.

        Raises:
            RunError: If the folder holds anything but this experiment.
        """
        return self.holds(experiment) and self.trained_steps() >= experiment["training"]["steps"]

    @contextmanager
    def claimed(self, experiment: dict[str, Any], *, data_folder: Path | None) -> Iterator[None]:
        """Within, the folder is the RUN of this experiment, new or unfinished, and no other process trains in it.

        A new one that fails before anything is saved is none: another experiment may take the folder.

        Args:
            experiment: What is trained on what.
            data_folder: Where the data are now; a hint, and no part of the experiment.

        Raises:
            RunError: If the folder holds anything but this experiment.
            FolderInUse: If another process trains in it.
        """
        self.holds(experiment)
        with sole_writer(self.path, lock=lock_inside(self.path)):
            if self.holds(experiment):
                yield
                return
            write_record(self.path, experiment, data_folder=data_folder)
            try:
                yield
            except Exception:
                if not any((self.path / name).exists() for name in (METRICS, STATE, WEIGHTS)):
                    (self.path / CONFIG).unlink(missing_ok=True)
                raise

    def holds(self, experiment: dict[str, Any]) -> bool:
        """Whether the folder is the RUN of this experiment already; where it is none yet, it holds nothing.

        Raises:
            RunError: If it holds anything else.
        """
        if (self.path / CONFIG).exists():
            found, wanted = self.experiment(), json.loads(json.dumps(experiment))
            if WEIGHTS_READ not in found:
                wanted.pop(WEIGHTS_READ, None)  # what an earlier version has read, nobody knows
            if found != wanted:
                kinds = [f"kind: {found['kind']}"] if found["kind"] != wanted["kind"] else []
                raise RunError(
                    f"expected '{self.path}' to hold this experiment, got another one (it differs in "
                    f"{', '.join(kinds or differences(found, wanted))}): choose another --out, or remove the folder"
                )
            return True
        if self.path.is_file() or (self.path.is_dir() and not all(map(is_trace, self.path.iterdir()))):
            raise RunError(f"expected '{self.path}' to be new or a RUN, got something else there: choose another --out")
        return False

    def experiment(self) -> dict[str, Any]:
        """What is trained on what.

        Raises:
            RunError: If the folder is no RUN, or one of another version.
        """
        experiment: dict[str, Any] = read_record(self.path)["experiment"]
        return experiment

    def experiment_of(self, kind: str) -> dict[str, Any]:
        """What is trained on what, where it is of this kind.

        Raises:
            RunError: If it is of another.
        """
        experiment = self.experiment()
        if experiment.get("kind") != kind:
            raise RunError(f"expected a {kind} in '{self.path}', got {experiment.get('kind')!r}: name another RUN")
        return experiment

    def data_folder(self) -> Path:
        """Where the data were when the training began.

        Raises:
            RunError: If they were in memory, or the model was trained elsewhere.
        """
        if self.is_imported():
            raise RunError(f"'{self.path}' was imported, without the data of its training: name a data set with --data")
        folder = read_record(self.path).get("data_folder")
        if folder is None:
            raise RunError(f"the data of '{self.path}' were in memory and are gone: name a data set with --data")
        return Path(folder)

    def is_imported(self) -> bool:
        """Whether the model was trained elsewhere.

        Raises:
            RunError: If the folder is no RUN.
        """
        return "source" in self.experiment()

    def require_finished(self) -> None:
        """Refuses a RUN whose training has not reached its last step.

        Raises:
            RunError: If there are steps to do.
        """
        if self.is_imported():
            return  # it appeared whole
        steps, done = self.experiment()["training"]["steps"], self.trained_steps()
        if done < steps:
            raise RunError(
                f"expected a finished training in '{self.path}', got one at step {done} of {steps}: "
                "the command that began it goes on from there"
            )

    @property
    def weights(self) -> Path:
        """The file of the model's weights."""
        return self.path / WEIGHTS

    def trained_steps(self) -> int:
        """After how many steps the weights in the folder were saved; 0 where there are none.

        Raises:
            RunError: If they are damaged, or do not say.
        """
        path = self.weights
        try:
            with safe_open(path, framework="pt") as weights:
                return int((weights.metadata() or {})["steps"])
        except FileNotFoundError:
            return 0
        except (SafetensorError, KeyError, ValueError) as error:
            raise RunError(
                f"expected weights that say their training steps in '{path}', got a file that is damaged or of another "
                f"version ({error}): remove it, and the command that began the training writes it anew"
            ) from None

    def save(self, state: TrainingState, lines: list[str]) -> None:
        """Saves these further lines of metrics, the state and the averaged weights; whole files, weights last."""
        with open(self.path / METRICS, "a") as metrics:
            metrics.writelines(lines)
        # Through memory: of a full disk, torch's own writer tells nothing that a user understands.
        content = io.BytesIO()
        torch.save(state.state_dict(), content)
        with replaced_file(self.path / STATE) as temporary:
            temporary.write_bytes(content.getbuffer())
        self.save_weights(state)

    def restore(self, state: TrainingState) -> None:
        """Brings the state to where the folder's last save left it; a folder without a save changes nothing.

        Raises:
            RunError: If that save is damaged, or something else.
        """
        path = self.path / STATE
        if path.exists():
            device = next(state.module.parameters()).device
            try:
                state.load_state_dict(torch.load(path, map_location=device, weights_only=True))
            except pickle.UnpicklingError:
                # torch's own message proposes to unpickle anyway, which would run whatever code the file holds.
                raise RunError(f"expected a training state in '{path}', got something else: remove it") from None
            except (RuntimeError, KeyError, EOFError, ValueError, TypeError, OSError) as error:
                raise RunError(f"expected a training state in '{path}', got a damaged file ({error})") from error

    def save_picture(self, name: str, content: bytes) -> None:
        """Writes a picture into `samples`."""
        with replaced_file(self.path / "samples" / name) as temporary:
            temporary.write_bytes(content)

    def save_weights(self, state: TrainingState) -> None:
        """Writes `model.safetensors`: the weights of the result so far, and the number of steps."""
        self.write_weights(state.result(), metadata={"steps": str(state.step)})

    def write_weights(self, module: nn.Module, *, metadata: dict[str, str]) -> None:
        """Writes `model.safetensors`: the module's weights."""
        tensors = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
        with replaced_file(self.weights) as temporary:
            temporary.write_bytes(safetensors_of(tensors, metadata=metadata))

    def load_weights(self, module: nn.Module) -> None:
        """Fills the module with the folder's averaged weights.

        Raises:
            RunError: If they are damaged or of another model.
        """
        try:
            module.load_state_dict(load_file(self.weights))
        except Exception as error:  # safetensors and torch each raise several kinds for a damaged file
            raise RunError(f"expected the weights of this model in '{self.weights}', got: {error}") from error

    def metrics(self) -> list[dict[str, Any]]:
        """The logged steps, in order; while a process trains, a last one that it is writing is left out."""
        return [json.loads(line) for line in self._whole_lines(up_to=float("inf"))]

    def _whole_lines(self, *, up_to: float) -> list[str]:
        path = self.path / METRICS
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if (step := _step_of(line)) is not None and step <= up_to]

    def drop_metrics_after(self, step: int) -> None:
        """Removes lines of metrics of later steps than the last save."""
        path = self.path / METRICS
        if path.exists():
            # A kill can leave lines that no saved state knows of, the last of them torn.
            kept = "".join(f"{line}\n" for line in self._whole_lines(up_to=step))
            with replaced_file(path) as temporary:
                temporary.write_text(kept)


def _step_of(line: str) -> int | None:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return None  # torn
