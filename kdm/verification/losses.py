"""What the model and the direct regression beside it minimise: the same distance, beside the same kind of critic.

Otherwise a verdict on the two could come from the loss alone. What the model minimises beside, latent linearity and
reconstruction, has no counterpart in a network without latents, nor has an operator that is refitted in the end.
"""

from dataclasses import replace

from kdm.distances import Distance, PerceptualDistance, PseudoHuberDistance, SumOfDistances
from kdm.training.distillation import DistillationConfig
from koopman_analysis.claims import Claim


def with_loss(claim: Claim, config: DistillationConfig) -> Claim:
    """A claim about a model and direct regression, which says what both minimise."""
    return replace(claim, because=f"{claim.because}; {loss_of_both(config)}")


def loss_of_both(config: DistillationConfig) -> str:
    """What a distillation and the direct regression beside it minimise: a clause."""
    critic = "neither has a critic" if config.adversary is None else "each has a critic of its own"
    minimised = f"both minimise {named_distance(config.objective.distance)} between samples, and {critic}"
    if config.refit is None:
        return minimised
    return f"{minimised}; after its last step the model had its operator refitted, as direct regression cannot"


def named_distance(distance: Distance) -> str:
    """A distance between samples, for the middle of a sentence."""
    if isinstance(distance, SumOfDistances):
        return " + ".join(f"{term.weight:g} × {named_distance(term.distance)}" for term in distance.terms)
    if isinstance(distance, PerceptualDistance):
        return "LPIPS"
    if isinstance(distance, PseudoHuberDistance):
        return f"the pseudo-Huber distance of c = {distance.c:g}"
    return "the mean squared difference"
