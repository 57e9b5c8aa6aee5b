"""The harness of kills.py as tests call it, in a process of its own."""

import subprocess
import sys
from pathlib import Path

HARNESS = Path(__file__).with_name("kills.py")


def killed(folder: Path, kills: int, *words: str, seconds: int = 1500) -> str:
    """What it says after so many kills, none of which changed a bit; words are MODEL or MODEL@DATA, then settings."""
    command = [sys.executable, str(HARNESS), str(folder), str(kills), "0", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, cwd=HARNESS.parent)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
