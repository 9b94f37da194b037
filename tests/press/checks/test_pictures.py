"""Alternative text, a live figure, a thumbnail."""

import base64

from breaking import (
    assert_named,
    cases,
    cell,
    edit,
    messages,
    of_module,
    picture,
    show,
    tag,
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
        (lambda nb: tag(nb, cell(nb, tag="plot"), "plot", "thumbnail"), "which is not needed"),
    ],
}  # fmt: skip


@cases(BREAKS)
def test_every_fault_is_found_and_named(sample, check, damage, cause):
    assert_named(sample, check, damage, cause)


def test_every_check_is_tested():
    assert set(BREAKS) == of_module(pictures)


def test_the_thumbnail_of_a_chapter_of_the_first_anatomy(sample):
    edit(sample, lambda nb: nb.metadata.repro.update(anatomy=1))
    assert "has 0 cells tagged `thumbnail`" in messages(sample, "thumbnail")[0]
    edit(sample, lambda nb: tag(nb, cell(nb, holds="show(fig"), "plot", "thumbnail"))
    assert messages(sample, "thumbnail") == []
    edit(sample, lambda nb: cell(nb, tag="thumbnail").update(outputs=[]))
    assert "but stores no figure" in messages(sample, "thumbnail")[0]
