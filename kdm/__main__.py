"""The command line: parses, calls, prints. `kdm --help` lists the commands.

A command that fails says in one screen what was expected, what was found and what to do, and exits with 2; `--debug`
shows the traceback instead. An interrupted command exits with 130, a terminated one with 143, and the same command
goes on where it was.
"""

import errno
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import numpy as np
import torch
import tyro
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, Positional, UseAppendAction

from kdm.evaluation import Inception, ReferenceStatistics
from kdm.evaluation import evaluate as evaluation_of
from kdm.importing.layouts import LAYOUTS
from kdm.importing.layouts import pack as packed
from kdm.importing.runs import import_model
from kdm.interrupts import Terminated, termination_raised
from kdm.presets import PRESETS, Choices, preset_named
from kdm.sampling import sample as sampled
from kdm.storage import replaced_file, write_json
from kdm.teachers import named
from kdm.training.distillation import load
from kdm.training.distributed import joined_processes, made_once, own_device
from kdm.training.measurable import data_for
from kdm.training.pictures import save_picture_of
from kdm.training.runs import RunFolder
from kdm.trajectories import collect as collected
from kdm.trajectories import open_trajectories

Flag = FlagCreatePairsOff[bool]
Device = Literal["auto", "cpu", "cuda"]

AS_IT_IS = Choices()
"""Nothing of a preset is changed."""
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
STOPPED = "stopped: what was finished is saved, and the same command goes on from there"


def collect(
    teacher: Positional[str], *, out: Path, pairs: int = 50_000, steps: int | None = None, keep: tuple[int, ...] = (),
    classes: int | None = None, seed: int = 0, device: Device = "auto", debug: Flag = False,
) -> None:  # fmt: skip
    """Integrate a teacher's flow from noise to data and store the pairs.

    Args:
        teacher: gaussian | mixture | checkerboard | digits | digits-conditional | patches32, or the local folder of a
            diffusers pipeline of images.
        out: Folder of the data set. The same command resumes an interrupted one.
        pairs: How many; the last tenth is held out.
        steps: Steps of Heun's method; without it the teacher's own: 64, of patches32 24, of a pipeline 32.
        keep: Steps, of 0 (noise) to STEPS (data), after which states are stored beside both ends; the preset
            checkerboard-trajectory has 16 32 48.
        classes: Classes to ask a pipeline for, its first ones, where a network trained with guidance counts its null
            class as one more; all unless given.
        seed: Seed of the noise.
        device: Where to integrate; auto takes CUDA when there is one.
        debug: Show the traceback of an error.
    """
    data = collected(
        named(teacher, classes=classes), pairs, generator=torch.Generator().manual_seed(seed), steps=steps, keep=keep,
        out=out, device=_device(device), progress=True,
    )  # fmt: skip
    times = f" at {len(data.manifest.times)} times" if data.trajectory is not None else ""
    error = data.manifest.solver["error"]["median"]
    print(f"{len(data):,} pairs{times} in {out}, median solver error {error:.1e} (measured)")


