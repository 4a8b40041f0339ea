"""Estimators of the Koopman operator and of one-step maps, and what they need of anyone's model."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
