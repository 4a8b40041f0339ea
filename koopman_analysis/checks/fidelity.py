"""Do one-step samples have the law of the teacher's?

Never rejecting equality proves nothing: a test with few samples never rejects. The claim is an *equivalence*: the
energy coefficient of samples against a fresh teacher sample (`twosample`, equation (2)),

    H = E / (2 E‖X − Y‖) ∈ [0, 1],                                                                         (1)

lies, with its whole object-bootstrap interval, below a declared tolerance. The default, 5·10⁻⁴, is the H of two normals
4.5 % of a standard deviation apart (H ≈ δ²/4); a uniform square in place of a checkerboard has 1.5·10⁻³. Near H = 0 the
bootstrap of this degenerate statistic is conservative (its spread is 1.7 times the true one, measured), so about 10,000
samples a side are needed to resolve the default.

Controls, measured in the same way against the same reference: a second teacher sample must be supported (the noise
floor: otherwise there are too few samples); the same sample moved by a fifth of its spread, H ≈ 10⁻², must be refuted;
so must every generator that the caller names. The teacher at fewer solver steps stands beside the model on the same
resamples: to how many steps is one step equal?
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.resampling import Interval
from koopman_analysis.twosample import Discrepancies, PermutationTest, Sample, discrepancies, permutation_test

MODEL, FLOOR, MOVED = "model", "second teacher sample", "teacher sample moved by a fifth"


@dataclass(frozen=True, kw_only=True, eq=False)
class Fidelity:
    """How far the model's samples and others are from a reference sample of the teacher.

    Attributes:
        measured: Discrepancies of `model`, of the two controls, and of every other sample, on the same resamples.
        equality: Permutation test of the model's samples against the reference.
        steps: Names of the teacher's coarser samples, by their number of solver steps.
    """

    measured: Discrepancies
    equality: PermutationTest
    steps: Mapping[int, str]

    @property
    def floor(self) -> Interval:
        """H of a second teacher sample: what no generator can be expected to beat."""
        return self.measured.coefficients()[FLOOR]

    def gain_over_steps(self) -> dict[int, Interval]:
        """H of the teacher at each number of steps minus H of the model: positive where one step is closer."""
        gains = self.measured.differences_from(MODEL)
        return {count: gains[name] for count, name in self.steps.items()}

    @property
    def steps_surpassed(self) -> int:
        """The largest number of solver steps than which one step of the model is clearly closer; 0 where none."""
        return max((count for count, gain in self.gain_over_steps().items() if gain.low > 0.0), default=0)


def one_step_fidelity(
    samples: Sample,
    reference: Sample,
    *,
    fresh: Sample,
    others: Mapping[str, Sample] | None = None,
    steps: Mapping[int, Sample] | None = None,
    resamples: int = 199,
    permutations: int = 199,
    rng: np.random.Generator,
) -> Fidelity:
    """Measures samples, their controls and their rivals against one reference sample.

    Args:
        samples: The model's one-step samples.
        reference: A sample of the teacher.
        fresh: A second sample of the teacher, disjoint from the first: the noise floor.
        others: Other generators' samples, by name.
        steps: The teacher's samples at coarser integration, by number of solver steps.
        resamples: Resamples of the object bootstrap.
        permutations: Relabellings of the test of equality.
        rng: Draws both.

    Raises:
        ValueError: If a sample does not fit the reference, or a name is taken.
    """
    named = {count: f"teacher, {count} step{'s' if count > 1 else ''}" for count in (steps or {})}
    rivals = {**(others or {}), **{named[count]: sample for count, sample in (steps or {}).items()}}
    taken = sorted({MODEL, FLOOR, MOVED} & set(rivals))
    if taken:
        raise ValueError(f"expected other names than those of the model and its controls, got {taken}: rename them")
    moved = fresh + 0.2 * fresh.std(axis=0)
    everything = {MODEL: samples, FLOOR: fresh, MOVED: moved, **rivals}
    return Fidelity(
        measured=discrepancies(everything, reference, resamples=resamples, rng=rng),
        equality=permutation_test(samples, reference, permutations=permutations, rng=rng),
        steps=named,
    )


def faithful(fidelity: Fidelity, *, must_fail: Collection[str] = (), tolerance: float = 5e-4) -> Claim:
    """The claim that one-step samples have the teacher's law, within a tolerance on H of equation (1).

    Args:
        fidelity: What `one_step_fidelity` measured.
        must_fail: Names of measured generators that must be refuted.
        tolerance: Largest H that counts as equal.

    Raises:
        ValueError: If a generator that must fail was not measured.
    """
    unknown = sorted(set(must_fail) - set(fidelity.measured.names))
    if unknown:
        raise ValueError(f"expected controls among {list(fidelity.measured.names)}, got {unknown}")
    claims = {
        name: Claim.decided(
            id="fidelity",
            hypothesis="One step gives samples of the teacher's law.",
            quantity="energy coefficient H against a teacher sample (0: equal laws, 1: disjoint points)",
            interval=interval,
            side=Side.AT_MOST,
            bound=tolerance,
        )
        for name, interval in fidelity.measured.coefficients().items()
    }
    controls = [claims[FLOOR].as_control(name=FLOOR, expected=Verdict.SUPPORTED)]
    controls += [claims[name].as_control(name=name, expected=Verdict.REFUTED) for name in (MOVED, *must_fail)]
    return claims[MODEL].with_controls(controls)