def pack(source: Positional[Path], *, layout: str, out: Path, seed: int = 0, debug: Flag = False) -> None:
    """Turn published arrays into a data set.

    Args:
        source: The published file, or the folder of one .npz file a sample.
        layout: checkerboard | cifar10-edm | cifar10-edm-test | cifar10-flow | cifar10-conditional | image64.
        out: Folder of the data set. The same command resumes an interrupted one.
        seed: Seed of the order of the samples of a folder; that of the checkerboard is kept.
        debug: Show the traceback of an error.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"expected one of the layouts {', '.join(LAYOUTS)}, got {layout!r}")
    data = packed(source, layout=LAYOUTS[layout], out=out, seed=seed, progress=True)
    print(f"{len(data):,} pairs in {out}")


def import_checkpoint(
    checkpoint: Positional[Path], *, out: Path, noise_scale: float = 80.0, debug: Flag = False
) -> None:
    """Turn a published model into a run, without running its pickle.

    Args:
        checkpoint: A file of the models of Berman et al. 2025: the checkerboard's, or the state dict of one of images.
        out: Folder of the run.
        noise_scale: Standard deviation of the noise that a model of images takes, 80 or (flow matching) 1.
        debug: Show the traceback of an error.
    """
    import_model(checkpoint, out, noise_scale=noise_scale)
    parameters = sum(parameter.numel() for parameter in load(out).parameters())
    word = f"./{out}" if str(out) in PRESETS else shlex.quote(str(out))  # a preset of the same name comes first
    print(f"{out}: {parameters:,} parameters; measure it with `kdm verify {word} --data DATA`")


def train(
    preset: Positional[str], *, out: Path, data: Path | None = None, choices: OmitArgPrefixes[Choices] = AS_IT_IS,
    seed: int = 0, device: Device = "auto", debug: Flag = False,
) -> None:  # fmt: skip
    """Distil a model. The same command resumes an interrupted one.

    Ctrl-C and SIGTERM save after the step and stop; a second Ctrl-C stops at once.

    `torchrun --nproc-per-node N -m kdm train …` does it in N processes, on as many CUDA devices where there are some.

    Args:
        preset: checkerboard | mixture | mixture-10 | gaussian | digits | digits-large | digits-conditional |
            patches32 | checkerboard-trajectory, whose pairs are made; or, with --data, cifar10 | cifar10-conditional |
            cifar10-spectral | ffhq64 | afhqv2-64.
        out: Folder of the run.
        data: A data set; without it the preset's own pairs are collected into OUT-data.
        choices: Where it should differ from the preset.
        seed: Seed of the weights and of the order of the pairs.
        device: Where to train; auto takes CUDA when there is one.
        debug: Show the traceback of an error.
    """
    chosen, place = preset_named(preset), own_device(_device(device))
    chosen = replace(chosen, distillation=choices.of(chosen.seeded(seed).distillation))
    if data is None:
        chosen.rehearse()
    from kdm.verification import train_with_bar  # with all that measures, which takes seconds to import

    with joined_processes(place) as processes:
        speaks = processes.rank == 0
        pairs = open_trajectories(data) if data else made_once(lambda: collected(
            chosen.teacher_object(), chosen.pairs, generator=torch.Generator().manual_seed(seed),
            steps=chosen.solver_steps, keep=chosen.keep, out=out.with_name(f"{out.name}-data"), device=place,
            progress=speaks,
        ), processes)  # fmt: skip
        train_with_bar(chosen.distillation, pairs, out, device=place, preset=preset, progress=speaks)
    if speaks:
        metrics = RunFolder(out).metrics()
        error = f"{100 * metrics[-1]['heldout_paired_error']:.2f} %" if metrics else "unknown, metrics.jsonl is gone,"
        print(f"{out}: held-out error {error} after {chosen.distillation.training.steps:,} steps")


def sample(
    run: Positional[Path], *, count: int, out: Path, label: int | None = None, seed: int = 0, device: Device = "auto",
    debug: Flag = False,
) -> None:  # fmt: skip
    """Draw one-step samples from a run, into a .npy array or a .png picture.

    Args:
        run: Folder of the run.
        count: How many.
        out: The file, a new one; a picture shows points of the plane, or up to 400 images.
        label: The class of all samples, of a model that is told classes; all classes in turn unless given.
        seed: Seed of the noise.
        device: Where to compute; auto takes CUDA when there is one.
        debug: Show the traceback of an error.
    """
    if out.suffix not in {".npy", ".png"}:
        raise ValueError(f"expected a file that ends in .npy or .png, got '{out}'")
    if out.exists():
        raise FileExistsError(f"expected a new file, got '{out}', which is there: remove it, or choose another --out")
    model = load(run, device=_device(device))
    labels = None if label is None else torch.full((max(count, 0),), label)  # too few are refused below
    samples = sampled(model, count, generator=torch.Generator().manual_seed(seed), labels=labels).cpu().numpy()
    if out.suffix == ".npy":
        with replaced_file(out) as temporary, open(temporary, "wb") as file:
            # As a stream: what fails in NumPy's way of writing to files does not say that the disk is full.
            np.save(SimpleNamespace(write=file.write), samples)
    else:
        save_picture_of(samples, out)
    print(f"{count:,} samples in {out}")


def evaluate(
    run: Positional[Path], *, data: Path | None = None, samples: int = 10_000, inception_weights: Path | None = None,
    fid_statistics: Path | None = None, seed: int = 0, device: Device = "auto", debug: Flag = False,
) -> None:  # fmt: skip
    """Measure a run's one-step samples on held-out pairs and as a distribution; writes evaluation.json into the run.

    Where the run is read-only, the numbers are shown all the same.

    Args:
        run: Folder of the run.
        data: A data set, where it should differ from the one that the run was trained on.
        samples: Fresh samples to compare with as many of the data.
        inception_weights: Weights of Inception-v3, whose features images are compared by; principal components unless
            given.
        fid_statistics: An .npz file of the mean `mu` and covariance `sigma` of these features of reference images, to
            compare with as well.
        seed: Seed of fresh noise and of the resampling.
        device: Where to compute; auto takes CUDA when there is one.
        debug: Show the traceback of an error.
    """
    place = _device(device)
    features = None if inception_weights is None else Inception.of_file(inception_weights)
    statistics = None if fid_statistics is None else ReferenceStatistics.of_file(fid_statistics)
    model = load(run, device=place)
    pairs = data_for(run, data)
    measured = evaluation_of(
        model, pairs, count=samples, seed=seed, device=place, features=features, statistics=statistics
    )
    width = max(24, *map(len, measured.quantities))
    for name, interval in measured.quantities.items():
        floor = f"   floor {measured.floor[name].estimate:.4g}" if name in measured.floor else ""
        print(f"{name:{width}} {interval.estimate:.4g}  [{interval.low:.4g}, {interval.high:.4g}]{floor}")
    for note in measured.notes:
        print(f"note: {note}")
    try:
        write_json(run / "evaluation.json", measured.to_json())
    except OSError as error:
        if error.errno not in FORBIDDEN:
            raise
        print(f"not kept: '{run / 'evaluation.json'}' cannot be written ({error.strerror})", file=sys.stderr)


def verify(
    target: Positional[str] = "checkerboard", *, data: Path | None = None,
    beside: UseAppendAction[tuple[Path, ...]] = (), out: Path | None = None, label: int | None = None, seed: int = 0,
    fast: Flag = False, device: Device = "auto", debug: Flag = False,
) -> None:  # fmt: skip
    """Data, a distilled model, its baselines, claims with verdicts, and one page that shows them.

    Args:
        target: A preset (those of `kdm train`), the folder of a run, or
            MODULE:OBJECT, anyone's koopman_analysis.LatentModel or a callable that returns one.
        data: A data set, where it should differ from the preset's or the run's; a model trained elsewhere needs one.
        beside: A run to measure on the same held-out pairs; may be given several times.
        out: Folder of the report, reports/<name> unless given. The same command resumes an interrupted one.
        label: The class to look at, where the model is told classes, each of which has a flow of its own; the largest
            unless given.
        seed: Seed of everything random.
        fast: A quick look: few pairs, little training.
        device: Where to train; auto takes CUDA when there is one.
        debug: Show the traceback of an error.
    """
    from kdm.verification import verify as verified

    verified(
        target, data=data, beside=beside, out=out, seed=seed, fast=fast, label=label, device=_device(device),
        progress=True,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command; the exit status says how it ended."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    functions: tuple[Callable[..., None], ...] = (verify, collect, pack, train, sample, evaluate)
    # No function can have the name of the last one.
    commands = {function.__name__: function for function in functions} | {"import": import_checkpoint}
    description = "Koopman distillation of diffusion models, and the checks that say whether its claims hold."
    try:
        with termination_raised():
            tyro.extras.subcommand_cli_from_dict(commands, prog="kdm", description=description, args=given)
    except KeyboardInterrupt:
        print(f"\n{STOPPED}", file=sys.stderr)
        raise SystemExit(130) from None
    except Terminated:
        print(f"\n{STOPPED}", file=sys.stderr)
        raise
    except (ValueError, ArithmeticError, OSError, RuntimeError, ImportError) as error:
        if "--debug" in given:
            raise
        print(f"error: {_told(error)}", file=sys.stderr)
        raise SystemExit(2) from None


def _told(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"the disk is full ({error.filename or 'while writing'}): free some space and run the same command again"
    if isinstance(error, OSError) and error.errno in FORBIDDEN:
        return f"no access to '{error.filename}' ({error.strerror}): choose another place, or change its permissions"
    return str(error).replace("\n", "\n       ") or type(error).__name__


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("expected a CUDA device, got a machine or a torch build without one: use --device cpu")
    return torch.device("cuda" if name == "auto" and torch.cuda.is_available() else name.replace("auto", "cpu"))


if __name__ == "__main__":
    main()
