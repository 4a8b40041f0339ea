"""The published image models as ours, from their state dicts.

Three U-Nets (`kdm.networks.published_unet`), an operator with a bias and, in conditional models, a control by label:

    x̂ = D(E_noise(x) Cᵀ + c + B label),       K = Cᵀ, offsets c + B label.                                    (1)

What differs from our letters is folded into weights: noise enters undivided, so that E_noise's first convolution is
multiplied by the noise's scale; a label enters as a one-hot vector times √classes, so that the vector of a class is
√classes times a column plus a bias; between planes and a latent of another size stands a linear map.

The factorised operators z ↦ the first m entries of [z, 0] Qᵀ Λᵀ Pᵀ, with P of normalised rows and Q a matrix of its own
instead of P⁻¹, are one real matrix,

    K = ([I, 0] Qᵀ Λᵀ Pᵀ)[:, :m],       P, Q, Λ the real 2m x 2m forms of complex matrices,                    (2)

and become a dense operator: their eigenvalues are not the declared λ = exp(−e^ν + i e^θ).

Weights of a perceptual loss, which these files hold besides, are left out. Sources: the published code's layout; Karras
et al. 2022 for the networks.
"""

import math
import re
from pathlib import Path

import torch

from kdm.configuration import Architecture, ModelConfig, built_model
from kdm.control import ConstantControlConfig, ControlConfig, LabelControlConfig
from kdm.importing.archive import CheckpointError
from kdm.importing.weights import Converted
from kdm.model import NoNormalisationConfig, Scaling
from kdm.networks import PublishedUNetConfig
from kdm.shapes import Tensor

LAYOUT = "published image model"
_PLACES = {
    "noise_encoder": ("xT_observables_encoder", 1.0),
    "data_encoder": ("x0_observables_encoder", 0.0),
    "decoder": ("x0_observables_decoder", 0.0),
}
"""Where the published module keeps each network of ours, and the time that it is given."""
_PROJECTED = "main_module."
"""What names of a network begin with where a linear map stands beside it."""
_FACTORS = ("P_re", "P_im", "P_inv_re", "P_inv_im", "nu_log", "theta_log")
_PARTS = {"norm2": "attention.norm2", "qkv": "attention.qkv", "proj": "attention.proj"}
"""Parts of a block that have another place here."""


def is_of_images(tensors: dict[str, Tensor]) -> bool:
    """Whether these are the names of an image model."""
    return any(re.match(rf"x0_observables_decoder\.({re.escape(_PROJECTED)})?enc\.", name) for name in tensors)


def converted_images(tensors: dict[str, Tensor], *, noise_scale: float, path: Path) -> Converted:
    """Configuration and weights of the model with these tensors.

    Args:
        tensors: By their published names.
        noise_scale: Standard deviation of the noise.
        path: The file, for messages.

    Raises:
        CheckpointError: If some are missing, or do not fit together.
    """
    if not noise_scale > 0:
        raise CheckpointError(f"expected a positive standard deviation of the noise, got {noise_scale}")
    try:
        places = {place: _Network(tensors, prefix, time=time) for place, (prefix, time) in _PLACES.items()}
        control, weights = _linear_part(tensors)
        config = _config(places, control, latent=len(weights["operator.weight"]), noise_scale=noise_scale)
        for place, network in places.items():
            weights |= {f"{place}.{name}": value for name, value in network.weights().items()}
        first = "noise_encoder.core.downward.0.weight"
        weights[first] = weights[first] * noise_scale
    except KeyError as error:
        raise CheckpointError(f"expected the {LAYOUT} in '{path}', got one without {error}") from None
    except (IndexError, ValueError, TypeError, RuntimeError, ZeroDivisionError) as error:
        raise CheckpointError(
            f"expected the {LAYOUT} in '{path}', got tensors of other names or shapes ({error}): is the file damaged?"
        ) from None
    _require_fit(config, weights, path=path)
    return Converted(config=config, weights=weights, layout=LAYOUT)


