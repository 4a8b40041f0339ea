"""Residual multilayer perceptrons.

    h_0 = W_in u + b_in,      h_{l+1} = h_l + W_l' φ(W_l LN(h_l) + b_l) + b_l',      out = W_out LN(h_L) + b_out.    (1)

LN is layer normalisation (Ba, Kiros & Hinton 2016) before each block (Xiong et al. 2020), φ(u) = u sigmoid(u), the
swish of the paper's networks. The last layer of every block starts at zero, so a network starts as an affine map.
"""

from dataclasses import dataclass

from torch import nn
from torch.nn import functional

from kdm.shapes import Float, Tensor


@dataclass(frozen=True, kw_only=True)
class ResidualMLPConfig:
    """Size of a residual MLP.

    Attributes:
        width: Features of the residual stream and of the hidden layer of each block.
        blocks: Number of residual blocks L.
        dropout: Share of the hidden units of each block dropped in training.
    """

    width: int = 128
    blocks: int = 3
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.width < 1 or self.blocks < 0:
            raise ValueError(f"expected width >= 1 and blocks >= 0, got width {self.width} and blocks {self.blocks}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"expected a dropout share in [0, 1), got {self.dropout}")


class ResidualBlock(nn.Module):
    """h ↦ h + W' φ(W LN(h) + b) + b'."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, width)
        self.outward = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.outward.weight)
        nn.init.zeros_(self.outward.bias)

    def forward(self, features: Float[Tensor, "n width"]) -> Float[Tensor, "n width"]:
        """The features plus the block's correction."""
        return features + self.outward(self.dropout(functional.silu(self.hidden(self.norm(features)))))


class ResidualMLP(nn.Module):
    """The network of equation (1), from `inputs` to `outputs` flat features."""

    def __init__(self, inputs: int, outputs: int, config: ResidualMLPConfig) -> None:
        super().__init__()
        self.inward = nn.Linear(inputs, config.width)
        self.blocks = nn.Sequential(*(ResidualBlock(config.width, config.dropout) for _ in range(config.blocks)))
        self.norm = nn.LayerNorm(config.width)
        self.outward = nn.Linear(config.width, outputs)

    def forward(self, features: Float[Tensor, "n inputs"]) -> Float[Tensor, "n outputs"]:
        """Features to outputs, row by row."""
        return self.outward(self.norm(self.blocks(self.inward(features))))
