"""Models as someone else would hand them in, named on the command line as MODULE:OBJECT."""

import numpy as np
from sklearn.linear_model import LinearRegression
from torch import nn

from koopman_analysis import ArrayLatentModel


class Twist:
    """The exact lift of (a, b) ↦ (a, b + a²): linear in (a, b, a²)."""

    shared_encoder = True
    matrix = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0]])

    def encode_noise(self, noise, labels=None):
        return np.column_stack([noise, noise[:, 0] ** 2])

    encode_data = encode_noise

    def offset(self, labels=None):
        return np.zeros(3)

    def decode(self, latents, labels=None):
        return latents[:, :2]


def affine(*, matrix=None, encode=lambda x: x, decode=lambda z: z) -> ArrayLatentModel:
    """The identity, or another model of the plane."""
    matrix = np.eye(2) if matrix is None else matrix
    return ArrayLatentModel(encode_noise=encode, encode_data=encode, matrix=matrix, decode=decode)


twist = Twist()


def broken() -> ArrayLatentModel:
    """Raises what someone's code may raise."""
    raise KeyError("weights")


class Half:
    """Lacks a decoder and an offset."""

    shared_encoder, matrix = False, np.eye(2)

    def encode_noise(self, noise, labels=None):
        return noise

    encode_data = encode_noise


class Autoencoder(nn.Module):
    """Someone's network, which must not be called without arguments."""

    def __init__(self):
        super().__init__()
        self.encoder, self.operator, self.decoder = nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 2)


def fitted() -> LinearRegression:
    """Someone's regression of the state."""
    states = np.random.default_rng(0).standard_normal((10, 2))
    return LinearRegression().fit(states, states @ np.array([[1.0, 0.5], [0.0, 1.0]]))


autoencoder = Autoencoder()
half = Half()
one_latent = affine(encode=lambda x: x[:, :1])
infinite = affine(matrix=np.array([[1.0, np.inf], [0.0, 1.0]]))
undecodable = affine(decode=lambda z: z.reshape(7, 7))
no_matrix = Twist()
no_matrix.matrix = np.ones(3)
