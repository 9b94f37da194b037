"""Parametric faces: identity, pose, light, expression and 68 landmarks, all known exactly."""

from repro.data.faces.generator import Faces, draw_faces, faces

__all__ = ["Faces", "draw_faces", "faces"]
