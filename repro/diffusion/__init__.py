"""Directions of diffusion imaging."""
