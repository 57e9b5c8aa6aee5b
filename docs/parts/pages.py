"""Where the pages are. · 页面所在。"""

from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
PAGES = [*ROOT.glob("*.md"), *DOCS.glob("*.md")]


def text_of(name: str) -> str:
    return next(path for path in PAGES if path.name == name).read_text(encoding="utf-8")
