"""Memories, arrays and workloads that count what they do; NumPy only."""
