"""A model of anyone's, named as MODULE:OBJECT: a `LatentModel`, or a callable without arguments that returns one.

The module is imported as `python -m` would, with the current folder first. What decides the claims about such a model
are its answers on the held-out pairs (x, y), so that they are what it is known by:

    SHA-256 of  K,  c,  E_noise(x),  E_data(y),  D(E_noise(x) K + c)  and whether both encoders are one.          (1)
"""

import hashlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from koopman_analysis import LatentModel, SnapshotPairs

PARTS = ("shared_encoder", "matrix", "encode_noise", "encode_data", "offset", "decode")
"""What a `LatentModel` has."""


class ModelObjectError(ValueError):
    """MODULE:OBJECT does not name a model that fits the data."""


def is_model_object(word: str) -> bool:
    """Whether a word has the form MODULE:OBJECT."""
    module, _, name = word.partition(":")
    return name.isidentifier() and all(part.isidentifier() for part in module.split("."))


def model_object(word: str) -> LatentModel:
    """The model that MODULE:OBJECT names.

    Raises:
        ModelObjectError: If there is no such module or attribute, the module or the callable fails, or what they give
            is no `LatentModel`.
    """
    place, _, name = word.partition(":")
    with _current_folder_first():
        module = _imported(place)
    if not hasattr(module, name):
        raise ModelObjectError(f"expected {name} in the module {place} ({_file_of(module)}), got a module without it")
    found = getattr(module, name)
    # A class has what its instances have, and is a callable that returns one.
    if callable(found) and (isinstance(found, type) or not isinstance(found, LatentModel)):
        found = _called(found, word)
    missing = [part for part in PARTS if not hasattr(found, part)]
    if missing:
        raise ModelObjectError(
            f"expected {word} to be a koopman_analysis.LatentModel, or a callable without arguments that returns one, "
            f"got a {type(found).__name__} without {', '.join(missing)}: "
            "koopman_analysis.ArrayLatentModel makes one from callables and a matrix"
        )
    model: LatentModel = found
    return model


def _imported(place: str) -> Any:
    try:
        return importlib.import_module(place)
    except Exception as error:  # someone's module may raise anything
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
    except Exception as error:  # someone's code may raise anything
        raise ModelObjectError(
            f"expected {word}() to return a koopman_analysis.LatentModel, got {type(error).__name__} from it: {error}. "
            "--debug shows where"
        ) from error


def _file_of(module: Any) -> str:
    return getattr(module, "__file__", None) or "built in"


@contextmanager
def _current_folder_first() -> Iterator[None]:
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def require_fitting(model: LatentModel, pairs: SnapshotPairs, *, name: str) -> None:
    """Refuses a model whose parts do not fit these pairs, or each other.

    Args:
        model: The model.
        pairs: Pairs of d numbers each.
        name: What it is called.

    Raises:
        ModelObjectError: If they do not, with the part, what it should give and what it gives.
    """
    x, y = pairs.before[:3], pairs.after[:3]
    matrix = np.asarray(model.matrix)
    if matrix.ndim != 2:
        raise ModelObjectError(f"expected the matrix of {name} of shape (m_in, m_out), got shape {matrix.shape}")
    m_in, m_out = matrix.shape
    _require(name, "matrix", lambda: matrix, (m_in, m_out))
    z = _require(name, "encode_noise", lambda: model.encode_noise(x), (len(x), m_in))
    _require(name, "encode_data", lambda: model.encode_data(y), (len(y), m_out))
    c = _require(name, "offset", lambda: model.offset(), (m_out,))
    _require(name, "decode", lambda: model.decode(z @ matrix + c), y.shape)


def _require(name: str, part: str, answer: Callable[[], Any], shape: tuple[int, ...]) -> np.ndarray:
    """What a part gives, which must be finite numbers of this shape."""
    try:
        values = np.asarray(answer(), dtype=np.float64)
    except Exception as error:  # someone's code may raise anything
        raise ModelObjectError(
            f"expected {part} of {name} to give an array of shape {shape} on three rows of the data, got "
            f"{type(error).__name__}: {error}"
        ) from error
    if values.shape != shape or not np.isfinite(values).all():
        raise ModelObjectError(
            f"expected finite numbers of shape {shape} from {part} of {name} on three rows of the data, got "
            f"{'shape ' + str(values.shape) if values.shape != shape else 'NaN or Inf'}: is it a model of these data?"
        )
    return values


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
