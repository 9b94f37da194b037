"""Offline datasets, deterministic for a seed.

Every function's docstring gives shapes, ranges, licence and source, and says what is real and
what is synthetic. Nothing here downloads, and nothing loads torch before it is asked for.
"""

from repro.data.brains import Brains, brains
from repro.data.cluttered import cluttered_digits
from repro.data.diffusion import Hardi, crossing_fibres, hardi_voxels
from repro.data.digits import digits
from repro.data.faces import Faces, draw_faces, faces
from repro.data.photographs import (
    grey_patches,
    grey_photograph,
    photograph,
    photograph_patches,
)
from repro.data.scenes import Scenes, scenes
from repro.data.skeletons import Skeletons, skeletons
from repro.data.split import Split
from repro.data.torchvision_files import load

__all__ = [
    "Brains",
    "Faces",
    "Hardi",
    "Scenes",
    "Skeletons",
    "Split",
    "brains",
    "cluttered_digits",
    "crossing_fibres",
    "digits",
    "draw_faces",
    "faces",
    "grey_patches",
    "grey_photograph",
    "hardi_voxels",
    "load",
    "photograph",
    "photograph_patches",
    "scenes",
    "skeletons",
]
