"""Brains that age: reproducible, ageing in the right direction, learnable but not trivial."""

import hashlib

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from repro.data import brains
from repro.data.brains import NAMES, OLDEST, SPREAD, YOUNGEST, best_error, intensities

PINNED = "0be086cd2b48a983222e206d4ec6ae483db339be9e1fa8cd8936e60e2b99b54d"


@pytest.fixture(scope="module")
def some():
    return brains(400)


def typical(*ages):
    anatomy = np.zeros((len(ages), len(NAMES)))
    anatomy[:, 0], anatomy[:, 1] = ages, 0.5
    return anatomy


def test_bytes_are_pinned():
    few = brains(3)
    assert hashlib.sha256(few.x.tobytes()).hexdigest() == PINNED
    assert not np.array_equal(few.x, brains(3, seed=1).x)


def test_form(some):
    assert some.x.shape == (400, 3, 24, 20) and some.x.dtype == np.int16
    assert some.x.min() == 0 and some.x.max() < 2000
    assert set(some.sex) == {0, 1} and some.sex.dtype == np.int64
    assert np.array_equal(np.rint(10 * some.age), 10 * some.age)
    assert some.age.min() < 25 and some.age.max() > 85
    assert some.age.min() >= YOUNGEST and some.age.max() <= OLDEST
    assert some.anatomy.shape == (400, len(NAMES))
    assert brains(1, step=2).x.shape == (1, 3, 96, 80)


def test_people_do_not_depend_on_what_else_is_drawn(some):
    few = brains(5, first=70)
    for name in ("x", "age", "sex", "anatomy"):
        assert np.array_equal(getattr(few, name), getattr(some, name)[70:75])


def test_the_numbers_have_the_spread_they_say(some):
    """Of 400 people, so to 15 %; the offset is the first number's distance from the age."""
    offset = some.anatomy[:, 0] - some.age
    assert offset.std() == pytest.approx(2, rel=0.15) and abs(offset.mean()) < 0.4
    spread = some.anatomy[:, 2:].std(0)
    assert np.allclose(spread / list(SPREAD.values()), 1, atol=0.15)


def test_ahead_makes_patients_of_the_same_people(some):
    ill = brains(10, ahead=8)
    assert np.allclose(ill.anatomy[:, 0], some.anatomy[:10, 0] + 8)
    assert np.array_equal(ill.anatomy[:, 1:], some.anatomy[:10, 1:])
    assert np.array_equal(ill.age, some.age[:10])


def test_intensities_are_what_noise_is_added_to():
    quiet, loud = brains(20, noise=0), brains(20, noise=30)
    assert np.array_equal(quiet.x, np.rint(intensities(quiet.anatomy)))
    inside = quiet.x > 0
    assert np.array_equal(loud.x > 0, inside)
    assert (loud.x - quiet.x)[inside].std() == pytest.approx(30, rel=0.03)


def test_what_ageing_does():
    """Ventricles open, grey matter fades, and the head keeps its size."""
    young, old = intensities(typical(20, 90), step=2)
    fluid = [((x > 0) & (x < 400))[1, 20:76, 20:60].sum() for x in (young, old)]
    assert fluid[1] > 1.2 * fluid[0]
    grey = (young > 600) & (young < 700)
    assert old[grey].mean() < 0.95 * young[grey].mean()
    assert abs((old > 0).mean() / (young > 0).mean() - 1) < 0.03


def test_the_opening_gets_faster():
    """Ventricles change more from 55 to 90 than from 20 to 55."""
    young, middle, old = intensities(typical(20, 55, 90), step=2)[:, 1, 30:60, 30:50]
    assert np.abs(old - middle).mean() > 1.2 * np.abs(middle - young).mean()


@pytest.mark.parametrize(
    ("name", "change", "largest"),
    [("gain", 0.1, 1.11), ("size x", 0.1, 1.4), ("shift y", 8.0, 1.6)],
)
def test_other_numbers_change_the_picture_too(name, change, largest):
    anatomy = typical(50, 50)
    anatomy[1, NAMES.index(name)] = change
    a, b = intensities(anatomy)
    assert a.mean() != b.mean() or not np.array_equal(a, b)
    assert 1 / largest < b.sum() / a.sum() < largest


