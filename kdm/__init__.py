"""Koopman distillation of diffusion models.

One equation: x̂_data = D( E_noise(x_noise) K + c(label) ). An encoder lifts noise to a latent space, one linear
operator carries it to the data end of the flow, a decoder returns the sample.
"""
