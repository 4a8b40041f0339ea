"""Fitted PyDMD models whose modes and eigenvalues are those of one step in the states' own space.

All predict by x ↦ (Φ diag(λ) Φ⁺) x of a state in a column (`koopman_analysis.adapters.modal`, equation (1)), the modes
that are switched off left out. States are taken as they were fitted: PyDMD centres nothing. Others of its classes mean
something else by modes and eigenvalues, and are refused by name.
"""

import numpy as np
from pydmd import CDMD, DMD, DMDBase, SubspaceDMD

from koopman_analysis.adapters.conversion import NotAdaptable, adapted_by_class
from koopman_analysis.adapters.modal import modal_model
from koopman_analysis.estimators.base import NotFitted
from koopman_analysis.estimators.latent import ArrayLatentModel

OTHERS = {
    "OptDMD": "its two ends have different spaces",
    "DMDc": "its step depends on a control at each time",
    "BOPDMD": "its eigenvalues are rates, of a fit to times",
    "VarProDMD": "its eigenvalues are rates, of a fit to times",
    "HankelDMD": "it acts on delays, not on one state",
    "HODMD": "it acts on delays, not on one state",
    "MrDMD": "it has an operator for each window of time",
    "LANDO": "its step is a kernel expansion over the snapshots",
}


@adapted_by_class.register(DMDBase)
def refused(model: DMDBase) -> ArrayLatentModel:
    """No model.

    Raises:
        NotAdaptable: Always, with the reason.
    """
    name = type(model).__name__
    reason = next((OTHERS[kind.__name__] for kind in type(model).__mro__ if kind.__name__ in OTHERS), "it has its own")
    raise NotAdaptable(
        f"expected a PyDMD model of one step in the space of states, got {name}: {reason}; fit PyDMDRegression to "
        "pairs or PyDMDForecast to trajectories, which take its algorithms where they fit"
    )


@adapted_by_class.register(DMD)
@adapted_by_class.register(CDMD)
@adapted_by_class.register(SubspaceDMD)
def modal(model: DMDBase) -> ArrayLatentModel:
    """The model in the coordinates that its modes span.

    Raises:
        NotAdaptable: If its modes do not come in conjugate pairs.
        NotFitted: Before fit.
    """
    if not model.fitted:
        raise NotFitted(f"expected a fitted {type(model).__name__}, got one that has seen no snapshots: call fit first")
    return modal_model(np.asarray(model.modes), np.asarray(model.eigs))
