"""Tests of repro.diffusion.deconvolution: simulated fibres are found again."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from repro.data import crossing_fibres
from repro.diffusion.deconvolution import (
    fibre_distributions,
    harmonics,
    nearest_peaks,
    response,
)
from repro.diffusion.directions import tessellation
from repro.diffusion.repulsion import electrostatic

B = (1000.0, 3000.0)


def test_harmonics_are_orthonormal_on_the_sphere():
    values, degrees = harmonics(tessellation(6), 4)
    assert degrees.tolist() == [0] + [2] * 5 + [4] * 9
    gram = 4 * np.pi * values.T @ values / len(values)
    assert np.allclose(gram, np.eye(15), atol=0.05)


def test_the_response_is_that_of_one_fibre():
    """The signal of a fibre along z, expanded: its zonal part is the response of that fibre."""
    u = tessellation(5)
    signal = crossing_fibres(u, 2000.0, np.eye(3)[None], angle=0.0)[0]
    values, degrees = harmonics(u, 8)
    f = np.linalg.lstsq(values, signal, rcond=None)[0]
    along_x = harmonics(np.array([[1.0, 0.0, 0.0]]), 8)[0][0]
    assert np.allclose(f, response(2000.0, 8)[degrees // 2] * along_x, atol=1e-3)


@pytest.mark.parametrize("angle", [60.0, 90.0])
def test_crossing_fibres_are_found(angle):
    shells = electrostatic([30, 30], starts=1)
    turns = Rotation.random(5, random_state=0).as_matrix()
    pairs = zip(shells, B, strict=True)
    f = fibre_distributions(shells, B, [crossing_fibres(u, b, turns, angle) for u, b in pairs])
    amplitudes = f @ harmonics(tessellation(4), 8)[0].T
    assert amplitudes.min() > -0.05 * amplitudes.max()
    half = np.radians(angle / 2)
    truth = turns @ [np.cos(half), np.sin(half), 0]
    found = nearest_peaks(f, truth)
    assert np.degrees(np.arccos((found * truth).sum(1))).max() < 4


def test_a_peak_is_climbed_to_from_aside():
    fibre = np.array([[0.0, 0.6, 0.8]])
    f = harmonics(fibre, 8)[0]  # a distribution of degree 8 with its peak there
    aside = np.array([[0.1, 0.6, 0.8]]) / np.linalg.norm([0.1, 0.6, 0.8])
    assert np.degrees(np.arccos((nearest_peaks(f, aside) @ fibre.T).item())) < 0.02


def test_degenerate_input_is_refused():
    u = tessellation(2)
    with pytest.raises(ValueError, match="45 samples or more"):
        fibre_distributions([u], [1000.0], [np.ones((1, 21))])
    with pytest.raises(ValueError, match="one b and signals"):
        fibre_distributions([u], [1000.0], [np.ones((1, 20))])
    with pytest.raises(ValueError, match="even degree"):
        harmonics(u, 3)
    with pytest.raises(ValueError, match="one start for each of 2"):
        nearest_peaks(np.ones((2, 45)), u[:1])
