"""Real pretrained networks from weights that Python packages carry."""
