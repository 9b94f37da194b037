"""Tests of the chapter director_fields: its method against slow loops and known fields."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import repro

AXES = np.eye(3)
EPSILON = np.cross(AXES[:, None], AXES[None])  # cross products of the axes


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("director_fields")


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def noisy(seed, shape=(4, 5, 6), spread=0.3):
    """Directors around one axis, each flipped at random."""
    rng = np.random.default_rng(seed)
    axis = unit(rng.normal(size=3))
    n = unit(axis + spread * rng.normal(size=(*shape, 3)))
    return n * rng.choice([-1.0, 1.0], (*shape, 1))


def slow_gradient(n, h, at, scheme, peaks=None):
    """Gradient at one inner voxel by a loop over its neighbours."""
    centre, G = n[at], np.zeros((3, 3))
    for i in range(3):
        sides = []
        for step in (1, -1):
            where = tuple(np.array(at) + step * AXES[i].astype(int))
            if scheme == "dyadic":
                sides.append(np.outer(n[where], n[where]) @ centre)
                continue
            answers = [n[where]] if peaks is None else list(peaks[where])
            best = max(answers, key=lambda p: abs(p @ centre))
            sides.append(best if best @ centre >= 0 else -best)
        d = (sides[0] - sides[1]) / (2 * h)
        G[i] = d - (d @ centre) * centre
    return G


@pytest.mark.parametrize("scheme", ["aligned", "dyadic"])
@pytest.mark.parametrize(("seed", "h"), [(0, 1.0), (1, 0.5), (2, 2.0)])
def test_gradients_are_those_of_a_loop(chapter, scheme, seed, h):
    n = noisy(seed)
    G = getattr(chapter, scheme)(n, h)
    assert G.shape == (2, 3, 4, 3, 3)
    for at in np.ndindex(2, 3, 4):
        slow = slow_gradient(n, h, tuple(np.array(at) + 1), scheme)
        assert G[at] == pytest.approx(slow, abs=1e-12)


def test_a_neighbour_answers_with_its_nearest_peak(chapter):
    n, other = noisy(3), noisy(4)
    peaks = np.stack([other, n, unit(other + 2 * n)], axis=-2)
    G = chapter.aligned(n, 0.7, peaks)
    for at in np.ndindex(2, 3, 4):
        slow = slow_gradient(n, 0.7, tuple(np.array(at) + 1), "aligned", peaks)
        assert G[at] == pytest.approx(slow, abs=1e-12)
    assert not np.allclose(G, chapter.aligned(n, 0.7))


def test_both_schemes_agree_where_directors_hardly_change(chapter):
    n = noisy(5, spread=1e-4)
    assert chapter.aligned(n) == pytest.approx(chapter.dyadic(n), abs=1e-7)


def test_shifted_looks_along_each_axis(chapter):
    a = np.arange(3 * 4 * 5).reshape(3, 4, 5)
    assert np.array_equal(chapter.inner(a), a[1:2, 1:3, 1:4])
    assert np.array_equal(chapter.shifted(a, 0, 1), a[2:3, 1:3, 1:4])
    assert np.array_equal(chapter.shifted(a, 1, -1), a[1:2, 0:2, 1:4])
    assert np.array_equal(chapter.shifted(a, 2, 1), a[1:2, 1:3, 2:5])


@pytest.mark.parametrize("seed", range(4))
def test_the_frame_is_orthonormal_and_its_second_axis_sees_most_change(chapter, seed):
    rng = np.random.default_rng(seed)
    n = unit(rng.normal(size=(7, 3)))
    G = chapter.across(rng.normal(size=(7, 3, 3)), n)
    u = chapter.frame(G, n)
    assert np.array_equal(u[:, 0], n)
    assert u @ np.swapaxes(u, 1, 2) == pytest.approx(
        np.broadcast_to(np.eye(3), (7, 3, 3)), abs=1e-12
    )
    assert np.linalg.det(u) == pytest.approx(np.ones(7))
    changes = np.linalg.norm(np.einsum("vij,vaj->vai", G, u), axis=-1)  # toward each axis
    largest = np.linalg.svd(G, compute_uv=False)[:, 0]
    assert changes[:, 1] == pytest.approx(largest, abs=1e-9)
    assert changes[:, 0] == pytest.approx(np.zeros(7), abs=1e-12)


def test_a_frame_exists_without_any_change(chapter):
    n = np.array([[0.0, 0, 1], [0.6, 0, 0.8]])
    u = chapter.frame(np.zeros((2, 3, 3)), n)
    assert u @ np.swapaxes(u, 1, 2) == pytest.approx(np.broadcast_to(np.eye(3), (2, 3, 3)))
    assert np.array_equal(u[:, 0], n)


def test_the_indices_are_read_from_their_own_entries(chapter):
    n = np.array([1.0, 0, 0])
    for (a, b), name in {
        (1, 1): "splay", (2, 2): "splay", (0, 1): "bend", (0, 2): "bend", (1, 2): "twist",
        (2, 1): "twist",
    }.items():  # fmt: skip
        G = np.zeros((3, 3))
        G[a, b] = 0.3
        found = chapter.distortion(G, np.eye(3))
        assert {k: v.item() for k, v in found._asdict().items()} == {
            "splay": 0.3 * (name == "splay"),
            "bend": 0.3 * (name == "bend"),
            "twist": 0.3 * (name == "twist"),
        }
        assert found.total == pytest.approx(0.3)
        assert chapter.frame(G, n)[0] == pytest.approx(n)


@pytest.mark.parametrize("seed", range(3))
def test_distortion_is_that_of_the_formulas_and_free_of_signs_of_the_frame(chapter, seed):
    rng = np.random.default_rng(seed)
    turn = Rotation.random(random_state=seed).as_matrix()
    G = chapter.across(rng.normal(size=(3, 3)), turn[0])
    g = turn @ G @ turn.T
    found = chapter.distortion(G, turn)
    assert found.splay == pytest.approx(np.sqrt(g[1, 1] ** 2 + g[2, 2] ** 2))
    assert found.bend == pytest.approx(np.sqrt(g[0, 1] ** 2 + g[0, 2] ** 2))
    assert found.twist == pytest.approx(np.sqrt(g[1, 2] ** 2 + g[2, 1] ** 2))
    assert found.total == pytest.approx(np.linalg.norm(G))
    for signs in ([-1, 1, 1], [1, -1, 1], [1, 1, -1]):
        assert chapter.distortion(G, np.array(signs)[:, None] * turn) == pytest.approx(found)


@pytest.mark.parametrize("seed", range(3))
def test_frank_is_divergence_and_curl(chapter, seed):
    rng = np.random.default_rng(seed)
    n = unit(rng.normal(size=(5, 3)))
    G = chapter.across(rng.normal(size=(5, 3, 3)), n)
    curl = np.einsum("ijk,vij->vk", EPSILON, G)
    splay, bend, twist = chapter.frank(G, n)
    assert splay == pytest.approx(np.einsum("vii->v", G))
    assert twist == pytest.approx(np.einsum("vk,vk->v", n, curl))
    assert bend == pytest.approx(np.linalg.norm(np.cross(n, curl), axis=1))
    assert bend == pytest.approx(np.linalg.norm(np.einsum("vi,vij->vj", n, G), axis=1))


def test_a_right_handed_helix_has_its_twist_and_nothing_else(chapter):
    q, z = 0.4, np.arange(5.0)
    n = np.stack([np.cos(q * z), np.sin(q * z), 0 * z], axis=-1)
    n = np.broadcast_to(n, (3, 4, 5, 3))
    G = chapter.aligned(n)
    parts = chapter.frank(G, chapter.inner(n))
    assert parts.twist == pytest.approx(np.full((1, 2, 3), -np.sin(q)))
    assert parts.splay == pytest.approx(np.zeros((1, 2, 3)), abs=1e-12)
    assert parts.bend == pytest.approx(np.zeros((1, 2, 3)), abs=1e-12)


def slow_order(points, density, v):
    return float(np.sum(density * (3 * (points @ v) ** 2 - 1) / 2) / density.sum())


def spike(chapter):
    """Harmonics up to degree 2 of fibres along z alone."""
    return chapter.harmonics(AXES[2:], 2)[0][0]


def test_order_allows_the_rounding_of_an_integral(chapter):
    c = np.stack([spike(chapter) * (1 + 1e-7), spike(chapter)])
    assert chapter.order(c, AXES[2]) == pytest.approx([1, 1], abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_harmonics_is_the_mean_of_p2(chapter, seed):
    """Many random points are an ODF made of spikes: its harmonics are means over the points."""
    rng = np.random.default_rng(seed)
    points = unit(rng.normal(size=(50, 3)) * [1, 2, 4])
    c = chapter.harmonics(points, 4)[0].mean(axis=0)
    v = unit(rng.normal(size=(2, 3, 3)))
    found = chapter.order(c, v)
    assert found.shape == (2, 3)
    for at in np.ndindex(2, 3):
        assert found[at] == pytest.approx(slow_order(points, np.ones(50), v[at]))
    assert chapter.order(np.stack([c, c]), np.stack([v[0, 0], v[1, 1]])) == pytest.approx(
        [found[0, 0], found[1, 1]]
    )


@pytest.mark.parametrize("e", [(1.7, 0.3, 0.3), (0.5, 1.5, 1.5), (2.0, 1.0, 0.4), (1, 1, 1)])
def test_the_moments_of_a_tensor_are_those_of_directions_of_displacements(chapter, e):
    z, weight = np.polynomial.legendre.leggauss(60)
    phi = np.arange(120) * np.pi / 60
    rho = np.sqrt(1 - z**2)[:, None]
    points = np.stack([rho * np.cos(phi), rho * np.sin(phi), z[:, None] + 0 * phi], -1)
    density = weight[:, None] * ((points**2 / e).sum(-1)) ** -1.5
    slow = (density[..., None] * points**2).sum((0, 1)) / density.sum()
    assert chapter.moments(e) == pytest.approx(slow, abs=1e-10)
    assert chapter.moments(np.array([e, e[::-1]]))[1] == pytest.approx(slow[::-1], abs=1e-10)
    assert chapter.moments(1e-3 * np.array(e)) == pytest.approx(slow, abs=1e-10)


def test_the_released_formula_keeps_its_values(chapter):
    assert chapter.released_order(1.7, 0.3) == pytest.approx(0.36254050, abs=1e-8)
    assert chapter.released_order(1.7, 0.2) == pytest.approx(0.4422536, abs=1e-7)
    assert chapter.released_order(3.4, 0.4) == pytest.approx(0.4422536, abs=1e-7)


def test_the_order_around_is_a_mean_over_six_neighbours(chapter):
    n = noisy(6, (3, 4, 3), spread=0.8)
    found = chapter.order_around(n)
    assert found.shape == (1, 2, 1)
    for y in (1, 2):
        cosines = [
            n[1, y, 1] @ n[tuple(np.array([1, y, 1]) + step * AXES[i].astype(int))]
            for i in range(3)
            for step in (1, -1)
        ]
        assert found[0, y - 1, 0] == pytest.approx(np.mean([(3 * c * c - 1) / 2 for c in cosines]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.aligned(np.ones((3, 3, 3))), r"aligned: expected directors \(X, Y, Z, 3\)"),
        (lambda c: c.aligned(np.ones((3, 2, 3, 3))), r"aligned: .* got \(3, 2, 3, 3\)"),
        (lambda c: c.dyadic(np.ones((3, 3, 3, 2))), r"dyadic: .* got \(3, 3, 3, 2\)"),
        (lambda c: c.order_around(np.ones((3, 3, 2, 3))), "order_around: expected directors"),
        (lambda c: c.dyadic(np.ones((3, 3, 3, 3))), "dyadic: expected unit vectors"),
        (lambda c: c.aligned(np.full((3, 3, 3, 3), np.nan)), "aligned: .* length nan"),
        (lambda c: c.aligned(noisy(0), 1.0, noisy(0)), r"expected peaks \(X, Y, Z, P, 3\)"),
        (lambda c: c.aligned(noisy(0), 1.0, noisy(0)[..., None]), "expected peaks"),
        (lambda c: c.aligned(noisy(0), 1.0, np.ones((4, 5, 6, 0, 3))), "expected peaks"),
        (lambda c: c.aligned(noisy(0), 1.0, np.ones((4, 5, 6, 2, 3))), "aligned: .* unit vectors"),
        (lambda c: c.aligned(noisy(0), 0.0), "aligned: expected a spacing h > 0, got 0.0"),
        (lambda c: c.dyadic(noisy(0), -2.0), "dyadic: expected a spacing h > 0, got -2.0"),
        (lambda c: c.aligned(noisy(0), np.nan), "aligned: expected a spacing h > 0, got nan"),
        (lambda c: c.dyadic(noisy(0), np.inf), "dyadic: expected a spacing h > 0, got inf"),
        (lambda c: c.order(np.ones(5), AXES[0]), r"order: expected the 6 harmonics .* \(5,\)"),
        (lambda c: c.order(spike(c) * 1.0000015, AXES[0]), "order: expected ODFs of integral 1"),
        (lambda c: c.order(spike(c) / 1.0000015, AXES[0]), "order: expected ODFs of integral 1"),
        (lambda c: c.order(np.stack([spike(c), -spike(c)]), AXES[0]), "ODFs of integral 1"),
        (lambda c: c.order(np.full(6, np.nan), AXES[0]), "order: expected ODFs of integral 1"),
        (lambda c: c.released_order(1.0, 1.0), "e1 > e2 > 0, got 1.0 and 1.0; use moments"),
        (lambda c: c.released_order(1.0, 0.0), "e1 > e2 > 0"),
        (lambda c: c.moments([1.0, 2.0]), r"moments: expected positive eigenvalues \(..., 3\)"),
        (lambda c: c.moments([1.0, 0.0, 2.0]), "moments: expected positive eigenvalues"),
        (lambda c: c.moments([1.0, np.nan, 2.0]), "moments: expected positive eigenvalues"),
    ],
)
def test_degenerate_input_is_refused(chapter, call, message):
    with pytest.raises(ValueError, match=message):
        call(chapter)
