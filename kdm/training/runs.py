"""A RUN: the folder of one training, from which it resumes and from which its model is loaded.

    config.json         what is trained on what: format, version, experiment (all configurations, the data's digest)
    model.safetensors   averaged weights at the last save
    state.pt            everything needed to resume; tensors and primitives only, loaded as such
    metrics.jsonl       one line for every logged step, none beyond the last save

A folder holds one experiment. The same experiment resumes; another one is refused.
"""

import json
import pickle
import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from kdm.objectives import Objective
from kdm.storage import replaced_file, write_json
from kdm.training.loop import Step, TrainingState, train
from kdm.trajectories import Pairs

FORMAT, VERSION = "kdm-run", 1


class RunError(ValueError):
    """A folder that is not the RUN it should be."""


class RunFolder:
    """One RUN on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create_or_check(self, experiment: dict[str, Any], *, data_folder: Path | None) -> None:
        """Makes the folder the RUN of this experiment, or checks that it already is.

        Args:
            experiment: What is trained on what; `training`, with its `steps`, is among its entries.
            data_folder: Where the data are now; a hint, and no part of the experiment.

        Raises:
            RunError: If the folder holds anything else.
        """
        if (self.path / "config.json").exists():
            found = self.experiment()
            if found != json.loads(json.dumps(experiment)):
                differing = ", ".join(sorted(_differences(found, json.loads(json.dumps(experiment)))))
                raise RunError(
                    f"expected '{self.path}' to hold this experiment, got another one (it differs in {differing}): "
                    "choose another --out, or remove the folder"
                )
        elif self.path.exists() and any(self.path.iterdir()):
            raise RunError(f"expected '{self.path}' to be new or a RUN, got a folder with other files: choose another")
        else:
            where = None if data_folder is None else str(data_folder.resolve())
            record = {"format": FORMAT, "version": VERSION, "experiment": experiment, "data_folder": where}
            write_json(self.path / "config.json", record)

    def experiment(self) -> dict[str, Any]:
        """What is trained on what.

        Raises:
            RunError: If the folder is no RUN, or one of another version.
        """
        experiment: dict[str, Any] = self._record()["experiment"]
        return experiment

    def data_folder(self) -> Path:
        """Where the data were when the training began.

        Raises:
            RunError: If they were in memory.
        """
        folder = self._record().get("data_folder")
        if folder is None:
            raise RunError(f"the data of '{self.path}' were in memory and are gone: name a data set with --data")
        return Path(folder)

    def require_finished(self) -> None:
        """Refuses a RUN whose training has not reached its last step.

        Raises:
            RunError: If there are steps to do.
        """
        steps, metrics = self.experiment()["training"]["steps"], self.metrics()
        done = metrics[-1]["step"] if metrics else 0
        if done < steps:
            raise RunError(
                f"expected a finished training in '{self.path}', got one at step {done} of {steps}: "
                "the command that began it goes on from there"
            )

    def _record(self) -> dict[str, Any]:
        try:
            record = json.loads((self.path / "config.json").read_text())
        except (FileNotFoundError, NotADirectoryError):
            raise RunError(
                f"no run at '{self.path}': expected a folder with config.json and model.safetensors. "
                f"Make one with `kdm train PRESET --out {self.path}`."
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise RunError(f"expected JSON in '{self.path / 'config.json'}', got {error}: the run is damaged") from None
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise RunError(f"expected the config.json of a {FORMAT} in '{self.path}', got something else")
        if record.get("version") != VERSION:
            raise RunError(
                f"expected a run of version {VERSION} in '{self.path}', got version {record.get('version')}: "
                "use the kdm that wrote it, or train again"
            )
        experiment = record.get("experiment")
        if not isinstance(experiment, dict) or not {"kind", "model", "training", "data"} <= experiment.keys():
            raise RunError(f"expected an experiment in '{self.path / 'config.json'}', got a damaged one: train again")
        return record

    def save(self, state: TrainingState, lines: list[str]) -> None:
        """Saves the state, the averaged weights and these further lines of metrics; whole files, state last."""
        with open(self.path / "metrics.jsonl", "a") as metrics:
            metrics.writelines(lines)
        self.save_weights(state.average.module)
        with replaced_file(self.path / "state.pt") as temporary:
            torch.save(state.state_dict(), temporary)

    def restore(self, state: TrainingState) -> None:
        """Brings the state to where the folder's last save left it; a folder without a save changes nothing."""
        path = self.path / "state.pt"
        if path.exists():
            device = next(state.module.parameters()).device
            try:
                state.load_state_dict(torch.load(path, map_location=device, weights_only=True))
            except pickle.UnpicklingError:
                # torch's own message proposes to unpickle anyway, which would run whatever code the file holds.
                raise RunError(f"expected a training state in '{path}', got something else: remove it") from None
            except (RuntimeError, KeyError, EOFError, ValueError, TypeError, OSError) as error:
                raise RunError(f"expected a training state in '{path}', got a damaged file ({error})") from error
        self._drop_metrics_after(state.step)

    def save_weights(self, module: nn.Module) -> None:
        """Writes `model.safetensors`."""
        weights = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
        with replaced_file(self.path / "model.safetensors") as temporary:
            save_file(weights, temporary)

    def load_weights(self, module: nn.Module) -> None:
        """Fills the module with the folder's averaged weights.

        Raises:
            RunError: If they are missing, damaged or of another model.
        """
        path = self.path / "model.safetensors"
        if not path.exists():
            raise RunError(f"expected trained weights in '{path}', got none: finish the training first")
        try:
            module.load_state_dict(load_file(path))
        except Exception as error:  # safetensors and torch each raise several kinds for a damaged file
            raise RunError(f"expected the weights of this model in '{path}', got: {error}") from error

    def metrics(self) -> list[dict[str, Any]]:
        """The logged steps, in order."""
        path = self.path / "metrics.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def _drop_metrics_after(self, step: int) -> None:
        path = self.path / "metrics.jsonl"
        if path.exists():
            # A kill can leave lines that no saved state knows of, the last of them torn.
            kept = [line for line in path.read_text().splitlines() if _step_of(line) <= step]
            with replaced_file(path) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in kept))


