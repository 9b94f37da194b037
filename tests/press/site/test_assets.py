"""Scripts and styles that the pages load."""

from types import SimpleNamespace

import pytest

from press.site import assets, formulas, thumbnails, verdicts


def test_a_failed_build_is_left_alone(tmp_path):
    app = SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=tmp_path)
    for part in (formulas.write, thumbnails.write_thumbnails):
        part(app, RuntimeError("failed"))
    assert list(tmp_path.iterdir()) == []


def test_other_formats_than_html_get_no_files(tmp_path):
    app = SimpleNamespace(builder=SimpleNamespace(format="text"), outdir=tmp_path)
    verdicts.write(app)
    for part in (formulas.write, thumbnails.write_thumbnails):
        part(app, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("asset", "expected"),
    [
        (type("Script", (), {"filename": "sphinx-thebe.js", "attributes": {}})(), True),
        (type("Script", (), {"filename": "", "attributes": {"body": "const THEBE = 1"}})(), True),
        ("sphinx-thebe.css", True),
        ("book.css", False),
    ],
)
def test_thebe_is_recognised(asset, expected):
    assert assets.is_thebe(asset) is expected
