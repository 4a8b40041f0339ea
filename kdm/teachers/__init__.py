"""Teachers: diffusion models whose denoiser is known, most of them in closed form."""
