"""Measures of computer vision."""
