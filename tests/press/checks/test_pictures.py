"""Alternative text, a live figure, a thumbnail."""

import base64

from breaking import (
    assert_named,
    cases,
    of_module,
    picture,
    show,
    text,
    without,
)

from press.checks import pictures

PNG = {"image/png": base64.b64encode(b"png").decode()}
BREAKS = {
    "alt-text": [
        (lambda nb: text(nb, "![ ](a.png)"), "Write `![text](...)`"),
        (lambda nb: text(nb, '<img src="a.png" alt="">'), 'or `alt="text"` in its <img>'),
        (lambda nb: text(nb, "A <img src='a.png'>"), 'or `alt="text"` in its <img>'),
        (lambda nb: show(nb, picture(PNG)), "shows a figure without alternative text"),
        (lambda nb: show(nb, picture(PNG, alt=" ")), "shows a figure without alternative text"),
        (lambda nb: show(nb, picture({"text/html": "<img src='a'>"})), "shows HTML with a figure"),
        (lambda nb: show(nb, picture({"text/html": ""}, explore=["a"])), "without alternative"),
    ],
    "explore": [(lambda nb: without(nb, "explore(draw"), "has no `explore` figure in `## Play`")],
    "thumbnail": [
        (lambda nb: without(nb, "thumbnail(fig"), "has 0 pictures for the gallery, one is wanted"),
        (lambda nb: show(nb, picture(PNG, alt="a", thumbnail=True)), "has 2 pictures for the"),
    ],
}  # fmt: skip


@cases(BREAKS)
def test_every_fault_is_found_and_named(sample, check, damage, cause):
    assert_named(sample, check, damage, cause)


def test_every_check_is_tested():
    assert set(BREAKS) == of_module(pictures)
