"""Anyone's Koopman model as a `LatentModel`, and what one must be before it is analysed.

    as_latent_model(object)                 of this library, PyDMD, scikit-learn, deeptime, kooplearn and torch
    require_latent_model(model, pairs)      shapes, numbers, and encoders that are functions of a row

No peer is imported before an object of its own arrives: who holds one has imported it.
"""

from koopman_analysis.adapters.conversion import as_latent_model
from koopman_analysis.adapters.encoded import EncodedModel
from koopman_analysis.adapters.requirements import require_latent_model

__all__ = ["EncodedModel", "as_latent_model", "require_latent_model"]
