"""Real diffusion-weighted voxels: what is read, and what is said when it cannot be."""

import numpy as np
import pytest

from repro.data import crossing_fibres, diffusion, hardi_voxels


def test_shapes_units_and_directions():
    voxels = hardi_voxels()
    assert voxels.signal.shape == (10, 10, 10, 64)
    assert voxels.s0.shape == (10, 10, 10)
    assert voxels.b.shape == (64,)
    assert ((voxels.b > 980) & (voxels.b < 1010)).all()
    assert np.allclose(np.linalg.norm(voxels.u, axis=1), 1, atol=1e-12)


def test_intensities_are_those_of_diffusion():
    """Diffusion only ever lowers the signal, so on average it is below the unweighted one."""
    voxels = hardi_voxels()
    assert voxels.s0.min() > 0
    assert voxels.signal.min() >= 0
    assert voxels.signal.mean() < 0.8 * voxels.s0.mean()


def test_the_same_every_time():
    assert np.array_equal(hardi_voxels().signal, hardi_voxels().signal)


def test_tensor_fit_finds_fibres():
    """Some voxels are strongly anisotropic, which noise alone would not bring about."""
    voxels = hardi_voxels()
    keep = voxels.signal.min(axis=-1) > 0
    logs = np.log(voxels.signal[keep] / voxels.s0[keep][:, None])
    x, y, z = voxels.u.T
    design = np.stack([x * x, y * y, z * z, 2 * x * y, 2 * x * z, 2 * y * z], axis=1)
    d = np.linalg.lstsq(-voxels.b[:, None] * design, logs.T, rcond=None)[0]
    tensors = d[[0, 3, 4, 3, 1, 5, 4, 5, 2]].T.reshape(-1, 3, 3)
    values = np.linalg.eigvalsh(tensors)
    assert 1e-4 < np.median(values) < 3e-3  # mm^2/s, as in tissue
    assert np.mean(values[:, 2] > 2 * values[:, 0]) > 0.3


def test_a_damaged_file_is_explained(monkeypatch, tmp_path):
    for end in diffusion.ENDINGS:
        (tmp_path / f"small_64D.{end}").write_text("not an image")
    monkeypatch.setattr(diffusion, "packaged", lambda _, path: tmp_path / path.rsplit("/", 1)[-1])
    with pytest.raises(ValueError, match="reinstall dipy"):
        hardi_voxels()


def test_tables_that_do_not_fit_are_explained(monkeypatch, tmp_path):
    real = diffusion.packaged
    np.savetxt(tmp_path / "small_64D.bval", np.zeros(3))

    def packaged(package, path):
        name = path.rsplit("/", 1)[-1]
        return tmp_path / name if name.endswith("bval") else real(package, path)

    monkeypatch.setattr(diffusion, "packaged", packaged)
    with pytest.raises(ValueError, match=r"expected voxels \(X, Y, Z, Q\)"):
        hardi_voxels()


def test_crossing_fibres_against_a_slow_loop():
    rng = np.random.default_rng(0)
    u = rng.standard_normal((6, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    turns = np.array([np.eye(3), [[0, -1, 0], [1, 0, 0], [0, 0, 1]]])
    got = crossing_fibres(u, 2000, turns, angle=40)
    for n, turn in enumerate(turns):
        for q, g in enumerate(u):
            expected = 0
            for a in np.radians([20, -20]):
                f = turn @ [np.cos(a), np.sin(a), 0]
                tensor = 0.2e-3 * np.eye(3) + 1.5e-3 * np.outer(f, f)
                expected += 0.5 * np.exp(-2000 * g @ tensor @ g)
            assert got[n, q] == pytest.approx(expected, rel=1e-12)


def test_turning_fibres_and_directions_together_changes_nothing():
    u, turn = np.eye(3), np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
    still = crossing_fibres(u, 1000, np.eye(3)[None])
    assert crossing_fibres(u @ turn.T, 1000, turn[None]) == pytest.approx(still)


@pytest.mark.parametrize(
    "bad",
    [
        {"u": np.zeros(3)},
        {"rotations": np.eye(3)},
        {"b": -1},
        {"b": np.nan},
        {"angle": np.nan},
    ],
)
def test_crossing_fibres_explains_wrong_arguments(bad):
    good = {"u": np.eye(3), "b": 1000, "rotations": np.eye(3)[None]}
    with pytest.raises(ValueError, match=r"expected u \(Q, 3\)"):
        crossing_fibres(**(good | bad))


@pytest.mark.parametrize("length", [2.0, 0.0, np.nan, np.inf])
def test_crossing_fibres_wants_unit_vectors(length):
    with pytest.raises(ValueError, match="expected unit vectors u, got lengths"):
        crossing_fibres(np.diag([1, 1, length]), 1000, np.eye(3)[None])
