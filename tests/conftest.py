"""Where the real data lies, and how the tests reach it."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("CHAINRULE_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; the test is skipped where there is none."""
    if not SHARED.is_dir():
        pytest.skip(f"no real data sets at {SHARED}")
    return SHARED
