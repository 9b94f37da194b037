"""Files inside packages: found, or missed with advice."""

import pytest

from repro.data.packages import packaged, pixels


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.png is missing.*skimage"):
        packaged("skimage", "data/no.png")
    with pytest.raises(FileNotFoundError, match="no_such_package, which is not installed"):
        packaged("no_such_package", "a.png")
    with pytest.raises(ValueError, match=r"a\.png is not a readable PNG or JPEG"):
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n truncated")
        pixels(tmp_path / "a.png")


def test_a_truncated_image_is_refused(tmp_path):
    whole = packaged("skimage", "data/coffee.png").read_bytes()
    (tmp_path / "coffee.png").write_bytes(whole[:5000])
    with pytest.raises(ValueError, match=r"coffee\.png is not a readable"):
        pixels(tmp_path / "coffee.png")
