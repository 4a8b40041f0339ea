"""A model of anyone's, named as MODULE:OBJECT: what `as_latent_model` takes, or a function or class that makes it.

The module is imported as `python -m` would, with the current folder first. What decides the claims about such a model
are its answers on the held-out pairs (x, y), so that they are what it is known by:

    SHA-256 of  K,  c,  E_noise(x),  E_data(y),  D(E_noise(x) K + c)  and whether both encoders are one.          (1)
"""

import hashlib
import importlib
import inspect
import os
import sys
from typing import Any

import numpy as np

from koopman_analysis import LatentModel, SnapshotPairs, as_latent_model, require_latent_model


class ModelObjectError(ValueError):
    """MODULE:OBJECT does not name a model that fits the data."""


def is_model_object(word: str) -> bool:
    """Whether a word has the form MODULE:OBJECT."""
    module, _, name = word.partition(":")
    return name.isidentifier() and all(part.isidentifier() for part in module.split("."))


def model_object(word: str) -> Any:
    """What MODULE:OBJECT names, or what it returns where it is a function or a class.

    Raises:
        ModelObjectError: If there is no such module or attribute, or the module or the function fails.
    """
    place, _, name = word.partition(":")
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)  # and it stays: what is imported may import its neighbours when it is called
    module = _imported(place)
    if not hasattr(module, name):
        raise ModelObjectError(f"expected {name} in the module {place} ({_file_of(module)}), got a module without it")
    found = getattr(module, name)
    # A torch module is a callable, too, and must not be called without arguments.
    return _called(found, word) if isinstance(found, type) or inspect.isroutine(found) else found


def fitting_model(found: Any, *, name: str, training: SnapshotPairs, heldout: SnapshotPairs) -> LatentModel:
    """The object as a `LatentModel` that fits these pairs.

    Args:
        found: A `LatentModel`, or a fitted model that an adapter knows.
        name: What it is called.
        training: Pairs to fit a decoder to, where it predicts functions of the state and not the state.
        heldout: Pairs to try it on.

    Raises:
        ModelObjectError: If it is neither, or its parts do not fit the pairs or each other.
    """
    try:
        model = as_latent_model(found, pairs=training)
        require_latent_model(model, heldout)
    except (Exception, SystemExit) as error:  # someone's code may raise anything
        raise ModelObjectError(
            f"expected {name} to be a model of these data, got {type(error).__name__}: {error}"
        ) from error
    return model


def _imported(place: str) -> Any:
    try:
        return importlib.import_module(place)
    except (Exception, SystemExit) as error:  # someone's module may raise anything
        missing = isinstance(error, ModuleNotFoundError) and f"{place}.".startswith(f"{error.name}.")
        if missing:
            raise ModelObjectError(
                f"expected a module {place} in '{os.getcwd()}' or among the installed ones, got none: run the command "
                "in the folder of the module"
            ) from error
        raise ModelObjectError(
            f"expected the module {place} to be imported, got {type(error).__name__} from it: {error}. "
            "--debug shows where"
        ) from error


def _called(function: Any, word: str) -> Any:
    try:
        return function()
    except (Exception, SystemExit) as error:  # someone's code may raise anything
        raise ModelObjectError(
            f"expected {word}() to return a model, got {type(error).__name__} from it: {error}. --debug shows where"
        ) from error


def _file_of(module: Any) -> str:
    return getattr(module, "__file__", None) or "built in"


def digest_of_answers(model: LatentModel, pairs: SnapshotPairs) -> str:
    """The SHA-256 of (1)."""
    latents = model.encode_noise(pairs.before)
    moved = latents @ model.matrix + model.offset()
    answers = (model.matrix, model.offset(), latents, model.encode_data(pairs.after), model.decode(moved))
    digest = hashlib.sha256(str(bool(model.shared_encoder)).encode())
    for answer in answers:
        values = np.ascontiguousarray(answer, dtype=np.float64)
        digest.update(f"{values.shape}".encode() + values.tobytes())
    return digest.hexdigest()
