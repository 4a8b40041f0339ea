"""What states, weights and their places must be, and how they come to the host."""

import array_api_compat
import numpy as np

from koopman_analysis.shapes import Array

BLOCK = 65_536
"""States looked at together: what is mapped from disk need not fit in memory."""


def on_host(array: Array) -> np.ndarray:
    """The array as NumPy's."""
    if array_api_compat.is_array_api_obj(array) and not array_api_compat.is_numpy_array(array):
        array = array_api_compat.to_device(array, "cpu")
        if array_api_compat.is_torch_array(array):
            array = array.detach()  # moments are not differentiated through
    return np.asarray(array)


def double(array: Array) -> np.ndarray:
    """The array as NumPy's, in double precision."""
    host = on_host(array)
    return host.astype(np.complex128 if np.iscomplexobj(host) else np.float64, copy=False)


def require_numbers(name: str, states: Array) -> None:
    """Refuses states that are not an array of floating or complex numbers.

    Raises:
        TypeError: If they are not.
    """
    if isinstance(states, np.ma.MaskedArray):
        raise TypeError(f"expected {name} without gaps, got a masked array: drop the masked rows first")
    if not array_api_compat.is_array_api_obj(states):
        raise TypeError(f"expected an array of {name}, shape (n, d), got {type(states).__name__}")
    xp = array_api_compat.array_namespace(states)
    if states.dtype == object or not xp.isdtype(states.dtype, ("real floating", "complex floating")):
        raise TypeError(
            f"expected {name} of floating or complex numbers, got dtype {states.dtype}: "
            "convert them, for example with .astype(float)"
        )


def require_one_place(before: Array, after: Array, weights: Array | None) -> None:
    """Refuses states and weights of different array libraries or on different devices.

    Raises:
        TypeError: If weights are no array, or the libraries differ.
        ValueError: If the devices differ.
    """
    if weights is not None and not array_api_compat.is_array_api_obj(weights):
        raise TypeError(f"expected an array of weights, shape ({len(before)},), got {type(weights).__name__}")
    arrays = [array for array in (before, after, weights) if array is not None]
    libraries = [array_api_compat.array_namespace(array).__name__ for array in arrays]
    if len(set(libraries)) > 1:
        raise TypeError(f"expected states and weights of one array library, got {libraries}: convert them to one")
    devices = [array_api_compat.device(array) for array in arrays]
    if len(set(devices)) > 1:
        raise ValueError(f"expected states and weights on one device, got {devices}: move them to one")


def require_states(name: str, states: Array) -> None:
    """Refuses an array that is not of finite states, one a row.

    Raises:
        ValueError: If it is not.
    """
    xp = array_api_compat.array_namespace(states)
    if states.ndim != 2:
        raise ValueError(
            f"expected states {name} of shape (n, d), got {states.ndim}-D shape {tuple(states.shape)}: "
            "one state a row, even when it has one feature"
        )
    if 0 in states.shape:
        raise ValueError(f"expected at least one state {name} with one feature, got shape {tuple(states.shape)}")
    blocks = (states[first : first + BLOCK] for first in range(0, len(states), BLOCK))
    if not all(bool(xp.all(xp.isfinite(block))) for block in blocks):
        raise ValueError(f"expected finite states {name}, got NaN or Inf: drop or mend those pairs first")


def require_weights(weights: Array, n: int) -> None:
    """Refuses weights that are not one non-negative real number for each of n pairs.

    Raises:
        TypeError: If they are not real numbers.
        ValueError: If they are not one a pair, not finite, negative, or all zero.
    """
    host = on_host(weights)
    if not np.isrealobj(host) or host.dtype == object:
        raise TypeError(f"expected weights of real numbers, got dtype {host.dtype}")
    if host.shape != (n,):
        raise ValueError(f"expected one weight per pair, shape ({n},), got shape {host.shape}")
    if not (np.isfinite(host).all() and (host >= 0).all() and host.sum() > 0):
        raise ValueError("expected finite, non-negative weights that are not all zero")


def require_names(trajectory: Array, n: int) -> None:
    """Refuses names of trajectories that are not one whole number for each of n pairs.

    Raises:
        TypeError: If they are not an array of whole numbers.
        ValueError: If they are not one a pair.
    """
    if not array_api_compat.is_array_api_obj(trajectory) or on_host(trajectory).dtype.kind not in "iu":
        kind = getattr(trajectory, "dtype", type(trajectory).__name__)
        raise TypeError(f"expected an array of whole numbers as trajectory names, got {kind}")
    if tuple(np.shape(trajectory)) != (n,):
        raise ValueError(f"expected one trajectory name per pair, shape ({n},), got shape {np.shape(trajectory)}")
