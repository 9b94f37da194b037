"""Synthetic faces: reproducible, true to their landmarks, neither trivial nor noise."""

import hashlib

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from repro.data import draw_faces, faces
from repro.data.faces.generator import EXPRESSION, LIGHT, PLACE, POSE, TRAITS, traits
from repro.data.faces.picture import FINE, Canvas
from repro.data.faces.shape import POINT
from repro.training import fit, predict

PINNED = "0042055c6279fd566968571fe8322d3ef5ac9d1425eb9581a7bb3a71a055d91a"
JAW, EYES, MOUTH = slice(0, 17), slice(36, 48), slice(48, 68)


@pytest.fixture(scope="module")
def sample():
    return faces(12, 5)


def test_bytes_are_pinned(sample):
    content = b"".join(a.tobytes() for a in (sample.x, sample.identity, sample.landmarks))
    content += b"".join(
        a.tobytes() for a in (sample.pose, sample.place, sample.light, sample.expression)
    )
    assert hashlib.sha256(content).hexdigest() == PINNED
    assert not np.array_equal(faces(12, 5, seed=1).x, sample.x)


def test_form_and_range(sample):
    assert sample.x.shape == (60, 1, 32, 32) and sample.x.dtype == np.float32
    levels = np.rint(sample.x * 255).astype(np.float32)
    assert np.array_equal(levels / np.float32(255), sample.x)
    assert sample.x.min() >= 0 and sample.x.max() <= 1
    assert np.array_equal(sample.identity, np.repeat(np.arange(12), 5))
    assert sample.landmarks.shape == (60, 68, 2) and sample.landmarks.dtype == np.float32
    assert np.array_equal(np.rint(sample.landmarks * 64) / 64, sample.landmarks)
    groups = {"pose": POSE, "place": PLACE, "light": LIGHT, "expression": EXPRESSION}
    for name, ranges in groups.items():
        values = getattr(sample, name)
        assert values.shape == (60, len(ranges)) and values.dtype == np.int64
        low, high = np.array(list(ranges.values())).T
        assert (values >= low).all() and (values <= high).all()
        assert (values.std(axis=0) > 0).all()


def test_settings_stay_in_range_at_full_strength():
    strong = faces(20, 20, pose=3, place=3, light=3, expression=3, noise=64)
    for name, ranges in (("pose", POSE), ("place", PLACE), ("light", LIGHT)):
        low, high = np.array(list(ranges.values())).T
        values = getattr(strong, name)
        assert (values >= low).all() and (values <= high).all(), name


def test_people_do_not_depend_on_what_else_is_drawn(sample):
    part = faces(3, 2, first=7)
    for k in range(3):
        whole = slice(5 * (7 + k), 5 * (7 + k) + 2)
        assert np.array_equal(part.x[2 * k : 2 * k + 2], sample.x[whole])
        assert np.array_equal(part.landmarks[2 * k : 2 * k + 2], sample.landmarks[whole])


def test_without_variation_all_images_of_a_person_are_equal():
    still = faces(3, 4, pose=0, place=0, light=0, expression=0, noise=0)
    landmarks = still.landmarks.reshape(3, 4, 68, 2)
    assert (landmarks == landmarks[:, :1]).all()
    assert not np.array_equal(landmarks[0], landmarks[1])
    drawn = draw_faces(np.arange(3))
    assert np.array_equal(drawn.landmarks, landmarks[:, 0])


def test_faces_and_draw_faces_agree(sample):
    again = draw_faces(
        sample.identity,
        pose=sample.pose,
        place=sample.place,
        light=sample.light,
        expression=sample.expression,
    )
    assert np.array_equal(again.landmarks, sample.landmarks)


def test_traits_are_independent_and_bell_shaped():
    table = traits(np.arange(600))
    assert table.shape == (600, len(TRAITS)) and abs(table).max() <= 100
    assert (abs(table.mean(axis=0)) < 8).all() and (abs(table.std(axis=0) - 50) < 6).all()
    assert abs(np.corrcoef(table.T) - np.eye(len(TRAITS))).max() < 0.2
    assert len(np.unique(table, axis=0)) == 600


@pytest.mark.parametrize("size", [16, 32, 65, 128])
def test_landmarks_lie_in_the_picture_and_inside_the_head(size):
    sample = faces(40, 5, size=size, noise=0)
    assert sample.landmarks.min() > 0 and sample.landmarks.max() < size - 1
    top, chin = sample.landmarks[:, 17:27, 1].min(axis=1), sample.landmarks[:, 8, 1]
    left, right = sample.landmarks[:, JAW, 0].min(axis=1), sample.landmarks[:, JAW, 0].max(axis=1)
    for part in (EYES, MOUTH):
        x, y = np.moveaxis(sample.landmarks[:, part], 2, 0)
        assert (x > left[:, None]).all() and (x < right[:, None]).all()
        assert (y > top[:, None] - 0.03 * size).all() and (y < chin[:, None]).all()


