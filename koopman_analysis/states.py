"""What arrays of states may be, and how they come to the host.

A set of states is an array (n, d) of any array-API library, one state a row, of finite floating or complex numbers.
Integers are refused rather than converted: they are labels more often than states.
"""

import array_api_compat
import numpy as np

from koopman_analysis.shapes import Array

BLOCK = 65_536
"""States looked at together: what is mapped from disk need not fit in memory."""


def on_host(array: Array) -> np.ndarray:
    """The array as one of NumPy, wherever it is."""
    if array_api_compat.is_array_api_obj(array) and not array_api_compat.is_numpy_array(array):
        array = array_api_compat.to_device(array, "cpu")
    return np.asarray(array)


def double(array: Array) -> np.ndarray:
    """The array as one of NumPy in double precision, real or complex."""
    host = on_host(array)
    return host.astype(np.complex128 if np.iscomplexobj(host) else np.float64, copy=False)


def require_numbers(name: str, states: Array) -> None:
    """Refuses states that are no array of floating or complex numbers.

    Raises:
        TypeError: If they are not.
    """
    if not array_api_compat.is_array_api_obj(states):
        raise TypeError(f"expected an array of states {name}, shape (n, d), got {type(states).__name__}")
    xp = array_api_compat.array_namespace(states)
    if states.dtype == object or not xp.isdtype(states.dtype, ("real floating", "complex floating")):
        raise TypeError(
            f"expected states {name} of floating or complex numbers, got dtype {states.dtype}: "
            "convert them, for example with .astype(float)"
        )


def require_states(name: str, states: Array) -> None:
    """Refuses states that are not finite and one a row.

    Raises:
        ValueError: If their shape is not (n, d), with at least one state of one feature, or a value is not finite.
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