def test_shift_moves_the_head_by_whole_pixels():
    """8 mm are a pixel: what was at a place is now one row on."""
    anatomy = typical(50, 50)
    anatomy[1, NAMES.index("shift y")] = 8.0
    a, b = intensities(anatomy)
    assert np.allclose(a[:, :-1], b[:, 1:]) and not np.allclose(a, b)


def test_men_have_larger_heads():
    anatomy = typical(50, 50)
    anatomy[:, 1] = 0, 1
    women, men = intensities(anatomy, step=2)
    assert (men > 0).sum() > 1.03 * (women > 0).sum()


def test_the_best_error_is_at_least_the_offset(some):
    few = some.anatomy[:10]
    assert (best_error(few) > 2).all()
    assert (best_error(few, offset=5) > best_error(few)).all()
    assert (best_error(few, noise=80) > best_error(few)).all()


def test_what_differs_for_other_reasons_limits_the_best_error(some):
    """Age shows in three quantities, which also differ by themselves: that bounds all three."""
    few = some.anatomy[:10]
    t = (few[:, 0] - YOUNGEST) / (OLDEST - YOUNGEST)
    faster = {
        "ventricles": 0.3 * (0.4 + 1.2 * t),
        "cortex": 0.3 * np.ones(10),
        "white": 0.8 * np.maximum(t - 0.4, 0),
    }
    known = 35.0**-2 + sum((v / 70 / SPREAD[name]) ** 2 for name, v in faster.items())
    error = best_error(few, offset=0, noise=10)
    assert (error > 0.8 * known**-0.5).all() and (error < 2.5 * known**-0.5).all()


def test_the_best_error_is_reached_by_who_knows_the_generator():
    """One Gauss-Newton step from the truth with the generator's derivatives has that spread."""
    anatomy = np.repeat(brains(1, seed=5).anatomy, 2, axis=0)
    scale = [0.1, *(0.01 * s for s in SPREAD.values())]
    kept = [0, *range(2, len(NAMES))]
    moved = np.concatenate(
        [anatomy[:1] + s * np.eye(len(NAMES))[[k]] for k, s in zip(kept, scale, strict=True)]
    )
    base = intensities(anatomy[:1])[0]
    inside = (base > 0) & (intensities(moved) > 0).all(0)
    J = np.stack(
        [(m - base)[inside] / s for m, s in zip(intensities(moved), scale, strict=True)], axis=1
    )
    prior = np.diag([35.0**-2, *(s**-2.0 for s in SPREAD.values())])
    gain = np.linalg.solve(J.T @ J / 1600 + prior, J.T / 1600)
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(400):
        truth = rng.normal(size=len(kept)) * [35.0, *SPREAD.values()]
        errors.append((gain @ (J @ truth + rng.normal(size=len(J)) * 40) - truth)[0])
    assert np.std(errors) == pytest.approx(best_error(anatomy, offset=0)[0], rel=0.12)


def test_learnable_but_not_trivial(some):
    """Ridge regression on voxels beats the mean age by far, and stays above the best error."""

    def voxels(x):
        return x.reshape(len(x), -1) / x.mean(axis=(1, 2, 3), where=x > 0)[:, None]

    others = brains(200, first=1000)
    model = Ridge(alpha=10).fit(voxels(some.x), some.age)
    error = np.abs(model.predict(voxels(others.x)) - others.age).mean()
    best = np.sqrt(2 / np.pi) * best_error(others.anatomy[:40]).mean()
    mean = np.abs(others.age - some.age.mean()).mean()
    assert 2 < best < error < mean / 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"people": 0}, "people must be 1 or more, got 0"),
        ({"seed": -1}, "seed and first must be 0 or more, got -1, 0"),
        ({"first": -1}, "seed and first must be 0 or more, got 0, -1"),
        ({"ahead": 30}, "ahead must be from -20 to 20 years, got 30"),
        ({"offset": -1}, "offset must be from 0 to 10 years, got -1"),
        ({"noise": 300}, "noise must be from 0 to 200, got 300"),
        ({"step": 3}, "step must be 2, 4 or 8 millimetres, got 3"),
    ],
)
def test_bad_arguments(wrong, message):
    with pytest.raises(ValueError, match=message):
        brains(**{"people": 2, **wrong})


def test_bad_anatomy():
    with pytest.raises(ValueError, match=r"expected anatomy \(N, 33\), got \(2, 5\)"):
        intensities(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="step must be 2, 4 or 8"):
        intensities(typical(50), step=5)
