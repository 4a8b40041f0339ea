"""Estimators of the Koopman operator, and what they need of anyone's model."""
