"""Dictionaries Ψ: named families of observables that lift states to features."""
