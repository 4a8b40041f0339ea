"""Dictionaries Ψ: named families of observables that lift states to features."""

from koopman_analysis.dictionaries.base import Dictionary
from koopman_analysis.dictionaries.compound import Product, Sum, WithConjugates
from koopman_analysis.dictionaries.elementary import Constant, Coordinates, FunctionDictionary
from koopman_analysis.dictionaries.fourier import ComplexFourier, Fourier, RandomFourier
from koopman_analysis.dictionaries.learned import EncoderDictionary
from koopman_analysis.dictionaries.monomials import Monomials
from koopman_analysis.dictionaries.orthogonal import Chebyshev, Hermite, Legendre
from koopman_analysis.dictionaries.rbf import Gaussian, RadialBasis, ThinPlate

__all__ = [
    "Chebyshev",
    "ComplexFourier",
    "Constant",
    "Coordinates",
    "Dictionary",
    "EncoderDictionary",
    "Fourier",
    "FunctionDictionary",
    "Gaussian",
    "Hermite",
    "Legendre",
    "Monomials",
    "Product",
    "RadialBasis",
    "RandomFourier",
    "Sum",
    "ThinPlate",
    "WithConjugates",
]