class _Network:
    """One published network: its sizes, as its tensors tell them, and its tensors by our names."""

    def __init__(self, tensors: dict[str, Tensor], prefix: str, *, time: float) -> None:
        own = {name.removeprefix(f"{prefix}."): each for name, each in tensors.items() if name.startswith(f"{prefix}.")}
        self.linear = {name: own[name] for name in ("linear.weight", "linear.bias") if name in own}
        self._own = {name.removeprefix(_PROJECTED): each for name, each in own.items() if name not in self.linear}
        named = {name.split(".")[1] for name in self._own if name.startswith("enc.")}
        if not named:
            raise KeyError(f"{prefix}.enc")
        heights = sorted({int(name.split("x")[0]) for name in named}, reverse=True)
        self.side = heights[0]
        channels = len(self._own[f"enc.{self.side}x{self.side}_conv.bias"])
        inner = [f"enc.{h}x{h}_block" for h in heights]
        self.classes = self._own["map_label.weight"].shape[1] if "map_label.weight" in self._own else 0
        self.planes = self._own[f"enc.{self.side}x{self.side}_conv.weight"].shape[1]
        self.config = PublishedUNetConfig(
            channels=channels,
            multipliers=tuple(len(self._own[f"{name}0.conv1.bias"]) // channels for name in inner),
            blocks=sum(name.startswith(f"{self.side}x{self.side}_block") for name in named),
            attention_at=tuple(h for h, name in zip(heights, inner, strict=True) if f"{name}0.qkv.bias" in self._own),
            time=time,
        )
        self.blocks = {"downward": _down(heights, self.config.blocks), "upward": _up(heights, self.config.blocks)}

    def weights(self) -> dict[str, Tensor]:
        """The tensors by the names of `kdm.networks.UNet`."""
        own: dict[str, Tensor] = self._own
        found: dict[str, Tensor] = {}
        for ours, theirs in (("embed.0", "map_layer0"), ("embed.2", "map_layer1")):
            found |= self._part(theirs, ours)
        if self.classes:
            vectors = own["map_label.weight"].T * math.sqrt(self.classes) + own["map_label.bias"]
            found["core.label.weight"] = vectors
        for way, blocks in self.blocks.items():
            for index, name in enumerate(blocks):
                found |= self._part(name, f"{way}.{index}")
        for ours, theirs in (("norm_out", "aux_norm"), ("conv_out", "aux_conv")):
            found |= self._part(f"dec.{self.side}x{self.side}_{theirs}", ours)
        place = "inward" if len(self.linear) and self._reads_latents() else "outward"
        return found | {name.replace("linear", place): each for name, each in self.linear.items()}

    def _reads_latents(self) -> bool:
        """Whether the linear map stands before the network, with as many outputs as there are pixels."""
        return self.linear["linear.weight"].shape[0] == self.planes * self.side**2

    def _part(self, theirs: str, ours: str) -> dict[str, Tensor]:
        """What stands under a published name, without the filters of halving and doubling, which are fixed."""
        under = {
            name.removeprefix(f"{theirs}."): each for name, each in self._own.items() if name.startswith(f"{theirs}.")
        }
        if not under:
            raise KeyError(theirs)
        renamed = {}
        for name, each in under.items():
            head, _, tail = name.partition(".")
            if not name.endswith("resample_filter"):
                renamed[f"core.{ours}.{_PARTS.get(head, head)}{'.' if tail else ''}{tail}"] = each
        return renamed


def _down(heights: list[int], blocks: int) -> list[str]:
    """Names on the way down, in order."""
    first = heights[0]
    names = [f"enc.{first}x{first}_conv"]
    for h in heights:
        names += [f"enc.{h}x{h}_down"] if h != first else []
        names += [f"enc.{h}x{h}_block{index}" for index in range(blocks)]
    return names


def _up(heights: list[int], blocks: int) -> list[str]:
    """Names between the ways and on the way up, in order."""
    last = heights[-1]
    names = [f"dec.{last}x{last}_in0", f"dec.{last}x{last}_in1"]
    for h in reversed(heights):
        names += [f"dec.{h}x{h}_up"] if h != last else []
        names += [f"dec.{h}x{h}_block{index}" for index in range(blocks + 1)]
    return names


def _linear_part(tensors: dict[str, Tensor]) -> tuple[ControlConfig, dict[str, Tensor]]:
    """Operator and control."""
    factorised = "koopman_operator.P_re" in tensors
    matrix = _product(tensors) if factorised else tensors["koopman_operator.weight"]
    offset = torch.zeros(len(matrix)) if factorised else tensors["koopman_operator.bias"]
    if "koopman_control.weight" not in tensors:
        return ConstantControlConfig(), {"operator.weight": matrix, "control.offset": offset}
    offsets = tensors["koopman_control.weight"].T + tensors["koopman_control.bias"] + offset
    return LabelControlConfig(), {"operator.weight": matrix, "control.offsets": offsets}


def _product(tensors: dict[str, Tensor]) -> Tensor:
    """Kᵀ of equation (2)."""
    part = {name: tensors[f"koopman_operator.{name}"].double() for name in _FACTORS}
    rows = {name: part[name] / (part[name].norm(dim=-1, keepdim=True) + 1e-8) for name in ("P_re", "P_im")}
    modulus, phase = torch.exp(-torch.exp(part["nu_log"])), torch.exp(part["theta_log"])
    P, Q = _real(rows["P_re"], rows["P_im"]), _real(part["P_inv_re"], part["P_inv_im"])
    Lambda = _real(torch.diag(modulus * phase.cos()), torch.diag(modulus * phase.sin()))
    m = len(modulus)
    return (P @ Lambda @ Q)[:m, :m].float()


def _real(re_part: Tensor, im_part: Tensor) -> Tensor:
    return torch.cat([torch.cat([re_part, -im_part], dim=1), torch.cat([im_part, re_part], dim=1)])


def _config(places: dict[str, _Network], control: ControlConfig, *, latent: int, noise_scale: float) -> ModelConfig:
    """What rebuilds the model but its weights; data are pixels in [−1, 1], as they come."""
    noise = places["noise_encoder"]
    architecture = Architecture(
        latent=latent,
        noise_encoder=noise.config,
        data_encoder=places["data_encoder"].config,
        decoder=places["decoder"].config,
        control=control,
        normalisation=NoNormalisationConfig(),
        classes=noise.classes,
    )
    shape = (noise.planes, noise.side, noise.side)
    return ModelConfig(
        architecture=architecture, shape=shape, scaling=Scaling(noise=noise_scale, data_mean=0.0, data=1.0)
    )


def _require_fit(config: ModelConfig, weights: dict[str, Tensor], *, path: Path) -> None:
    """Refuses weights of other names or shapes than the model's, before there is memory for it.

    Raises:
        CheckpointError: If there are some.
    """
    with torch.device("meta"):
        wanted = {
            name: each.shape for name, each in built_model(config, generator=torch.Generator()).state_dict().items()
        }
    got = {name: each.shape for name, each in weights.items()}
    if wrong := sorted(name for name in wanted.keys() | got.keys() if wanted.get(name) != got.get(name)):
        name = wrong[0]
        raise CheckpointError(
            f"expected weights that fit together in '{path}', got {len(wrong)} that do not, the first of them {name}: "
            f"{tuple(got[name]) if name in got else 'none'} for {tuple(wanted[name]) if name in wanted else 'none'}"
        )
