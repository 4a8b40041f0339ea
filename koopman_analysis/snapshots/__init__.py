"""Snapshots: pairs of states before and after a flow map, whole trajectories, and two draws of one step."""

from koopman_analysis.snapshots.pairs import SnapshotPairs, Split
from koopman_analysis.snapshots.trajectories import DoublePairs, SnapshotTrajectories

__all__ = ["DoublePairs", "SnapshotPairs", "SnapshotTrajectories", "Split"]
