"""Find the programs that some tests drive.

Where one is missing its tests skip, visibly; with ``CI`` set that is a failure, since there
everything can be installed.
"""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

# Debian keeps servers where only root looks.
PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def lacking(what: str) -> NoReturn:
    """End the test for want of something."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and CI must not go without")
    pytest.skip(what)


def program(*names: str) -> str:
    """Give the path of the first of these programs that is installed."""
    for name in names:
        path = shutil.which(name, path=PLACES)
        if path:
            return path
    lacking(f"{' or '.join(names)} is not installed")
