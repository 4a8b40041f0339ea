"""From numbers to a model and back: what a model is made of, as JSON that rebuilds it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args

import cattrs
import torch
from cattrs.gen import make_dict_unstructure_fn, override
from cattrs.v import format_exception

from kdm.control import ControlConfig, LabelControlConfig, NoControlConfig
from kdm.model import KoopmanDistillationModel, NormalisationConfig, RMSNormalisationConfig, Scaling
from kdm.networks import NetworkConfig, ResidualMLPConfig
from kdm.operators import DenseConfig, LowRankConfig, OperatorConfig
from kdm.semigroup import Semigroup
from kdm.shapes import is_whole
from kdm.shared_encoder import SharedEncoderModel
from kdm.versions import ADDED_LATER

Config = TypeVar("Config")


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Latent dimension, one network at each place of the equation, kind of operator, control and normalisation.

    Where `data_encoder` is None, the noise encoder serves both ends and all times between them, and the operator is the
    semigroup's. With `classes`, the number of them, the model is told the class of each sample.
    """

    latent: int
    noise_encoder: NetworkConfig
    data_encoder: NetworkConfig | None
    decoder: NetworkConfig
    operator: OperatorConfig = field(default_factory=DenseConfig)
    control: ControlConfig = field(default_factory=NoControlConfig)
    normalisation: NormalisationConfig = field(default_factory=RMSNormalisationConfig)
    classes: int = 0

    def __post_init__(self) -> None:
        if self.classes < 0 or (self.classes == 0 and isinstance(self.control, LabelControlConfig)):
            raise ValueError(f"expected the number of classes, for a control by label >= 1, got {self.classes}")
        if self.data_encoder is None and self.classes:
            raise ValueError(f"expected no classes beside one encoder for all times, got {self.classes}")
        if not is_whole(self.latent) or self.latent < 1:
            raise ValueError(f"expected a latent dimension of at least 1, a whole number, got {self.latent!r}")
        if not isinstance(self.operator, OperatorConfig):
            raise TypeError(f"expected a configuration of an operator such as DenseConfig(), got {self.operator!r}")
        if self.data_encoder is None and self.operator != DenseConfig():
            raise ValueError(
                f"expected no operator of its own beside one encoder for all times, got {self.operator}: the "
                "operator is the semigroup's"
            )
        if isinstance(self.operator, LowRankConfig) and self.operator.rank > self.latent:
            raise ValueError(f"expected a rank of at most the latent dimension {self.latent}, got {self.operator.rank}")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Everything that rebuilds a model but its weights.

    Attributes:
        architecture: Its parts.
        shape: Shape of one sample.
        scaling: Units of both ends.
        sigmas: Noise levels of the times that one encoder serves, noise first; None where each end has its own.

    Raises:
        ValueError: If there are noise levels for two encoders, or none for one.
    """

    architecture: Architecture
    shape: tuple[int, ...]
    scaling: Scaling
    sigmas: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if (self.architecture.data_encoder is None) != (self.sigmas is not None):
            raise ValueError(
                f"expected noise levels where one encoder serves all times, and only there, got {self.sigmas} with the "
                f"data encoder {self.architecture.data_encoder}"
            )


def built_model(config: ModelConfig, *, generator: torch.Generator) -> KoopmanDistillationModel:
    """A model with fresh weights drawn from the generator; the global random state is left as it was."""
    architecture, shape = config.architecture, config.shape
    latent, classes = architecture.latent, architecture.classes
    with seeded_modules(generator):
        encoder = architecture.noise_encoder.built(shape, (latent,), classes=classes)
        if architecture.data_encoder is None:
            assert config.sigmas is not None  # as the configuration says itself
            return SharedEncoderModel(
                shape=shape,
                encoder=encoder,
                semigroup=Semigroup(latent, intervals=len(config.sigmas) - 1),
                control=architecture.control.built(latent),
                decoder=architecture.decoder.built((latent,), shape),
                normalisation=architecture.normalisation.built(),
                scaling=config.scaling,
                sigmas=config.sigmas,
            )
        return KoopmanDistillationModel(
            shape=shape,
            noise_encoder=encoder,
            data_encoder=architecture.data_encoder.built(shape, (latent,), classes=classes),
            operator=architecture.operator.built(latent),
            control=architecture.control.built(latent, classes=classes),
            decoder=architecture.decoder.built((latent,), shape, classes=classes),
            normalisation=architecture.normalisation.built(),
            scaling=config.scaling,
            classes=classes,
        )


@contextmanager
def seeded_modules(generator: torch.Generator) -> Iterator[None]:
    """Within, torch modules initialise themselves from the generator; without, nothing has happened to torch's seed."""
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def to_json(config: Any) -> dict[str, Any]:
    """A frozen configuration as JSON values."""
    return _CONVERTER.unstructure(config)


