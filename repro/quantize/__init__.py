"""Quantizers of torch tensors, and training through them."""
