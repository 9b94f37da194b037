"""Tests of the chapter quantized_cnn: its method against an independent way of computing."""

import numpy as np
import pytest

import repro


@pytest.fixture(scope="module")
def chapter():
    return repro.chapter("quantized_cnn")


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_the_scale_is_the_least_squares_solution(chapter, n):
    weights = np.random.default_rng(n).normal(size=n)
    slope = np.linalg.lstsq(np.sign(weights)[:, None], weights, rcond=None)[0].item()
    assert chapter.scale(weights) == pytest.approx(slope)
