"""Koopman distillation of diffusion models.

One equation: x̂_data = D( E_noise(x_noise) K + c(label) ). An encoder lifts noise to a latent space, one linear
operator carries it to the data end of the flow, a decoder returns the sample.

    data = kdm.collect(kdm.teacher("checkerboard"), 50_000, generator=g)         pairs of a teacher's flow
    for step in kdm.distil(config, data, run, device=device): ...               train, resumable at any step
    model = kdm.load(run)        samples = kdm.sample(model, n, generator=g)    one step from noise to data

`kdm.verification.verify("checkerboard")` does all of it, and tests the claims.
"""

from kdm.evaluation import evaluate
from kdm.latent_model import KDMLatentModel
from kdm.model import KoopmanDistillationModel
from kdm.presets import preset_named
from kdm.sampling import sample
from kdm.teachers import named as teacher
from kdm.training.distillation import DistillationConfig, distil, load
from kdm.trajectories import collect, open_trajectories

__all__ = [
    "DistillationConfig",
    "KDMLatentModel",
    "KoopmanDistillationModel",
    "collect",
    "distil",
    "evaluate",
    "load",
    "open_trajectories",
    "preset_named",
    "sample",
    "teacher",
]
