"""What lies nearest to an object: in one space, and in another?

Of n objects, N_k(i; S) are the k others nearest to object i in the representation S. Retrieval shows them for a few
queries i, and measures over all objects how often they are alike,

    a(S) = mean over objects i of the share of j in N_k(i; S) with ℓⱼ = ℓᵢ,                                 (1)

which is the neighbour agreement of `similarity`, resampled as equation (5) of its `neighbours`: on the same resamples
for every space, so that the difference of two spaces has an interval of its own. Of objects at one distance a picture
shows some; (1) is the mean over all choices of them.

Pictures persuade, and queries can be picked. So the queries are the first object of each class, whichever they are, and
beside every row of neighbours stands a(S) over all objects. By chance, labels drawn without looking would agree

    a₀ = Σ_ℓ (n_ℓ / n) (n_ℓ − 1) / (n − 1)                                                                  (2)

of the time. Neighbours in the space of the data are a ceiling of no merit: a model with no error at all would have them
for nothing, for Φ(x) is a function of x.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.spatial.distance import cdist

from koopman_analysis.resampling import Bootstrap, Interval, object_bootstrap
from koopman_analysis.shapes import Bool, Inexact, Int, Labels, Latents
from koopman_analysis.similarity.neighbours import NeighbourAgreement

Space: TypeAlias = Inexact[np.ndarray, "_ _"]
"""Objects in some space, one a row."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Retrieval:
    """Queries, and what lies nearest to each in several spaces.

    Attributes:
        labels: What each of the n objects is.
        queries: The objects that were asked about.
        nearest: For each space the k nearest others of each query, the nearest first.
        agreement: Equation (1) of each space, over all n objects.
        chance: Equation (2).
    """

    labels: Labels
    queries: Int[np.ndarray, " q"]
    nearest: Mapping[str, Int[np.ndarray, "q k"]]
    agreement: Bootstrap
    chance: float

    @property
    def spaces(self) -> tuple[str, ...]:
        """The names of the spaces, in the order of the columns of `agreement`."""
        return tuple(self.nearest)

    def alike(self, space: str) -> Bool[np.ndarray, "q k"]:
        """Which neighbours bear the label of their query."""
        return self.labels[self.nearest[space]] == self.labels[self.queries][:, None]

    def agreements(self) -> dict[str, Interval]:
        """Equation (1) of each space, each with its own interval."""
        return dict(zip(self.spaces, self.agreement.intervals(), strict=True))

    def leads(self, space: str) -> dict[str, Interval]:
        """a(space) − a(S) for every other space S, with simultaneous intervals.

        Raises:
            ValueError: If there is no space of this name, or no other.
        """
        if space not in self.spaces:
            raise ValueError(f"expected one of the spaces {list(self.spaces)}, got {space!r}")
        others = [name for name in self.spaces if name != space]
        if not others:
            raise ValueError(f"expected another space for {space!r} to lead, got it alone: retrieve in two spaces")
        here = self.spaces.index(space)
        leads = self.agreement.differences([(here, self.spaces.index(name)) for name in others])
        return dict(zip(others, leads.simultaneous(), strict=True))


def nearest_objects(
    spaces: Mapping[str, Space],
    labels: Labels,
    *,
    neighbours: int = 5,
    queries: Int[np.ndarray, " q"] | None = None,
    resamples: int = 499,
    rng: np.random.Generator,
) -> Retrieval:
    """Finds what lies nearest to each query in each space, and measures how often that is alike.

    Args:
        spaces: The same objects in each space, by name, one a row.
        labels: What each object is, from outside the model.
        neighbours: k.
        queries: Which objects to ask about; the first of each class where None.
        resamples: Resamples of the object bootstrap.
        rng: Draws the resamples.

    Raises:
        ValueError: If there is no space, a space lacks objects, there are not more objects than neighbours, or a query
            is none of the objects.
    """
    _require_spaces(spaces, labels, neighbours)
    asked = first_of_each_class(labels) if queries is None else np.asarray(queries)
    strangers = asked[(asked < 0) | (asked >= len(labels))]
    if len(strangers):
        raise ValueError(f"expected queries from 0 to {len(labels) - 1}, got {strangers.tolist()}: ask about objects")
    agreement = NeighbourAgreement(neighbours=neighbours)
    agreements = [agreement.of_points(points, labels) for points in spaces.values()]
    counts = np.unique(labels, return_counts=True)[1]
    return Retrieval(
        labels=labels,
        queries=asked,
        nearest={name: _nearest(points, asked, neighbours) for name, points in spaces.items()},
        agreement=object_bootstrap(
            lambda counts: [each(counts) for each in agreements], len(labels), resamples=resamples, rng=rng
        ),
        chance=float((counts * (counts - 1)).sum() / (len(labels) * (len(labels) - 1))),
    )


def first_of_each_class(labels: Labels) -> Int[np.ndarray, " classes"]:
    """The first object of each class, in the order of the classes."""
    return np.unique(labels, return_index=True)[1]


def _require_spaces(spaces: Mapping[str, Space], labels: Labels, neighbours: int) -> None:
    if not spaces:
        raise ValueError("expected at least one space to look for neighbours in, got none")
    for name, points in spaces.items():
        if len(points) != len(labels):
            raise ValueError(f"expected {len(labels)} objects in {name!r}, one for each label, got {len(points)}")
    if len(labels) <= neighbours:
        raise ValueError(
            f"expected more objects than neighbours, got {len(labels)} objects and {neighbours} neighbours"
        )


def _nearest(points: Latents, queries: Int[np.ndarray, " q"], neighbours: int) -> Int[np.ndarray, "q k"]:
    """The k nearest others of each query; itself is none of them, and a copy of it is."""
    distances = cdist(points[queries], points)
    distances[np.arange(len(queries)), queries] = np.inf
    return np.argsort(distances, axis=1, kind="stable")[:, :neighbours]
