"""Thousands of flushes are tried here: in memory where the machine has a file system there. · 尽量在内存盘上测试。"""

import os
import tempfile
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")


@pytest.fixture
def tmp_path(tmp_path):
    if not (_MEMORY.is_dir() and os.access(_MEMORY, os.W_OK)):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=_MEMORY, prefix="chainrule-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
