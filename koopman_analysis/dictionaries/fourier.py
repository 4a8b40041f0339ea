"""Random Fourier features: waves with random wave vectors, dense in the Gaussian kernel's space.

With ω_j ~ N(0, I / scale²), the pairs (cos ω_j·x, sin ω_j·x) satisfy

    E_ω[cos ω·x cos ω·x' + sin ω·x sin ω·x'] = exp(−‖x − x'‖² / (2 scale²)).                                    (1)

Source: Rahimi & Recht 2007.
"""

import array_api_compat
import numpy as np

from koopman_analysis.dictionaries.base import Dictionary
from koopman_analysis.shapes import Array


class RandomFourier(Dictionary):
    """Cosines and sines of random waves: `count` functions, the cosines first.

    The waves depend on the generator's state at construction and on the width of the states, on nothing else.

    Args:
        count: Number of functions; the last wave of an odd count has its cosine only.
        scale: Length over which the kernel of equation (1) decays, in units of the state.
        rng: Draws the waves.
        dimension: Width of the states, if it should be known before the first call.

    Raises:
        ValueError: If the count or the scale is not positive.
    """

    def __init__(
        self, count: int, scale: float = 1.0, *, rng: np.random.Generator, dimension: int | None = None
    ) -> None:
        super().__init__(dimension)
        if count < 1:
            raise ValueError(f"expected at least one function, got count {count}")
        if not scale > 0:
            raise ValueError(f"expected a positive length scale, got {scale}")
        self.count, self.scale = count, scale
        # The width of the states is not known yet: keep what decides the draw.
        self._seed = int(rng.integers(2**63))

    def waves(self, dimension: int) -> np.ndarray:
        """The wave vectors ω_j, one a column, shape (d, ⌈count/2⌉)."""
        draw = np.random.default_rng(self._seed)
        return draw.standard_normal((dimension, (self.count + 1) // 2)) / self.scale

    def _lifted(self, states: Array) -> Array:
        xp = array_api_compat.array_namespace(states)
        waves = xp.asarray(self.waves(states.shape[1]), dtype=states.dtype, device=array_api_compat.device(states))
        phase = states @ waves
        return xp.concat([xp.cos(phase), xp.sin(phase[:, : self.count // 2])], axis=1)

    @property
    def names(self) -> tuple[str, ...]:
        """The wave that each function follows."""
        cosines = tuple(f"cos w{j + 1}·x" for j in range((self.count + 1) // 2))
        return cosines + tuple(f"sin w{j + 1}·x" for j in range(self.count // 2))
