"""Dictionaries Ψ: named families of observables that lift states to features."""

from koopman_analysis.dictionaries.base import Dictionary, Product, Sum
from koopman_analysis.dictionaries.elementary import Constant, Coordinates, FunctionDictionary
from koopman_analysis.dictionaries.fourier import RandomFourier
from koopman_analysis.dictionaries.learned import EncoderDictionary
from koopman_analysis.dictionaries.monomials import Monomials
from koopman_analysis.dictionaries.orthogonal import Hermite

__all__ = [
    "Constant",
    "Coordinates",
    "Dictionary",
    "EncoderDictionary",
    "FunctionDictionary",
    "Hermite",
    "Monomials",
    "Product",
    "RandomFourier",
    "Sum",
]
