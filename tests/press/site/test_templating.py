"""Templates of the site and their filters."""

import pytest

from press.site import templating
from repro import markup


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (28.4, "28 s"),
        (59.6, "1 min"),
        (130, "2 min 10 s"),
        (3600, "1 h"),
        (3899, "1 h 5 min"),
    ],
)
def test_duration(seconds, text):
    assert templating.duration(seconds) == text


@pytest.mark.parametrize(
    ("megabytes", "text"), [(640, "640 MB"), (999.4, "999 MB"), (1000, "1.0 GB"), (1340, "1.3 GB")]
)
def test_memory(megabytes, text):
    assert templating.memory(megabytes) == text


def test_measurements_fit_a_sentence():
    assert templating.phrase("mean 3 [2, 4], n = 5") == "a mean of 3 [2, 4], n = 5"
    assert templating.phrase("slope 0.25 over 6 points") == "a slope of 0.25 over 6 points"
    assert templating.phrase("meanwhile 3") == "meanwhile 3"


def test_the_environment_of_the_chapters_is_extended_and_left_alone():
    site, shared = templating.environment(), markup.environment()
    assert set(shared.filters) < set(site.filters)
    assert "duration" not in shared.filters
    assert site.get_template("entry.html") and site.get_template("card.html")
    with pytest.raises(Exception, match=r"card\.html"):
        shared.get_template("card.html")
