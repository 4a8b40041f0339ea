"""Distances of representations held against what objects are, and against each other, on the same resamples.

A representation is n rows for n objects: the latents, a control, a random re-initialisation of the encoder. A question
is a statistic A_q and a semantic measure (`questions`). With d_c the distances of control c,

    Δ_qc = A_q(d_latent) − A_q(d_c),                                                                       (1)

and "the latent distance is semantic" means Δ_qc ≥ margin for *every* c. Which controls are there decides what that
says: over noise, principal components and random encoders, that training did it; over DMD and EDMD coordinates, that
a linear method does not; over the teacher's own states on the way and the last layer of a direct regression, that the
latent space adds to what any solution of the task contains. The random encoders stand as one control, their best,
taken anew on each resample.

**Equal dimension.** A control with more dimensions than the latent space stands there twice, as it is and as its
leading principal components (of these objects) in the latent dimension, and both must be exceeded. Random encoders are
compared as they are, in the dimension of their architecture: a study shows it, and equal is what the caller makes it.

**Multiplicity.** All Δ_qc, over all controls and all questions of the study, are one family: their intervals are
simultaneous (max-t, equation (2) of `resampling`) on the same object resamples. So the smallest Δ of each question has
the smallest of the lower and of the upper ends, and what is said of several questions holds for all of them together at
the stated level. A question less would narrow the intervals: decide on the questions before looking.

**Shuffled objects.** The measure is given to the wrong objects, many times; then no distance knows anything and the
smallest Δ of a question is that of chance, below zero since it is the smallest of many.               (2)

References are measured with everything and exceeded by nothing: the data themselves, a curve of states on the way,
cases with a known answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from koopman_analysis.resampling import Bootstrap, Interval, central_interval, object_bootstrap, smallest
from koopman_analysis.semantics.admission import LATENT, RANDOM, admitted
from koopman_analysis.semantics.measures import Objects
from koopman_analysis.semantics.questions import Question, Weighted, answered
from koopman_analysis.shapes import Distances, Float
from koopman_analysis.similarity import euclidean_distances
from koopman_analysis.similarity.preparation import Prepared
from koopman_analysis.twosample import Sample

SHUFFLES = 19


@dataclass(frozen=True, kw_only=True, eq=False)
class SemanticStudy:
    """What was asked of every representation, on the same resamples.

    Attributes:
        questions: What was asked, by name.
        external: Whether the measure of each question comes from outside model and states.
        names: The representations: the latent space, the controls, the best of the random encoders, the references.
        controls: Those that the latent space must exceed.
        dimensions: Of each representation; from the least to the largest where random encoders differ.
        bootstrap: A column for each question and, within it, for each representation.
        shuffled: Equation (2): of each external question (a row), the smallest Δ of each shuffle.
    """

    questions: tuple[str, ...]
    external: tuple[bool, ...]
    names: tuple[str, ...]
    controls: tuple[str, ...]
    dimensions: Mapping[str, int | str]
    bootstrap: Bootstrap
    shuffled: Float[np.ndarray, "questions shuffles"]

    def values(self, question: str) -> dict[str, Interval]:
        """A_q of every representation, each with an interval of its own."""
        return dict(zip(self.names, self._values[self._place(question)], strict=True))

    def differences(self, question: str, *, name: str = LATENT) -> dict[str, Interval]:
        """Δ of equation (1) for every control, simultaneous with all others; of another representation by its name."""
        return dict(zip(self.controls, self._leads(name)[self._place(question)], strict=True))

    def smallest_difference(self, question: str, *, name: str = LATENT) -> Interval:
        """The smallest Δ over the controls; not measured where one of them is not defined."""
        intervals = list(self.differences(question, name=name).values())
        if any(np.isnan(interval.estimate) for interval in intervals):
            return Interval.unmeasured()
        return smallest(intervals)

    def closest_control(self, question: str, *, name: str = LATENT) -> str:
        """The control with the smallest Δ; of another representation by its name."""
        differences = self.differences(question, name=name)
        return min(differences, key=lambda name: differences[name].estimate)

    def chance(self, question: str) -> Interval:
        """The smallest Δ when the measure is given to the wrong objects: mean and central 95 % of the shuffles."""
        drawn = self.shuffled[self._place(question)]
        if np.isnan(drawn).any():
            return Interval.unmeasured()
        return central_interval(drawn, n=self.bootstrap.objects, method=f"{len(drawn)} shuffles")

    def rows(self) -> list[tuple[str, ...]]:
        """Every representation with its dimension and its number for each question, as text."""
        return [
            (
                name,
                str(self.dimensions[name]),
                *(_text(self._values[row][column]) for row in range(len(self.questions))),
            )
            for column, name in enumerate(self.names)
        ]

    @cached_property
    def _values(self) -> list[tuple[Interval, ...]]:
        each, width = self.bootstrap.intervals(), len(self.names)
        return [each[start : start + width] for start in range(0, len(each), width)]

    def _leads(self, name: str) -> list[list[Interval]]:
        """The simultaneous intervals of all Δ of a representation; a row for each question."""
        width, here = len(self.names), self.names.index(name)
        controls = [self.names.index(control) for control in self.controls]
        starts = range(0, len(self.questions) * width, width)
        intervals = _simultaneous(self.bootstrap, [(start + here, start + c) for start in starts for c in controls])
        return [intervals[start : start + len(controls)] for start in range(0, len(intervals), len(controls))]

    def _place(self, question: str) -> int:
        if question not in self.questions:
            raise ValueError(f"expected one of the questions {list(self.questions)}, got {question!r}")
        return self.questions.index(question)


def semantic_study(
    latents: Sample,
    objects: Objects,
    questions: Sequence[Question],
    *,
    controls: Mapping[str, Sample],
    random: Sequence[Sample] = (),
    references: Mapping[str, Sample] | None = None,
    distance: Callable[[Sample], Distances] = euclidean_distances,
    resamples: int = 199,
    shuffles: int = SHUFFLES,
    rng: np.random.Generator,
) -> SemanticStudy:
    """Asks every question of every representation.

    Give random encoders. Without them a change of coordinates of the noise may be supported: its distance is not that
    of the noise, a rescaling of the coordinates that matter is enough.

    Time and memory grow with the square of the number of objects: a few hundred decide.

    Args:
        latents: The latents of n independent objects.
        objects: What is known of them.
        questions: What to ask, such as `crossed(measures, classes=…, distances=…)`.
        controls: Other representations of the same objects, which the latent space must exceed, by name.
        random: The objects in random re-initialisations of the encoder, at least 19; or none, where there is no such
            control.
        references: Further representations, which it need not exceed, by name.
        distance: From rows to the distances between them.
        resamples: Resamples of the object bootstrap.
        shuffles: Shuffles of equation (2).
        rng: Draws resamples and shuffles.

    Raises:
        ValueError: If there are no questions or controls, some but too few random encoders, a name is taken twice, also
            by the components of a control, or a representation is not finite real rows, one for each object.
    """
    must = admitted(latents, objects, questions, controls, random, references or {})
    single = {LATENT: latents, **must, **(references or {})}
    matrices = [distance(points) for points in (*single.values(), *random)]
    seen = [[question.seen(matrix) for matrix in matrices] for question in questions]
    compared = [*range(1 + len(must)), *range(len(single), len(matrices))]

    def arranged(each: Sequence[Weighted], counts: np.ndarray) -> np.ndarray:
        values = np.array([agreement(counts) for agreement in each])
        return _with_best(values, len(single) if random else len(values), 1 + len(must))

    known = [question.known(objects) for question in questions]
    agreements = [[answered(each, of) for each in every] for every, of in zip(seen, known, strict=True)]
    drawn = object_bootstrap(
        lambda counts: np.concatenate([arranged(each, counts) for each in agreements]),
        len(objects), resamples=resamples, rng=rng,
    )  # fmt: skip
    shuffled = _shuffled([[each[place] for place in compared] for each in seen], objects, questions, shuffles, rng)
    best = [RANDOM] if random else []
    dimensions: dict[str, int | str] = {name: points.shape[1] for name, points in single.items()}
    if random:
        dimensions[RANDOM] = _span([points.shape[1] for points in random])
    return SemanticStudy(
        questions=tuple(question.name for question in questions),
        external=tuple(question.external for question in questions),
        names=(LATENT, *must, *best, *(references or {})),
        controls=(*must, *best),
        dimensions=dimensions,
        bootstrap=drawn,
        shuffled=shuffled,
    )


def _span(widths: Sequence[int]) -> int | str:
    return widths[0] if len(set(widths)) == 1 else f"{min(widths)} to {max(widths)}"


def _with_best(values: np.ndarray, first_random: int, place: int) -> np.ndarray:
    """The values with the largest of those from `first_random` on in their place, at `place`."""
    single, random = values[:first_random], values[first_random:]
    return np.insert(single, place, random.max()) if len(random) else single


def _shuffled(
    seen: Sequence[Sequence[Prepared]], objects: Objects, questions: Sequence[Question], shuffles: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, "questions shuffles"]:  # fmt: skip
    """Equation (2) for the questions that can decide, NaN for others; the latents' distances come first."""
    once = np.ones(len(objects), dtype=np.int64)
    smallest = np.full((len(questions), shuffles), np.nan)
    for column in range(shuffles):
        order = rng.permutation(len(objects))
        labels = None if objects.labels is None else objects.labels[order]
        wrong = Objects(states=objects.states[order], labels=labels)
        for row, question in enumerate(questions):
            if question.external:
                known = question.known(wrong)
                latent, *others = [answered(each, known)(once) for each in seen[row]]
                smallest[row, column] = latent - max(others)
    return smallest


def _simultaneous(bootstrap: Bootstrap, pairs: Sequence[tuple[int, int]]) -> list[Interval]:
    """Max-t intervals of those differences that are defined; of another, that it is not measured."""
    defined = [pair for pair in pairs if not np.isnan(bootstrap.estimate[list(pair)]).any()]
    found = dict(zip(defined, bootstrap.differences(defined).simultaneous(), strict=True)) if defined else {}
    return [found.get(pair, Interval.unmeasured()) for pair in pairs]


def _text(interval: Interval) -> str:
    return f"{interval.estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
