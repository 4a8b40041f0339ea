"""Which adapter takes which object, found without importing what nobody uses.

An object's class and its ancestors name the packages that they come from. The adapters of those packages are imported,
each registers what it takes, and the most specific class decides (`functools.singledispatch`): a `KoopmanRegressor`,
which is a scikit-learn estimator as well, goes by its own.
"""

from functools import singledispatch
from importlib import import_module
from types import MappingProxyType
from typing import Any, TypeAlias, cast

from koopman_analysis.adapters.encoded import EncodedModel
from koopman_analysis.adapters.requirements import PARTS
from koopman_analysis.estimators.latent import ArrayLatentModel, LatentModel
from koopman_analysis.snapshots import SnapshotPairs

ADAPTERS = MappingProxyType(
    {
        "koopman_analysis": ("own_estimators", "EDMD, IsometricEDMD, ExactDMD, PyDMDRegression, PyDMDForecast"),
        "pydmd": ("pydmd_models", "DMD and what shares its modes and predict"),
        "sklearn": ("sklearn_models", "linear regressors, in pipelines and with transformed targets"),
        "deeptime": ("deeptime_models", "DMD, EDMD, KernelEDMD, VAMP, TICA"),
        "kooplearn": ("kooplearn_models", "Ridge, KernelRidge"),
        "torch": ("torch_modules", "modules with encoder, operator and decoder"),
    }
)
"""Package: (module of its adapters here, what they take)."""


Adapted: TypeAlias = LatentModel | ArrayLatentModel | EncodedModel
"""What an adapter returns: a model, or one that still needs a decoder."""


class NotAdaptable(TypeError):
    """An object is no Koopman model that an adapter knows."""


def as_latent_model(model: Any, *, pairs: SnapshotPairs | None = None) -> LatentModel:
    """The object as a `LatentModel`; itself if it is one.

    Args:
        model: A fitted model.
        pairs: Pairs that it was fitted to, for a model that predicts features and not states: its decoder is then the
            affine least-squares readout of the features. Others do not look at them.

    Raises:
        NotAdaptable: If no adapter takes the object, or it is one that has no finite matrix on functions of one state.
        NotFitted: If it has not been fitted.
        ValueError: If it has no decoder, and no pairs are given to fit one.
    """
    if isinstance(model, LatentModel):
        return model
    found = adapted(model)
    if not isinstance(found, EncodedModel):
        return cast(LatentModel, found)  # ArrayLatentModel types its offset as it may be given
    if pairs is None:
        raise ValueError(
            f"expected pairs to fit a decoder to, got none: a {type(model).__name__} predicts features, not states; "
            "pass as_latent_model(model, pairs=…), the pairs that it was fitted to"
        )
    return cast(LatentModel, found.read_from(pairs))


def adapted(model: Any) -> Adapted:
    """What the adapter of the object makes of it, decoder or not.

    Raises:
        NotAdaptable: If no adapter takes the object.
    """
    packages = {ancestor.__module__.partition(".")[0] for ancestor in type(model).__mro__}
    for package in packages & ADAPTERS.keys():
        import_module(f"koopman_analysis.adapters.{ADAPTERS[package][0]}")
    return adapted_by_class(model)


@singledispatch
def adapted_by_class(model: Any) -> Adapted:
    """What the adapter of the object's class makes of it.

    Raises:
        NotAdaptable: If there is none.
    """
    taken = "; ".join(f"{package}: {what}" for package, (_, what) in ADAPTERS.items())
    got = f"the class {model.__name__}" if isinstance(model, type) else f"an object of class {type(model).__name__}"
    missing = [part for part in PARTS if not hasattr(model, part)]
    lacking = f" without {', '.join(missing)}" if len(missing) < len(PARTS) else ""
    raise NotAdaptable(
        f"expected a LatentModel or a fitted model that is adapted to one ({taken}), got {got}{lacking}: describe "
        "yours by ArrayLatentModel(encode_noise=…, encode_data=…, matrix=…, decode=…)"
    )
