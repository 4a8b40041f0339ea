"""Koopman analysis: is a dictionary closed, is a spectrum real, does a latent space mean anything?

Everything here is a few lines on one triple, the moments of (Ψ(x), Ψ(y)) over pairs of states y = Φ(x).
The package knows nothing of any trainer: it takes snapshot pairs, dictionaries, and any model that has the parts
named in `LatentModel`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
