"""The teacher's flow as something that the analysis can differentiate, where it is known and small enough."""

from functools import partial

import numpy as np
import torch

from kdm.jacobians import derivative_error, flow_derivative
from kdm.teachers import Empirical, Teacher
from kdm.trajectories import Trajectories
from koopman_analysis.sensitivity import KnownFlow, Linearisation

MOST_STEPS = 64
"""Heun steps at most: data of fewer are carried by their own, and more change nothing that is seen."""
PLANE, LARGEST = 8, 100
"""Features up to which thousands of Jacobians are affordable, and up to which any are."""
MANY, FEW = 2000, 200
ERROR_ROWS = 20


def known_flow(data: Trajectories) -> KnownFlow | None:
    """The flow of the data's teacher; None without a teacher, with a flow a label, or where Jacobians are too large."""
    teacher = data.teacher
    if teacher is None or teacher.conditional or (width := int(np.prod(teacher.shape))) > LARGEST:
        return None
    steps = min(int(data.manifest.solver.get("steps", MOST_STEPS)), MOST_STEPS)
    noise = data.heldout().noise[:ERROR_ROWS].double()
    error = derivative_error(teacher, noise, steps=steps)
    of_points = f", bandwidth {teacher.bandwidth:g}" if isinstance(teacher, Empirical) else ""
    return KnownFlow(
        linearised=partial(_linearised, teacher, steps),
        classes=partial(_classes, teacher) if teacher.number_of_labels else None,
        description=(
            f"from σ = {teacher.sigma_noise:g} to σ = {teacher.sigma_data:g}{of_points} in {steps} Heun steps, where "
            f"they are right to {error.median:.2g} at the median of {error.samples} states"
        ),
        affordable=MANY if width <= PLANE else FEW,
    )


def _linearised(teacher: Teacher, steps: int, states: np.ndarray) -> Linearisation:
    noise = torch.from_numpy(states).to(teacher.precision).unflatten(1, teacher.shape)
    found = flow_derivative(teacher, noise, steps=steps)
    return Linearisation(
        states=states, images=found.data.flatten(1).double().numpy(), jacobians=found.jacobian.double().numpy()
    )


def _classes(teacher: Teacher, states: np.ndarray) -> np.ndarray:
    labels = teacher.labels(torch.from_numpy(states).unflatten(1, teacher.shape))
    assert labels is not None  # for there are some
    return labels.numpy()
