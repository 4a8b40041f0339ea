"""What a model must be before it is analysed, tried out on a few pairs.

The analysis takes E_noise, E_data and D for functions f of a row, and calls them on rows in any company:

    f(X)_i = f(X')_j  wherever  X_i = X'_j,                                                                    (1)

with finite real values and no effect on X. Networks with dropout, with batch normalisation in training mode, or that
write into their input, are none, and no later number would show it. Equation (1) is asked to hold to a thousand
roundings of single precision, in units of the largest value: a matrix product sums rows of another batch in another
order.
"""

from collections.abc import Callable
from typing import Any

import array_api_compat
import numpy as np

from koopman_analysis.shapes import Labels
from koopman_analysis.snapshots import SnapshotPairs

TRIED = 64
"""Pairs on which a model is tried."""

ROUNDINGS = 1000 * float(np.finfo(np.float32).eps)
"""Largest difference between two values of one function, in units of its largest."""

PARTS = ("encode_noise", "encode_data", "matrix", "offset", "decode", "shared_encoder")


class UnfitModel(ValueError):
    """A model's parts are not the functions of a row, or the matrix, that the analysis takes them for."""


def require_latent_model(model: Any, pairs: SnapshotPairs, *, labels: Labels | None = None) -> None:
    """Refuses a model that is not fit for the analysis: tried on the first few of these pairs, and finite on all.

    Args:
        model: Any object.
        pairs: Pairs of states of the widths that the model takes.
        labels: The label of each pair, where the model takes labels.

    Raises:
        TypeError: If a part is missing or does not return a NumPy array of floating numbers, or states are complex.
        UnfitModel: If shapes do not fit each other, values are not finite, an input is changed, or a value depends on
            chance or on the other rows.
        ValueError: If there are fewer than two pairs.
    """
    if missing := [part for part in PARTS if not hasattr(model, part)]:
        raise TypeError(
            f"expected a LatentModel, got {type(model).__name__} without {', '.join(missing)}: as_latent_model(model) "
            "adapts models of other libraries"
        )
    if pairs.n < 2:
        raise ValueError(f"expected at least two pairs to try the model on, got {pairs.n}")
    some = pairs.subset(np.arange(min(pairs.n, TRIED))).on_host()
    if np.iscomplexobj(some.before) or np.iscomplexobj(some.after):
        raise TypeError("expected real states, got complex ones: pass real and imaginary parts as features")
    named = None if labels is None else labels[: some.n]
    m_in, m_out = _required_matrix(model.matrix)
    if model.shared_encoder and m_in != m_out:
        raise UnfitModel(
            f"expected a square K where one encoder serves both ends, got shape ({m_in}, {m_out}): both ends have the "
            "same latents; with an encoder for each end, set shared_encoder=False"
        )
    latents = _required_function("encode_noise", model.encode_noise, some.before, named, width=m_in)
    _required_function("encode_data", model.encode_data, some.after, named, width=m_out)
    offset = _required_numbers("offset", model.offset(named))
    if offset.shape not in ((m_out,), (some.n, m_out)):
        raise UnfitModel(
            f"expected an offset of shape ({m_out},), or a row for each label, ({some.n}, {m_out}), got {offset.shape}"
        )
    carried = latents @ model.matrix + offset
    _required_function("decode", model.decode, carried, named, width=some.after.shape[1])
    _require_finite_answers(model, pairs, labels)


def _require_finite_answers(model: Any, pairs: SnapshotPairs, labels: Labels | None) -> None:
    """Refuses a model that has no finite answer for each of the pairs."""
    host = pairs.on_host()
    with np.errstate(all="ignore"):  # what is not finite is counted
        latents = model.encode_noise(host.before, labels)
        answers = {
            "encode_noise": latents,
            "encode_data": model.encode_data(host.after, labels),
            "decode": model.decode(latents @ model.matrix + model.offset(labels), labels),
        }
    for name, values in answers.items():
        if undefined := int(np.count_nonzero(~np.isfinite(values).all(axis=1))):
            raise UnfitModel(
                f"expected finite values from {name}, got NaN or Inf for {undefined} of {host.n} pairs: leave these "
                "pairs out, or mend what it makes of them"
            )


def _required_matrix(matrix: Any) -> tuple[int, int]:
    K = _required_numbers("matrix", matrix)
    if K.ndim != 2:
        raise UnfitModel(f"expected K as a matrix of shape (m_in, m_out), got shape {K.shape}")
    return K.shape[0], K.shape[1]


def _required_function(
    name: str, function: Callable[..., Any], rows: np.ndarray, labels: Labels | None, *, width: int
) -> np.ndarray:
    """The function's values, if it is one of each row."""
    given = rows.copy()
    values = _required_numbers(name, function(given, labels))
    if not np.array_equal(given, rows):
        raise UnfitModel(
            f"expected {name} to leave its input as it is, got it changed in place: let it work on a copy, "
            "states.copy() or tensor.clone()"
        )
    if values.shape != (len(rows), width):
        raise UnfitModel(
            f"expected {name} to return shape ({len(rows)}, {width}), one row for each of its input and the width that "
            f"matrix and states have, got {values.shape}"
        )
    values = values.copy()  # a function may return the same buffer again
    if not _same(function(rows.copy(), labels), values):
        raise UnfitModel(
            f"expected {name} to return the same twice, got another value for the same input: put networks in "
            "evaluation mode, model.eval(), which turns dropout off, and draw no random numbers"
        )
    half = np.arange(len(rows))[: len(rows) // 2][::-1]
    if not _same(function(rows[half], None if labels is None else labels[half]), values[half]):
        raise UnfitModel(
            f"expected {name} to be a function of the row, got values that change with the other rows of the batch: "
            "put networks in evaluation mode, model.eval(), which fixes the means of batch normalisation, and subtract "
            "means of the fitted data only"
        )
    return values


def _required_numbers(name: str, values: Any) -> np.ndarray:
    if not isinstance(values, np.ndarray):
        remedy = "convert it by tensor.detach().cpu().numpy()" if array_api_compat.is_torch_array(values) else (
            "convert it by np.asarray"
        )  # fmt: skip
        raise TypeError(f"expected a NumPy array from {name}, got {type(values).__name__}: {remedy}")
    if values.dtype.kind != "f" or values.dtype.itemsize < 4:
        remedy = (
            "pass real and imaginary parts as latents"
            if values.dtype.kind == "c"
            else "convert by .astype(float), double precision"
        )
        raise TypeError(f"expected floating numbers from {name}, got dtype {values.dtype}: {remedy}")
    if not np.isfinite(values).all():
        raise UnfitModel(
            f"expected finite values from {name}, got NaN or Inf: see what it makes of the first "
            f"{TRIED} pairs, and whether they are scaled as those that it was trained on"
        )
    return values


def _same(again: np.ndarray, values: np.ndarray) -> bool:
    return again.shape == values.shape and bool(
        np.abs(again - values).max(initial=0.0) <= ROUNDINGS * np.abs(values).max(initial=0.0)
    )
