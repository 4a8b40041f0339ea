"""Does a model's flow preserve the data's measure, as far as a dictionary can tell?

Because the data's law is the push-forward of the noise's, the Koopman operator is an isometry from functions of the
data to functions of the noise. Singular values of at most one say nothing: they hold for any pairs. What can fail is
that a *model* Φ̂ pushes the noise onto the data. With second moments of Ψ over the model's samples and over independent
data,

    G_model = E Ψ(Φ̂(x))ᵀ Ψ(Φ̂(x)),     G_data = E Ψ(y)ᵀ Ψ(y),

    θ = max_i |log λ_i(G_data⁻¹ G_model)| = max_v |log (vᵀ G_model v / vᵀ G_data v)|,                               (1)

zero iff the two agree. The estimate θ̂ is biased upwards, a maximum of noise; but since both maxima run over the same v,

    |θ̂ − θ| ≤ max_v |log (vᵀ Ĝ_model v / vᵀ G_model v)| + max_v |log (vᵀ Ĝ_data v / vᵀ G_data v)|,                (2)

and the object bootstrap estimates the law of the right-hand side with Ĝ in the place of G and G* in that of Ĝ. With q
its 95 % quantile, [θ̂ − q, θ̂ + q] covers θ in at least 95 % of samples (more, because (2) is an inequality). Sound for
i.i.d. samples and few functions: m ≪ n. |log λ| is capped at 27.6, where a second moment is 1e-12 of another.

Controls, measured in the same way: outputs twice as large, |log λ| = 1.39, must be refuted; so must, nearer to the
bound, outputs stretched about their mean along their longest axis alone until

    log λ = θ_max + 1/4      there,     θ_max the bound,                                                      (3)

which with too few samples stays undecided.
"""

import numpy as np

from koopman_analysis.claims import Claim, Side, Verdict
from koopman_analysis.dictionaries import Dictionary
from koopman_analysis.resampling import Interval
from koopman_analysis.shapes import Inexact

EXCESS = 0.25
"""How far beyond the bound the nearer control lies: equation (3)."""
SMALLEST = 1e-12
"""Share of the largest below which a second moment counts as none."""


def isometric(
    model_outputs: Inexact[np.ndarray, "n_model d"],
    data: Inexact[np.ndarray, "n_data d"],
    *,
    dictionary: Dictionary,
    bound: float,
    resamples: int = 299,
    rng: np.random.Generator,
) -> Claim:
    """The claim that second moments over a model's samples are within a factor exp(bound) of the data's.

    Its controls are the same outputs twice as large, and stretched along one axis as in equation (3).

    Args:
        model_outputs: Independent samples of the model.
        data: Independent data; never the data whose noise the model was given.
        dictionary: Few functions, of low degree: their fourth powers must have variance.
        bound: Largest |log λ| of equation (1).
        resamples: Number of bootstrap resamples.
        rng: Draws the resamples.

    Raises:
        ValueError: If there are fewer than ten samples of either for each function, or the bound is not positive.
    """
    if not bound > 0:
        raise ValueError(f"expected a positive bound on |log λ|, got {bound}")
    controls = {
        "outputs twice as large": 2 * model_outputs,
        "outputs stretched along one axis": _stretched(model_outputs, float(np.exp((bound + EXCESS) / 2))),
    }
    claim, *altered = (
        Claim.decided(
            id="isometric",
            hypothesis="The model pushes the noise onto the data: second moments of the dictionary agree.",
            quantity="largest |log ratio| of a second moment over the model to the same over the data",
            interval=_largest_log_ratio(dictionary(outputs), dictionary(data), resamples, rng),
            side=Side.AT_MOST,
            bound=bound,
        )
        for outputs in (model_outputs, *controls.values())
    )
    return claim.with_controls(
        [made.as_control(name=name, expected=Verdict.REFUTED) for name, made in zip(controls, altered, strict=True)]
    )


def _stretched(outputs: np.ndarray, factor: float) -> np.ndarray:
    """The outputs, their longest axis stretched about their mean."""
    mean = outputs.mean(axis=0)
    axis = np.linalg.svd(outputs - mean, full_matrices=False)[2][0]
    return outputs + (factor - 1.0) * ((outputs - mean) @ axis)[:, None] * axis


def _largest_log_ratio(model: np.ndarray, data: np.ndarray, resamples: int, rng: np.random.Generator) -> Interval:
    least = 10 * model.shape[1]
    if min(len(model), len(data)) < least:
        raise ValueError(
            f"expected at least {least} samples of model and data for {model.shape[1]} functions, "
            f"got {len(model)} and {len(data)}"
        )
    model, data = _in_common_span(model.astype(np.float64), data.astype(np.float64))
    estimate = _largest_log(np.linalg.eigvalsh(_compared(_second_moments(model), _second_moments(data))))
    whitened = [_whitened(features) for features in (model, data)]
    fluctuation = [sum(_fluctuation(features, rng) for features in whitened) for _ in range(resamples)]
    width = float(np.quantile(fluctuation, 0.95))
    return Interval(
        estimate=estimate,
        low=max(estimate - width, 0.0),
        high=estimate + width,
        n=min(len(model), len(data)),
        method=f"object bootstrap, {resamples} resamples, bound on the maximum",
    )


def _fluctuation(whitened: np.ndarray, rng: np.random.Generator) -> float:
    """One bootstrap draw of one term of equation (2), from features with Ĝ = I."""
    n = len(whitened)
    counts = np.bincount(rng.integers(n, size=n), minlength=n)
    return _largest_log(np.linalg.eigvalsh(whitened.T @ (counts[:, None] * whitened) / n))


def _compared(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A symmetric matrix with the eigenvalues of second⁻¹ first."""
    values, axes = np.linalg.eigh(second)
    whitening = axes / np.sqrt(np.maximum(values, SMALLEST * values[-1]))
    return whitening.T @ first @ whitening


def _largest_log(ratios: np.ndarray) -> float:
    return float(np.abs(np.log(np.clip(ratios, SMALLEST, 1 / SMALLEST))).max())


def _whitened(features: np.ndarray) -> np.ndarray:
    """The features in coordinates with Ĝ = I, without directions that these samples lack: there nothing fluctuates."""
    values, axes = np.linalg.eigh(_second_moments(features))
    kept = values > SMALLEST * values[-1]
    return features @ (axes[:, kept] / np.sqrt(values[kept]))


def _second_moments(features: np.ndarray) -> np.ndarray:
    return features.T @ features / len(features)


def _in_common_span(model: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both in coordinates without the directions that neither has, such as functions that repeat each other."""
    both = np.concatenate([model / np.sqrt(len(model)), data / np.sqrt(len(data))])
    scale = np.linalg.norm(both, axis=0)
    scale[scale == 0] = 1.0
    values, axes = np.linalg.eigh((both / scale).T @ (both / scale))
    kept = axes[:, values > SMALLEST * values[-1]] / scale[:, None]
    return model @ kept, data @ kept
