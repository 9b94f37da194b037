"""Numbers in prose and tables: portable ones as they are, floats masked."""

import math

import numpy as np
import pytest
import torch

from repro import report
from repro.report import measured, say, table


@pytest.fixture
def shown(monkeypatch):
    """Collect what is displayed as (html, plain text)."""
    outputs = []
    monkeypatch.setattr(report, "publish", lambda data: outputs.append(tuple(data.values())))
    return outputs


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((0.12345,), "0.123"),
        ((0.12345, ".1f", "%"), "0.1 %"),
        ((500,), "500"),
        ((np.float32(0.5),), "0.5"),
        ((torch.tensor(0.25),), "0.25"),
        ((0.5, ".1f", "<b>"), "0.5 &lt;b&gt;"),
        ((1e-12,), "10⁻¹²"),
        ((-2.5e13,), "-2.5×10¹³"),
    ],
)
def test_measured_is_a_masked_span(args, text):
    assert measured(*args) == f'<span class="measured">{text}</span>'


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_no_nan_is_shown(value, shown):
    for call in (
        lambda: measured(value),
        lambda: say("{x}", x=value),
        lambda: table([[value]], "x"),
    ):
        with pytest.raises(ValueError, match="fix what computes it"):
            call()
    assert shown == []


@pytest.mark.parametrize("value", ["0.5", True, np.True_, np.zeros(2), None, [1.0], 1j])
def test_measured_takes_one_number(value):
    with pytest.raises(TypeError):
        measured(value)


def test_say_masks_floats_and_only_floats(shown):
    say(
        r"Of {n:,} <em>images</em>, {p:.1f} % ({m}) at {name}; $\frac{1}{2} < {n}$ costs \$5: {ok}",
        n=np.int64(1234), p=np.float32(66.25), m=measured(1.5), name="a<b", ok=np.True_,
    )  # fmt: skip
    rich, plain = shown[0]
    assert rich == (
        '<p class="repro-say">Of 1,234 <em>images</em>, <span class="measured">66.2</span> % '
        '(<span class="measured">1.5</span>) at a&lt;b; '
        r'<span class="math notranslate nohighlight">\(\frac{1}{2} &lt; {n}\)</span> costs $5: True'
        "</p>"
    )
    assert plain == r"Of 1,234 images, … % (…) at a<b; $\frac{1}{2} < {n}$ costs $5: True"


def test_say_explains_fields_and_values_that_do_not_match(shown):
    with pytest.raises(ValueError, match=r"no value for {x}; given: y"):
        say("{x}", y=1)
    with pytest.raises(ValueError, match="given: none"):
        say("{x}")
    with pytest.raises(ValueError, match="no field for y"):
        say("{x} $y = {y}$", x=1, y=2)
    with pytest.raises(TypeError, match="expected text or one number, got list"):
        say("{x}", x=[1, 2])
    assert shown == []


def test_table_masks_floats_and_only_floats(shown):
    table(
        [["a<b", 1234, 0.5, True], [r"$\alpha$", 2, measured(3.14159), np.False_]],
        columns={"name": "", "n": ",", "loss": ".2f", "done": ""},
        caption="All & more",
    )
    rich, plain = shown[0]
    assert rich.startswith('<table class="repro-table">\n<caption>All &amp; more</caption>')
    assert '<td>a&lt;b</td><td class="num">1,234</td>' in rich
    assert '<td class="num"><span class="measured">0.50</span></td><td>True</td>' in rich
    assert r"\(\alpha\)" in rich and '<span class="measured">3.14</span>' in rich
    assert plain.splitlines() == [
        "All & more",
        "name | n | loss | done",
        "a<b | 1,234 | … | True",
        r"$\alpha$ | 2 | … | False",
    ]


def test_table_explains_rows_and_headings_that_do_not_fit(shown):
    with pytest.raises(ValueError, match="row 1 has 1 cells for 2 columns"):
        table([[1, 2], [3]], columns=["a", "b"])
    with pytest.raises(ValueError, match="different headings"):
        table([[1, 2]], columns=["a", "a"])
    with pytest.raises(ValueError, match="different headings"):
        table([], columns=[])
    assert shown == []


def test_nothing_is_displayed_outside_ipython(capsys):
    say("{x}", x=0.5)
    table([[0.5]], columns=["x"])
    assert capsys.readouterr().out == ""
