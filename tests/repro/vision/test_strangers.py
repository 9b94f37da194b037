"""Tests of the task of the chapters on face losses."""

import numpy as np
import pytest
import torch
from torch import nn

from repro.data import faces
from repro.vision.strangers import (
    Strangers,
    embedding_scores,
    fit_embedding,
    strangers,
    verified,
)
from repro.vision.verification_metrics import identification_rate, tar


def test_known_people_and_others_are_different_people():
    task = strangers(3, people=5, images=2, others=4, each=3)
    assert task.x.shape == (10, 1, 16, 16)
    assert task.unseen.shape == (12, 1, 16, 16)
    assert task.y.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert task.person.tolist() == [5, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8]
    large = torch.from_numpy(faces(9, 2, seed=3).x)
    torch.testing.assert_close(task.x[0, 0, 2, 3], large[0, 0, 4:6, 6:8].mean())
    assert not torch.equal(strangers(4, 5, 2, 4, 3).x, task.x)


def small_task():
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(4).repeat(8)
    x = torch.eye(4)[y] + 0.1 * torch.randn(32, 4, generator=generator)
    return Strangers(x, y, x, y.numpy())


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 4))


def test_the_last_layer_has_its_own_rate():
    task, one, fast, slow = small_task(), net(), net(), net()
    for model, multiple in ((one, 1), (fast, 10), (slow, 1e-6)):
        fit_embedding(model, task, lr=0.01, epochs=3, seed=0, multiple=multiple)
    start = net()

    def moved(model, layer):
        return (model[layer].weight - start[layer].weight).norm().item()

    assert moved(slow, 1) < 1e-4
    assert moved(fast, 1) > 3 * moved(one, 1) > 0
    assert moved(slow, 0) > 0


def test_it_is_the_recipe_that_is_documented():
    """One step on one batch: rate at its peak, decay with the gradient."""
    task, model, start = small_task(), net(), net()
    history = fit_embedding(
        model, task, lambda out, y: out.square().mean(), lr=0.1, epochs=1, seed=0
    )
    start(task.x).square().mean().backward()
    assert len(history.loss) == 1
    for moved, p in zip(model.parameters(), start.parameters(), strict=True):
        torch.testing.assert_close(moved, p - 0.1 * (p.grad + 5e-4 * p))


def test_training_can_be_watched():
    seen = []
    history = fit_embedding(
        net(), small_task(), lr=0.01, epochs=3, seed=0, on_epoch=lambda *told: seen.append(told)
    )
    assert [(epoch, loss) for epoch, _, loss in seen] == list(enumerate(history.loss))


def test_scores_are_those_of_the_cosine():
    rng = np.random.default_rng(0)
    person = np.arange(40).repeat(4)
    f = rng.normal(size=(40, 6))[person] + 0.7 * rng.normal(size=(160, 6))
    scores = embedding_scores(torch.from_numpy(f).float(), person)
    unit = f / np.linalg.norm(f, axis=1, keepdims=True)
    cosine = (unit @ unit.T).astype(np.float64)
    gallery = np.zeros(160, bool)
    gallery[::8] = True
    assert scores["tar"] == pytest.approx(100 * tar(cosine, person), abs=0.5)
    assert scores["strict"] == pytest.approx(100 * tar(cosine, person, 0.001), abs=0.5)
    assert scores["dir"] == pytest.approx(100 * identification_rate(cosine, person, gallery), abs=2)
    assert scores["strict"] < scores["tar"]
    assert 0 < scores["eer"] < 50 < scores["accuracy"] < 100
    longer = embedding_scores(torch.from_numpy(5 * f).float(), person)
    assert longer["tar"] == pytest.approx(scores["tar"], abs=0.5)


class Turned(nn.Module):
    """Class weights that are the first axes."""

    def __init__(self, weights):
        super().__init__()
        self.s, self.W = nn.Parameter(torch.tensor(2.0)), nn.Parameter(weights)

    def forward(self, f):
        return self.s * f @ self.W.T


def test_a_run_is_judged_on_strangers_and_by_its_own_people():
    torch.manual_seed(0)
    embedding = nn.Sequential(nn.Flatten(), nn.Linear(256, 3))
    weights = torch.tensor([[3.0, 0, 0], [0, 0.5, 0], [1, 1, 0]])
    net = nn.Sequential(embedding, Turned(weights))
    measured = verified(net, 5, lr=1e-9, epochs=1, people=3)
    task = strangers(5, 3)
    expected = embedding_scores(embedding(task.unseen).detach(), task.person)
    assert {k: measured[k] for k in expected} == pytest.approx(expected, abs=0.1)
    loss = nn.functional.cross_entropy(net(task.x), task.y).item()
    assert measured["loss"] == pytest.approx(loss, rel=1e-4)
    f = nn.functional.normalize(embedding(task.x), dim=1)
    unit = nn.functional.normalize(weights, dim=1)
    rows = [[float(a @ w) for w in unit] for a in f.detach()]
    own = [row[y] for row, y in zip(rows, task.y, strict=True)]
    rest = [max(row[:y] + row[y + 1 :]) for row, y in zip(rows, task.y.tolist(), strict=True)]
    assert measured["own"] == pytest.approx(np.mean(own), abs=1e-5)
    assert measured["lead"] == pytest.approx(np.mean(np.subtract(own, rest)), abs=1e-5)
    assert measured["near"] == pytest.approx(0.5**0.5, abs=1e-5)


def test_a_run_that_diverges_scores_what_chance_would():
    net = nn.Sequential(nn.Sequential(nn.Flatten(), nn.Linear(256, 3)), nn.Linear(3, 4))
    measured = verified(net, 5, lambda out, y: out.sum() * float("nan"), lr=1, epochs=1, people=4)
    assert measured["accuracy"] == measured["eer"] == 50
    assert measured["tar"] == 1
    assert measured["loss"] == pytest.approx(np.log(4))