def train_in_folder(
    folder: RunFolder, *, state: TrainingState, objective: Objective, training: Pairs, heldout: Pairs,
    log_every: int = 50,
) -> Generator[Step, None, None]:  # fmt: skip
    """Trains from where the folder's last save left off, and saves at every held-out measurement.

    An interrupt (Ctrl-C, SIGTERM) waits for the end of the step, saves, and is then raised as KeyboardInterrupt.

    Yields:
        Every finished step.
    """
    folder.restore(state)
    lines: list[str] = []
    with _deferred_interrupts() as interrupted:
        for step in train(state, objective, training, heldout):
            if step.index % log_every == 0 or step.heldout is not None:
                lines.append(json.dumps(_logged(step)) + "\n")
            if step.heldout is not None or interrupted.is_set():
                folder.save(state, lines)
                lines = []
            if interrupted.is_set():
                raise KeyboardInterrupt
            yield step


def _logged(step: Step) -> dict[str, Any]:
    values: dict[str, Any] = {
        "step": step.index,
        "learning_rate": step.learning_rate,
        "total": step.losses.total.item(),
    }
    values |= {name: part.item() for name, part in step.losses.parts.items()}
    if step.heldout is not None:
        values |= {"heldout_paired_error": step.heldout.relative_rmse, "heldout_median": step.heldout.median}
    return values


def _step_of(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return float("inf")


def _differences(left: Any, right: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted(left.keys() | right.keys()):
            yield from _differences(left.get(name), right.get(name), f"{prefix}.{name}" if prefix else name)
    elif left != right:
        yield prefix or "everything"


@contextmanager
def _deferred_interrupts() -> Iterator[threading.Event]:
    """Within, the first interrupt only sets the event; a second one acts at once."""
    requested = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield requested
        return

    def request(number: int, frame: FrameType | None) -> None:
        requested.set()
        signal.signal(number, previous[number])

    previous = {int(number): signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in previous:
            signal.signal(number, request)
        yield requested
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
