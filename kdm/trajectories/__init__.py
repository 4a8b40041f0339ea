"""Trajectories of a flow, in memory and on disk: the only code that knows the order of arrays.

A data set (DATA, on disk a folder) is n trajectories of which the two ends are always kept:

    noise.npy        (n, *shape)          states at the noise end
    data.npy         (n, *shape)          states at the data end, row by row the image of the noise under the flow
    trajectory.npy   (n, times, *shape)   optional: states at every kept time, noise first, both ends included
    labels.npy       (n,)                 optional: the semantic label of each data point
    manifest.json                         what the arrays are, where they come from, and their checksums

The last tenth of the rows is held out: nothing is ever fitted to it.
"""

from kdm.trajectories.classes import largest_class, of_class, require_classes, whole_of
from kdm.trajectories.collection import collect
from kdm.trajectories.manifest import DataError, Manifest
from kdm.trajectories.mapped import MappedPairs
from kdm.trajectories.pairs import IndexedPairs, Pairs
from kdm.trajectories.prefetching import prefetched
from kdm.trajectories.storage import Trajectories, open_trajectories, save_trajectories

__all__ = [
    "DataError",
    "IndexedPairs",
    "Manifest",
    "MappedPairs",
    "Pairs",
    "Trajectories",
    "collect",
    "largest_class",
    "of_class",
    "open_trajectories",
    "prefetched",
    "require_classes",
    "save_trajectories",
    "whole_of",
]
