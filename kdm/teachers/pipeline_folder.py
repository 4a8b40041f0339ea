"""A folder in which the library diffusers keeps an image pipeline.

    model_index.json                    names the classes of the two parts
    unet/                               the network, a UNet2DModel: config.json and its weights
    scheduler/scheduler_config.json     the schedule that it was trained on, and what it predicts

Any other part (a decoder of latents, an encoder of texts) makes it a pipeline of another kind, which is refused.
diffusers is imported when a schedule or a network is made; it is asked for files of the folder only, and downloads
nothing.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import nn

from kdm.shapes import is_whole
from kdm.storage import digest_of
from kdm.teachers.preconditioning import EDM, PREDICTIONS, SIGNS, Denoised, Preconditioning, VariancePreserving

MODEL_INDEX = "model_index.json"
NETWORK = "UNet2DModel"
OF_DDPM = ("DDPMScheduler", "DDIMScheduler")
OF_EDM = ("EDMEulerScheduler", "EDMDPMSolverMultistepScheduler")
CONFIGURATIONS = ("unet/config.json", "scheduler/scheduler_config.json")
WEIGHTS = ("*.safetensors", "*.bin")
"""Weights in the folder of the network, those that are preferred first; variants have a second dot in their names."""
TIMES = "positional"
"""How the time enters networks that take any number for it."""


class PipelineError(ValueError):
    """A folder is not a pipeline that can be a teacher; the message says why."""


def _diffusers() -> ModuleType:
    try:
        import diffusers
    except ImportError as error:
        raise RuntimeError(
            f"expected diffusers, which opens pipelines, got none ({error}): pip install 'kdm[images]'"
        ) from None
    return diffusers


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        raise PipelineError(f"expected {path.name} in '{path.parent}', a part of the pipeline, found none.") from None
    except (ValueError, OSError) as error:
        raise PipelineError(f"expected JSON in '{path}', got something else: {error}") from None
    if not isinstance(found, dict):
        raise PipelineError(f"expected a JSON object in '{path}', got {type(found).__name__}.")
    return found


def class_names(folder: Path) -> dict[str, str]:
    """The names of the classes of a pipeline's network ("unet") and schedule ("scheduler").

    Raises:
        PipelineError: if there is no pipeline, or one of another kind.
    """
    if not (folder / MODEL_INDEX).is_file():
        raise PipelineError(
            f"no pipeline at '{folder}': expected a folder with {MODEL_INDEX}, as `save_pretrained` of diffusers makes."
        )
    index = _json(folder / MODEL_INDEX)
    parts = {name: part[1] for name, part in index.items() if isinstance(part, list) and len(part) == 2 and part[1]}
    if set(parts) != {"unet", "scheduler"} or parts["unet"] != NETWORK:
        found = ", ".join(f"{name}: {part}" for name, part in sorted(parts.items())) or "nothing"
        raise PipelineError(
            f"expected a pipeline of images, with a {NETWORK} as unet and a scheduler, in '{folder}', got {found}."
        )
    if parts["scheduler"] not in (*OF_DDPM, *OF_EDM):
        raise PipelineError(
            f"expected a scheduler among {', '.join((*OF_DDPM, *OF_EDM))}, got {parts['scheduler']} in '{folder}': "
            "where the network was trained on the schedule of one of them, save the pipeline with that one."
        )
    return parts


def preconditioning_in(folder: Path, name: str) -> Preconditioning:
    """What the network is asked and what it says, by the schedule of the class of this name.

    Raises:
        PipelineError: if there is no such schedule, or it is not one to start from.
        RuntimeError: if diffusers is not installed.
    """
    _json(folder / CONFIGURATIONS[1])  # that it is there is said in our words
    place, diffusers = folder / "scheduler", _diffusers()
    try:
        scheduler = getattr(diffusers, name).from_pretrained(place, local_files_only=True)
    except (OSError, ValueError, TypeError, RuntimeError, NotImplementedError) as error:
        raise PipelineError(f"the schedule in '{place}' cannot be made: {str(error).splitlines()[0]}") from None
    prediction, known = scheduler.config.prediction_type, SIGNS if name in OF_EDM else PREDICTIONS
    if prediction not in known:
        raise PipelineError(f"expected a prediction among {', '.join(known)}, got {prediction!r} in '{folder}'.")
    try:
        return _of_edm(scheduler, SIGNS[prediction]) if name in OF_EDM else _of_ddpm(scheduler, PREDICTIONS[prediction])
    except (ValueError, TypeError) as error:
        raise PipelineError(f"the schedule in '{place}' cannot be used: {error}.") from None


def _of_edm(scheduler: Any, sign: int) -> EDM:
    ends = (float(scheduler.config.sigma_max), float(scheduler.config.sigma_min))
    return EDM(ends=ends, deviation=float(scheduler.config.sigma_data), sign=sign)


def _of_ddpm(scheduler: Any, prediction: Denoised) -> VariancePreserving:
    kept = scheduler.alphas_cumprod.double().numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        levels = np.sqrt((1 - kept) / kept)
    return VariancePreserving(levels=levels, prediction=prediction)


def unet_configuration(folder: Path) -> dict[str, Any]:
    """The configuration of the network.

    Raises:
        PipelineError: if there is none, or the network does not take any number for the time.
    """
    configuration = _json(folder / CONFIGURATIONS[0])
    if (kind := configuration.get("time_embedding_type", TIMES)) != TIMES:
        raise PipelineError(
            f"expected a network with time_embedding_type {TIMES!r}, which knows times between those of the schedule, "
            f"got {kind!r} in '{folder}': take a pipeline with such a network"
        )
    return configuration


def network_in(folder: Path, *, dtype: torch.dtype) -> nn.Module:
    """The network with its weights, in evaluation mode.

    Raises:
        PipelineError: if it cannot be loaded.
        RuntimeError: if diffusers is not installed.
    """
    place, diffusers = folder / "unet", _diffusers()
    try:
        network, loaded = diffusers.UNet2DModel.from_pretrained(
            place, torch_dtype=dtype, local_files_only=True, low_cpu_mem_usage=False, output_loading_info=True
        )
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError, UnpicklingError) as error:
        raise PipelineError(f"the network in '{place}' cannot be loaded: {error}") from None
    # What the file lacks, diffusers draws at random, and only warns.
    for kind in ("missing", "unexpected", "mismatched"):
        if names := sorted(map(str, loaded[f"{kind}_keys"])):
            raise PipelineError(
                f"expected exactly the weights of the network that '{place / 'config.json'}' describes, got "
                f"{len(names)} {kind}, the first of them {names[0]}: bring the files of one network together"
            )
    return network.eval().requires_grad_(False)


def image_shape(configuration: Mapping[str, Any], folder: Path) -> tuple[int, int, int]:
    """Channels, height and width of the images of a network.

    Raises:
        PipelineError: if it does not say, or answers in other channels than it sees.
    """
    channels, said = (configuration.get(f"{end}_channels", 3) for end in ("in", "out"))
    size = configuration.get("sample_size")
    sides = tuple(size) if isinstance(size, list | tuple) else (size, size)
    known = all(is_whole(length) and length > 0 for length in (channels, said, *sides))
    if not known or len(sides) != 2 or said not in (channels, 2 * channels):
        raise PipelineError(
            f"expected a network that knows its sample_size, a side or two, and answers in as many channels as it "
            f"sees, or twice as many, got sample_size {size} and {channels} to {said} channels in '{folder}'."
        )
    return int(channels), int(sides[0]), int(sides[1])


def number_of_classes(configuration: Mapping[str, Any], folder: Path) -> int:
    """How many classes a network knows; 0 where it takes none.

    Raises:
        PipelineError: if its classes are not numbered.
    """
    if (kind := configuration.get("class_embed_type")) is not None:
        raise PipelineError(f"expected a network of numbered classes or of none, got the kind {kind!r} in '{folder}'.")
    return int(configuration.get("num_class_embeds") or 0)


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that decides the flow: both configurations, and the weights.

    Raises:
        PipelineError: if one is missing.
    """
    there = [path for pattern in WEIGHTS for path in sorted((folder / "unet").glob(pattern))]
    usual = [path for path in there if path.name.count(".") == 1]
    if not usual:
        found_instead = f"only the variant {there[0].name}" if there else "none"
        raise PipelineError(
            f"expected weights in '{folder / 'unet'}', a file {' or '.join(WEIGHTS)}, found {found_instead}: save the "
            "pipeline with `save_pretrained`, as no variant."
        )
    weights = [path for path in usual if path.suffix == usual[0].suffix]
    found = {}
    for name in (*CONFIGURATIONS, *(path.relative_to(folder).as_posix() for path in weights)):
        try:
            found[name] = digest_of(folder / name)
        except OSError as error:
            raise PipelineError(f"cannot read {name} in '{folder}': {error.strerror}.") from None
    return found
