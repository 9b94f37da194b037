"""Integer arithmetic as hardware does it; NumPy only."""
