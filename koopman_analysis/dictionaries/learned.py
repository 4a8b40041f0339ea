"""Learned dictionaries: an encoder E: (n, d) → (n, m), whoever trained it, as the functions ψ_i = E_i.

The encoder of one end of a latent model is enough: `EncoderDictionary(model.encode_noise)`.
"""

from collections.abc import Callable

from koopman_analysis.dictionaries.base import Dictionary
from koopman_analysis.shapes import Array


class EncoderDictionary(Dictionary):
    """The latents of an encoder as dictionary functions.

    Args:
        encoder: Takes states (n, d) to latents (n, m); it decides which array libraries it accepts.
        size: Number m of latents, if it should be known before the first call.
        dimension: Width of the states, if it should be known before the first call.
    """

    def __init__(
        self, encoder: Callable[[Array], Array], *, size: int | None = None, dimension: int | None = None
    ) -> None:
        super().__init__(dimension)
        self.encoder = encoder
        self._size = size

    @property
    def size(self) -> int:
        """Number of latents.

        Raises:
            ValueError: If it is not known yet.
        """
        if self._size is None:
            raise ValueError("expected the number of latents to be known: call the dictionary once, or say size=")
        return self._size

    @property
    def names(self) -> tuple[str, ...]:
        """Latents have numbers only: "z1", "z2", …."""
        return tuple(f"z{i + 1}" for i in range(self.size))

    def _lifted(self, states: Array) -> Array:
        latents = self.encoder(states)
        if latents.ndim != 2 or latents.shape[0] != states.shape[0] or self._size not in (None, latents.shape[1]):
            raise ValueError(
                f"expected the encoder to return latents of shape ({states.shape[0]}, {self._size or 'm'}), "
                f"got {tuple(latents.shape)}"
            )
        self._size = int(latents.shape[1])
        return latents
