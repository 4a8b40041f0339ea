from .conversion import as_latent_model
from .encoded import EncodedModel
from .requirements import require_latent_model

__all__ = ["EncodedModel", "as_latent_model", "require_latent_model"]
