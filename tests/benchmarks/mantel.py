"""The Mantel test beside scikit-bio's, and correlations of distances of more objects than a matrix holds.

Objects have d coordinates x ~ N(0, I); the distances compared are those of x, and of x with noise of variance s² added,

    D1 = ‖xᵢ − xⱼ‖,     D2 = ‖xᵢ + s eᵢ − xⱼ − s eⱼ‖,                                                        (1)

or of e alone, which is unrelated: there the observed r lies among the relabelled ones, and many are near it. Both
libraries relabel D1 by the same draws of one generator, so that p-values are equal or one of them is wrong.

scikit-bio works in compiled loops on as many OpenMP threads as it is given, and keeps all relabellings.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from koopman_analysis.claims import Side
from koopman_analysis.similarity import euclidean_distances

from .comparison import software_table
from .data import written
from .experiments import Profile
from .page import Goal, Page, Row, Table
from .turns import Contestant, Outcome, ours, taken_in_turns

DIMENSION, NOISE, SEED, ROUNDS = 8, 2.0, 1, 3
PEER = "scikit-bio"
COLUMNS = {
    "objects": ",", "relabellings": ",", "distances": "", "threads": "d", "contestant": "", "CPU s": ".2f",
    "wall s": ".2f", "memory, MB": ".1f", "r": ".6f", "p": ".4f",
}  # fmt: skip
STREAMED = {"objects": ",", "CPU s": ".1f", "memory, MB": ".0f", "r": ".4f"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is tested, on how many threads."""

    objects: int
    permutations: int
    related: bool
    threads: int

    def folder(self, work: Path) -> Path:
        """The matrices of equation (1)."""
        kind = "related" if self.related else "unrelated"
        folder = work / "mantel" / f"{self.objects}-{self.permutations}-{kind}"
        rng = np.random.default_rng(SEED)
        x, e = rng.standard_normal((2, self.objects, DIMENSION))
        points = {"first": x, "second": x + NOISE * e if self.related else e}
        matrices = {name: euclidean_distances(each) for name, each in points.items()}
        return written(folder, matrices, permutations=self.permutations, seed=SEED)


@dataclass(frozen=True, kw_only=True)
class Duel:
    """What both made of a case."""

    case: Case
    ours: Outcome
    peer: Outcome

    @property
    def memory(self) -> float:
        """Ours as a share of the peer's, which is nothing to speak of in a quick look."""
        return self.ours.memory / max(self.peer.memory, 1e-3)

    @property
    def wall(self) -> float:
        """Likewise by the clock."""
        return self.ours.wall / self.peer.wall

    def difference(self, quantity: str) -> float:
        """Between both."""
        mine, its = (outcome.repetitions[-1][quantity] for outcome in (self.ours, self.peer))
        return abs(mine - its)

    def rows(self) -> list[Row]:
        """One for each contestant."""
        return [
            {
                "objects": self.case.objects,
                "relabellings": self.case.permutations,
                "distances": "related" if self.case.related else "unrelated",
                "threads": self.case.threads,
                "contestant": outcome.name,
                "CPU s": outcome.seconds,
                "wall s": outcome.wall,
                "memory, MB": outcome.memory,
                "r": outcome.repetitions[-1]["statistic"],
                "p": outcome.repetitions[-1]["p_value"],
            }
            for outcome in (self.ours, self.peer)
        ]


def measured(profile: Profile) -> Page:
    """Both libraries in turns, on one thread and on two; then the stream."""
    small, large = profile.count(500, fast=40), profile.count(2000, fast=60)
    few, many = profile.count(999, fast=19), profile.count(9999, fast=39)
    cases = [
        Case(objects=small, permutations=few, related=True, threads=1),
        Case(objects=small, permutations=few, related=False, threads=1),
        Case(objects=large, permutations=many, related=False, threads=1),
        Case(objects=large, permutations=many, related=False, threads=2),
    ]
    duels = [_duel(case, profile) for case in (cases[2:] if profile.fast else cases)]
    streamed = _streamed(profile)
    return Page(
        title="The Mantel test",
        about="`mantel(D1, D2, B, rng=…, threads=…)` and `skbio.stats.distance.mantel` in turns, each in a process of "
        f"its own, medians of up to {ROUNDS} rounds; Euclidean distances in {DIMENSION} dimensions. Then "
        "`streamed_pearson` with its jackknife over objects, of distances that are never all in memory.",
        tables=[
            Table(columns=COLUMNS, rows=[row for duel in duels for row in duel.rows()]),
            Table(columns=STREAMED, rows=[streamed]),
            software_table([duels[0].ours, duels[0].peer]),
        ],
        goals=_goals(duels, float(streamed["memory, MB"])),
        notes=[
            "Memory is the largest increase of the resident set during the work, beyond both matrices. scikit-bio's "
            "copies of them, and its checks, are made before and not counted; ours are counted.",
            "scikit-bio takes less time where a matrix fits into the caches, as with 500 objects: there calls cost "
            "more than work.",
            "Where others share the machine, the clock tells of them; the CPU time does so less, through the caches.",
        ],
    )


def _duel(case: Case, profile: Profile) -> Duel:
    folder = case.folder(profile.work)
    warm = replace(case, objects=30, permutations=19).folder(profile.work)
    peer = Contestant(
        name=PEER, job="mantel", script=Path(__file__).parent / "peers" / "scikit_bio_jobs.py",
        python=Path(sys.executable), threads=case.threads,
    )  # fmt: skip
    contestants = [replace(ours("mantel"), threads=case.threads), peer]
    mine, its = taken_in_turns(contestants, folder, warm, rounds=profile.count(ROUNDS, fast=1))
    return Duel(case=case, ours=mine, peer=its)


def _streamed(profile: Profile) -> Row:
    rng, objects = np.random.default_rng(SEED), profile.count(20_000, fast=200)
    folders = []
    for count in (objects, 50):
        x, e = rng.standard_normal((2, count, DIMENSION))
        folders.append(written(profile.work / "mantel" / f"points-{count}", {"points": x, "semantic": x + NOISE * e}))
    (outcome,) = taken_in_turns([ours("streamed_pearson")], *folders, rounds=1)
    r = outcome.repetitions[-1]["statistic"]
    return {"objects": objects, "CPU s": outcome.seconds, "memory, MB": outcome.memory, "r": r}


def _goals(duels: Sequence[Duel], streamed: float) -> list[Goal]:
    *_, alone, together = duels

    def worst(quantity: str) -> float:
        return max(duel.difference(quantity) for duel in duels)

    at_most = Side.AT_MOST
    return [
        Goal(quantity="difference of r", measured=worst("statistic"), side=at_most, bound=1e-12),
        Goal(quantity="difference of p", measured=worst("p_value"), side=at_most, bound=0.0, form=".4f"),
        Goal(quantity="CPU time / scikit-bio's, one thread", measured=alone.ours.relative_to(alone.peer), side=at_most,
             bound=1.0, form=".2f"),
        Goal(quantity="CPU time / scikit-bio's, two threads", measured=together.ours.relative_to(together.peer),
             side=at_most, bound=1.0, form=".2f"),
        Goal(quantity="time by the clock / scikit-bio's, two threads", measured=together.wall, side=at_most, bound=1.0,
             form=".2f"),
        Goal(quantity="memory / scikit-bio's", measured=max(alone.memory, together.memory), side=at_most, bound=0.5,
             form=".2f"),
        Goal(quantity="memory of the stream, MB", measured=streamed, side=at_most, bound=2000, form=".0f"),
    ]  # fmt: skip
