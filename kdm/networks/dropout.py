"""Dropout: hidden units that are left out in training, the others scaled up (Srivastava et al. 2014)."""


def require_share(dropout: float) -> None:
    """Refuses what is no share of the hidden units.

    Raises:
        ValueError: If it is negative, or all of them.
    """
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"expected a dropout share in [0, 1), got {dropout}")
