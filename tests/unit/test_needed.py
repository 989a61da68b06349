"""What a missing program means for its tests: a skip that is seen, or a failure under CI."""

import pytest

from ..support import needed


@pytest.fixture
def places(monkeypatch, tmp_path):
    """Look for programs in one folder only."""
    monkeypatch.setattr(needed, "PLACES", str(tmp_path))
    return tmp_path


def put(places, name):
    path = places / name
    path.touch(mode=0o755)
    return str(path)


def test_the_first_program_that_is_installed_is_taken(places):
    second = put(places, "second")
    assert needed.program("first", "second") == second
    first = put(places, "first")
    assert needed.program("first", "second") == first


def test_a_missing_program_is_skipped_visibly(places, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="browser or other is not installed"):
        needed.program("browser", "other")


def test_a_missing_program_fails_ci(places, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="browser is not installed, and CI must not"):
        needed.program("browser")
