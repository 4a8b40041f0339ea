"""What every claim looks at: a model, and pairs (x, y) that it was not fitted to.

latents E_noise(x),  latent pairs (E_noise(x), E_data(y)),  one step ŷ = D(E_noise(x) K + c)                  (1)
"""

from dataclasses import dataclass, replace

import numpy as np

from koopman_analysis.estimators.latent import LatentModel, carried_latents
from koopman_analysis.semantics import Objects
from koopman_analysis.shapes import Labels, States
from koopman_analysis.snapshots import SnapshotPairs, SnapshotTrajectories


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """A model and the pairs to look at it with.

    Attributes:
        model: The model.
        pairs: Held-out pairs, on the host.
        labels: The label of each pair, where the model takes labels.
        classes: What each pair is, known from outside the model; None where nobody says.
        latent_trajectories: Latents of held-out trajectories at all of their times, where one encoder serves them all.
    """

    model: LatentModel
    pairs: SnapshotPairs
    labels: Labels | None = None
    classes: Labels | None = None
    latent_trajectories: SnapshotTrajectories | None = None

    def latents(self) -> np.ndarray:
        """E_noise(x), shape (n, m)."""
        return self.model.encode_noise(self.pairs.before, self.labels)

    def latent_pairs(self) -> SnapshotPairs:
        """The pairs as the encoders see them."""
        after = self.model.encode_data(self.pairs.after, self.labels)
        return replace(self.pairs, before=self.latents(), after=after).on_host()

    def carried(self) -> np.ndarray:
        """E_noise(x) K + c, shape (n, m)."""
        return carried_latents(self.model, self.pairs.before, self.labels)

    def predictions(self) -> States:
        """ŷ of equation (1), shape (n, d)."""
        return np.asarray(self.model.decode(self.carried(), self.labels), dtype=np.float64)

    def objects(self) -> Objects:
        """What is known of the data."""
        return Objects(states=self.pairs.after, labels=self.classes)

    def independent(self) -> "Material":
        """One pair of each independent unit."""
        return self.rows(self.independent_rows())

    def independent_rows(self) -> np.ndarray:
        """The index of one pair of each independent unit."""
        return np.unique(self.pairs.unit, return_index=True)[1]

    def rows(self, index: np.ndarray) -> "Material":
        """The same model on these pairs."""
        labels, classes = (None if given is None else given[index] for given in (self.labels, self.classes))
        return replace(self, pairs=self.pairs.subset(index), labels=labels, classes=classes)