def from_json(kind: type[Config], values: dict[str, Any]) -> Config:
    """The configuration that `to_json` wrote; raises ConfigurationError on missing, unknown or ill-typed entries."""
    try:
        return _CONVERTER.structure(values, kind)
    except (cattrs.BaseValidationError, ValueError, TypeError, KeyError) as error:
        validation = isinstance(error, cattrs.BaseValidationError)
        reasons = "; ".join(cattrs.transform_error(error, format_exception=_told)) if validation else error
        raise ConfigurationError(
            f"expected the entries of a {kind.__name__}, got something else: {reasons}. "
            "Where it was written by another version, use that version or train again."
        ) from error


def _told(error: BaseException, kind: Any) -> str:
    # What a configuration says of its own values is more than "invalid value".
    return str(error) if type(error) is ValueError else format_exception(error, kind)


class ConfigurationError(ValueError):
    """A configuration that does not describe what it should."""


def _choices(kind: Any) -> dict[str, Any]:
    """The classes that a field offers, by name, None aside; none where there is nothing to choose."""
    offered = [option for option in get_args(kind) if option is not NoneType] if isinstance(kind, UnionType) else []
    return {option.__name__: option for option in offered} if offered and all(map(is_dataclass, offered)) else {}


def _is_choice(kind: Any) -> bool:
    return bool(_choices(kind))


def _tagged_converter() -> cattrs.Converter:
    """A converter that refuses unknown entries, and names the chosen class where a field offers several."""
    converter = cattrs.Converter(forbid_extra_keys=True)

    def unstructured(value: Any) -> dict[str, Any] | None:
        if value is None:
            return None
        # Before there was a choice of networks, all were of this kind and did not say so.
        kind = {} if isinstance(value, ResidualMLPConfig) else {"kind": type(value).__name__}
        return {**kind, **converter.unstructure(value, type(value))}

    def structured(values: Any, choice: Any) -> Any:
        if values is None and NoneType in get_args(choice):
            return None
        choices = _choices(choice)
        if not isinstance(values, dict):
            raise ValueError(f"expected a 'kind' among {', '.join(choices)}, got {values!r}")
        unnamed = ResidualMLPConfig.__name__ if ResidualMLPConfig in choices.values() else None
        if (chosen := values.get("kind", unnamed)) not in choices:
            raise ValueError(f"expected a 'kind' among {', '.join(choices)}, got {values!r}")
        entries = {name: value for name, value in values.items() if name != "kind"}
        return converter.structure(entries, choices[chosen])

    converter.register_unstructure_hook_func(_is_choice, unstructured)
    converter.register_structure_hook_func(_is_choice, structured)
    # Written only where it differs from what every model was before there was a choice: a run that does not know the
    # entry stays readable, and is still the same experiment.
    of_architecture = make_dict_unstructure_fn(Architecture, converter, _cattrs_omit_if_default=True)
    converter.register_unstructure_hook(Architecture, of_architecture)
    # Most models have no noise levels; a RUN of such a one says the same with and without the entry.
    without_levels = make_dict_unstructure_fn(ModelConfig, converter, sigmas=override(omit_if_default=True))
    converter.register_unstructure_hook(ModelConfig, without_levels)
    converter.register_unstructure_hook_factory(
        lambda kind: bool(_added_later(kind)), partial(_without_defaults, converter)
    )
    return converter


def _added_later(kind: Any) -> list[str]:
    found = fields(kind) if isinstance(kind, type) and is_dataclass(kind) else ()
    return [each.name for each in found if each.metadata == ADDED_LATER]


def _without_defaults(converter: cattrs.Converter, kind: Any) -> Any:
    later: dict[str, Any] = {name: override(omit_if_default=True) for name in _added_later(kind)}
    return make_dict_unstructure_fn(kind, converter, **later)


_CONVERTER = _tagged_converter()
