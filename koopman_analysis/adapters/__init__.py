"""Anyone's Koopman model as a `LatentModel`, and what one must be before it is analysed.

    as_latent_model(object)                 of this library, PyDMD, scikit-learn, deeptime, kooplearn and torch
    require_latent_model(model, pairs)      shapes, numbers, and encoders that are functions of a row

No peer is imported before an object of its own arrives: who holds one has imported it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
