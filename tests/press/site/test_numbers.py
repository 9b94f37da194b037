"""Numbers, written alike."""

import pytest

from press.site import numbers


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("-0.4857 [-2.022, 1.05] points, n = 7 pairs", "−0.49 [−2.02, 1.05] points, n = 7 pairs"),
        ("-0.1 [-2.379, 2.179]", "−0.10 [−2.38, 2.18]"),
        ("58.06 [52.27, 63.85]", "58.1 [52.3, 63.9]"),
        ("mean 49.17 [18, 81] pixels", "mean 49.2 [18.0, 81.0] pixels"),
        ("mean 690 [348, 960] of 1024", "mean 690 [348, 960] of 1024"),
        ("-0.0254 [-0.05159, 0.0007783]", "−0.0254 [−0.0516, 0.0008]"),
        ("3.1 [0.00004, 80.1]", "3.10000 [0.00004, 80.10000]"),
        ("mean 1 [1, 1], n = 9", "mean 1 [1, 1], n = 9"),
        ("mean 5.551e-17 [0, 2.22e-16], n = 4", "mean 5.551×10⁻¹⁷ [0, 2.22×10⁻¹⁶], n = 4"),
        ("at least -1e-09", "at least −10⁻⁹"),
        ("equals (-2, 4)", "equals (−2, 4)"),
        ("ResNet-18, 3-bit, 2020-21, a-1", "ResNet-18, 3-bit, 2020-21, a-1"),
        ("10-20", "10-20"),
    ],
)
def test_written(text, written):
    assert numbers.written(text) == written


def test_only_what_is_marked_is_rewritten_on_a_page():
    marked = '<span class="measured">'
    context = {"body": f"x -1 {marked}-1 &lt; <b>-1</b></span>{marked}-2 &lt; 3</span>"}
    numbers.rewrite(None, "page", "page.html", context, None)
    assert context["body"].startswith('x -1 <span class="measured">-1 &lt; <b>')
    assert context["body"].endswith('<span class="measured">−2 &lt; 3</span>')
    numbers.rewrite(None, "search", "search.html", {}, None)
