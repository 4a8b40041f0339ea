"""Features of states in which distance means more: principal components, and what a classifier looks at.

    principal components     f(y) = (y − ȳ) V,  V the leading right singular vectors of the centred fit states      (1)
    classifier               f(y) = φ(y W + b), the hidden activations of a network with one hidden layer that was
                             fitted to the labels of *other* objects                                                (2)

(1) is a function of the states and 1-Lipschitz: a distance in it is a corollary of distances of states. (2) knows
labels; on objects that it was not fitted to it is a semantic measure from outside the model.
"""

import warnings
from dataclasses import dataclass

import numpy as np

from koopman_analysis.shapes import Float, Labels, Latents, States

FEWEST_A_CLASS = 5
"""Examples of a class that a classifier is fitted to, at least."""
ITERATIONS = 200
"""Of the classifier's optimiser (L-BFGS); it need not converge to be a measure, its accuracy says what it is worth."""

CONSTANT = 64
"""Roundings of its largest value below which the deviation of a feature is none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PrincipalComponents:
    """Equation (1).

    Attributes:
        mean: ȳ.
        directions: V, one a column.
    """

    mean: Float[np.ndarray, " d"]
    directions: Float[np.ndarray, "d r"]

    @classmethod
    def fitted(cls, states: States, *, count: int) -> "PrincipalComponents":
        """The leading `count` components of these states.

        Raises:
            ValueError: If there are fewer directions or states than that.
        """
        if not 1 <= count <= min(states.shape):
            raise ValueError(f"expected between 1 and {min(states.shape)} components of states, got {count}")
        mean = states.mean(axis=0, dtype=np.float64)
        _, _, rows = np.linalg.svd(states - mean, full_matrices=False)
        return cls(mean=mean, directions=rows[:count].T)

    def __call__(self, states: States) -> Latents:
        """The features f of equation (1)."""
        return (states - self.mean) @ self.directions


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassifierFeatures:
    """Equation (2), with φ(u) = max(u, 0) and states in units of their standard deviation.

    Attributes:
        mean: Of each feature of the states.
        scale: Standard deviation of each; 1 for a feature that is constant up to rounding.
        weights: W and the output weights.
        biases: b and the output biases.
        classes: The labels, in the order of the outputs.
    """

    mean: Float[np.ndarray, " d"]
    scale: Float[np.ndarray, " d"]
    weights: tuple[np.ndarray, np.ndarray]
    biases: tuple[np.ndarray, np.ndarray]
    classes: Labels

    @classmethod
    def fitted(cls, states: States, labels: Labels, *, width: int = 32, rng: np.random.Generator) -> (
        "ClassifierFeatures"
    ):  # fmt: skip
        """The classifier of these states by their labels, with so many hidden units.

        Raises:
            ValueError: If there are fewer than two classes, or fewer than five states of one.
        """
        from sklearn.neural_network import MLPClassifier

        classes, counts = np.unique(labels, return_counts=True)
        if len(classes) < 2 or counts.min() < FEWEST_A_CLASS:
            raise ValueError(
                f"expected at least two classes with {FEWEST_A_CLASS} states or more of each, got {len(classes)} "
                f"classes, the smallest with {counts.min()}: leave out rare classes, or give more states"
            )
        mean, spread = states.mean(axis=0, dtype=np.float64), states.std(axis=0, dtype=np.float64)
        rounding = CONSTANT * np.finfo(states.dtype).eps * np.abs(states).max(axis=0)
        scale = np.where(spread > rounding, spread, 1.0)
        network = MLPClassifier(
            (width,), solver="lbfgs", alpha=1e-2, max_iter=ITERATIONS, random_state=int(rng.integers(2**31))
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network.fit((states - mean) / scale, np.searchsorted(classes, labels))
        return cls(
            mean=mean, scale=scale, weights=tuple(network.coefs_), biases=tuple(network.intercepts_), classes=classes
        )

    def __call__(self, states: States) -> Latents:
        """The features f of equation (2)."""
        return np.maximum(((states - self.mean) / self.scale) @ self.weights[0] + self.biases[0], 0.0)

    def predict(self, states: States) -> Labels:
        """The likeliest label of each state."""
        outputs = self(states) @ self.weights[1] + self.biases[1]
        if len(self.classes) == 2:
            return self.classes[(outputs[:, 0] > 0).astype(np.int64)]
        return self.classes[outputs.argmax(axis=1)]

    def accuracy(self, states: States, labels: Labels) -> float:
        """The share of these states whose likeliest label is theirs."""
        return float(np.mean(self.predict(states) == labels))
