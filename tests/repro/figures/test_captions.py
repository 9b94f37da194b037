"""Numbers follow the order of the page, however often a cell is run."""

import pytest

from repro.figures import captions


@pytest.fixture(autouse=True)
def counted_anew():
    captions.restart()
    yield
    captions.restart()


def test_captions_are_numbered_in_order():
    assert [captions.number(text) for text in ("a", "b", "c")] == [1, 2, 3]


def test_a_caption_shown_again_keeps_its_number():
    assert [captions.number(text) for text in ("a", "b", "a", "c")] == [1, 2, 1, 3]


def test_counting_restarts():
    captions.number("a")
    captions.restart()
    assert captions.number("b") == 1


def test_words_stand_on_one_line():
    assert captions.one_line("  a\n b ", "show: alt") == "a b"


@pytest.mark.parametrize("text", ["", " \n ", None, 3])
def test_blank_words_are_refused(text):
    with pytest.raises(ValueError, match="explore: caption is blank; say in a sentence"):
        captions.one_line(text, "explore: caption")