def test_landmarks_are_in_the_ibug_order():
    x, y = np.moveaxis(draw_faces(np.arange(30)).landmarks, 2, 0)
    assert (np.diff(x[:, JAW]) > 0).all()  # jaw from left to right
    assert (y[:, 8] > y[:, 0]).all() and (y[:, 8] > y[:, 16]).all()  # by way of the chin
    assert (np.diff(x[:, 17:27]) > 0).all()  # both brows from left to right
    assert (np.diff(y[:, 27:31]) > 0).all() and (np.diff(x[:, 31:36]) > 0).all()  # nose
    for corner in (36, 42):  # eyes: left corner, above, right corner, below
        assert (np.diff(x[:, corner : corner + 4]) > 0).all()
        assert (y[:, corner + 1] < y[:, corner + 5]).all()
    assert (np.diff(x[:, 48:55]) > 0).all() and (y[:, 57] > y[:, 51]).all()  # lips
    assert (np.diff(x[:, 60:65]) > 0).all() and (y[:, 62] <= y[:, 66]).all()
    assert (y[:, 17:27].max(axis=1) < y[:, EYES].max(axis=1)).all()
    assert (y[:, 30] < y[:, 51]).all()


def test_pose_turns_the_landmarks():
    """Roll turns them about the middle of the picture; yaw and pitch move the nose."""
    straight, rolled = draw_faces([3, 3], pose=[[0, 0, 0], [0, 0, 30]], size=128).landmarks
    centre = np.array([63.5, 63.5 - 0.01 * 128])
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    expected = (straight - centre) @ np.array([[c, s], [-s, c]]) + centre
    assert abs(rolled - expected).max() < 0.02
    right, down = draw_faces([3, 3], pose=[[20, 0, 0], [0, 20, 0]], size=128).landmarks
    middle = straight[JAW].mean(axis=0)
    assert right[30, 0] - straight[30, 0] > 5 and abs(right[30, 1] - straight[30, 1]) < 0.1
    assert down[30, 1] - straight[30, 1] > 2 and abs(middle - straight[JAW].mean(axis=0)).max() == 0


def test_place_moves_and_enlarges():
    first, moved, larger = draw_faces(
        [5, 5, 5], place=[[0, 0, 0], [10, -5, 0], [0, 0, 10]]
    ).landmarks
    assert abs(moved - first - [3.2, -1.6]).max() < 0.02
    assert np.ptp(larger, axis=0) == pytest.approx(1.1 * np.ptp(first, axis=0), abs=0.05)


def test_expression_moves_its_landmarks_only():
    names = list(EXPRESSION)
    rest, *moved = draw_faces(
        [2] * 5, expression=np.vstack([np.zeros(4), 60 * np.eye(4)]), size=128
    ).landmarks
    change = {name: abs(m - rest).max(axis=1) for name, m in zip(names, moved, strict=True)}
    expected = {"brow": range(17, 27), "blink": range(36, 48), "smile": range(48, 68)}
    for name, points in expected.items():
        assert set(np.flatnonzero(change[name] > 0.05)) <= set(points)
        assert change[name][list(points)].max() > 1
    opened = moved[names.index("open")]
    assert opened[66, 1] - opened[62, 1] > rest[66, 1] - rest[62, 1] + 3
    assert moved[0][19, 1] < rest[19, 1] and moved[1][37, 1] > rest[37, 1]


def test_light_brightens_its_side():
    rest, right, below, bright = draw_faces(
        [4] * 4, light=[[0, 0, 0], [100, 0, 0], [0, 100, 0], [0, 0, 100]], size=64
    ).x[:, 0]
    face = (slice(24, 52), slice(18, 46))
    more = {name: (x - rest)[face] for name, x in (("r", right), ("b", below), ("all", bright))}
    assert more["r"][:, -5:].mean() > 0.03 > 0 > more["r"][:, :5].mean()
    assert more["b"][-5:].mean() > 0.03 > 0 > more["b"][:5].mean()
    assert more["all"].mean() == pytest.approx(30 / 255, abs=0.01)


def test_the_picture_shows_the_landmarks():
    """Pupils are dark at the middle of the eyes, and an open mouth is dark inside."""
    drawn = draw_faces(np.arange(40), expression=[0, 0, 80, 0], size=96)
    points = np.rint(drawn.landmarks).astype(int)
    for k, image in enumerate(drawn.x[:, 0]):
        skin = image[points[k, 33, 1] - 10, points[k, 33, 0] - 10]
        for corner in (36, 42):
            x, y = np.rint(drawn.landmarks[k, [corner, corner + 3]].mean(axis=0)).astype(int)
            assert image[y, x] < skin
        x, y = np.rint(drawn.landmarks[k, [62, 66]].mean(axis=0)).astype(int)
        assert image[y, x] < min(skin, 0.3)


def test_shapes_have_the_depth_of_geometry():
    """Polygon, hull, line and disc against distances computed in floating point."""
    canvas = Canvas(24, np.zeros((1, 3)))
    x, y = np.meshgrid(np.arange(24), np.arange(24))
    square = np.array([[[4, 5], [18, 5], [18, 15], [4, 15]]]) * POINT
    inside = np.minimum.reduce([x - 4, 18 - x, y - 5, 15 - y])
    for shape in (canvas.polygon(square), canvas.hull(square[:, [0, 2, 1, 3]])):
        assert (
            abs(np.clip(shape[0] / FINE, -1, 9) - np.clip(inside, -1, 9))[inside > -2].max() < 0.01
        )
    stroke = canvas.line(np.array([[[4, 12], [20, 12]]]) * POINT, np.array([2.0 * POINT]))
    middle = (x > 6) & (x < 18)
    assert abs(stroke[0] / FINE - (2 - abs(y - 12)))[middle].max() < 0.01
    disc = canvas.disc(np.array([[12, 11]]) * POINT, np.array([6.0 * POINT]))[0] / FINE
    depth = 6 - np.hypot(x - 12, y - 11)
    edge = abs(depth) < 0.6
    assert abs(disc - depth)[edge].max() < 0.06


def verified(features, person, far=0.01):
    """Share of true pairs above the cosine that one false pair in a hundred exceeds."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    score, upper = unit @ unit.T, np.triu_indices(len(unit), 1)
    same = (person[:, None] == person)[upper]
    return (score[upper][same] > np.quantile(score[upper][~same], 1 - far)).mean()


def test_the_task_is_neither_trivial_nor_noise():
    """Held-out people: pixels are far above chance (1 %), a small network is far above pixels."""
    known, strangers = faces(128, 24, first=60), faces(60, 10)
    x, xt = (F.avg_pool2d(torch.from_numpy(part.x), 2).flatten(1) for part in (known, strangers))
    pixels = verified((xt - x.mean(0)).numpy(), strangers.identity)
    assert 0.05 < pixels < 0.3
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(256, 192), nn.BatchNorm1d(192), nn.ReLU(), nn.Linear(192, 32))
    model = nn.Sequential(body, nn.Linear(32, 128))
    fit(model, x, torch.from_numpy(known.identity) - 60, epochs=6, lr=5e-3, seed=0, batch_size=128)
    learned = verified(predict(body, xt).numpy(), strangers.identity)
    assert 0.55 < learned < 0.97
    assert learned > pixels + 0.35


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"identities": 0}, "identities and images must be 1 or more, got 0 and 10"),
        ({"images": -1}, "identities and images must be 1 or more"),
        ({"size": 15}, "size must be 16 to 128 pixels, got 15"),
        ({"size": 129}, "size must be 16 to 128"),
        ({"seed": -1}, "seed and numbers of people must be 0 or more, got -1"),
        ({"first": -2}, "seed and numbers of people must be 0 or more"),
        ({"light": 3.5}, "strengths must be 0 to 3, got .*'light': 3.5"),
        ({"pose": -0.1}, "strengths must be 0 to 3"),
        ({"expression": float("nan")}, "strengths must be 0 to 3"),
        ({"noise": 65}, "noise must be 0 to 64 grey levels"),
    ],
)
def test_bad_requests_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        faces(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"identity": [0.5]}, r"identity: whole numbers \(N,\), got float64 \(1,\)"),
        ({"identity": []}, "identity: whole numbers"),
        ({"identity": [[1]]}, "identity: whole numbers"),
        ({"identity": [-1]}, "numbers of people must be 0 or more"),
        ({"pose": [46, 0, 0]}, "pose: yaw must be -45 to 45, got 46 to 46"),
        ({"expression": [0, -1, 0, 0]}, "expression: blink must be 0 to 100"),
        ({"light": [0, 0, np.nan]}, "light: bright must be -100 to 100"),
        ({"place": np.zeros((3, 3))}, r"place: expected \(2, 3\), that is, right, down, larger"),
    ],
)
def test_bad_settings_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_faces(**{"identity": [0, 1], **arguments})
