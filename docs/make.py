"""Make what the pages take from the code: equations, tables, pictures. · 由代码生成文档中的公式、表格与图片。

    python docs/make.py                     refresh every made part of every page
    python docs/make.py --check             name the pages that are not up to date, change nothing
    python docs/make.py --pictures [NAME]   draw the pictures anew, all or those of one file of drawing/

A page is written by hand around parts between `<!-- made: KIND WORDS -->` and `<!-- /made -->`; parts/ has the kinds.
Equations stand in fences of kind `math`: between dollar signs some renderers read the backslashes as Markdown's.
"""

import importlib.util
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PART = re.compile(r"^<!-- made: ([^\n]*) -->\n.*?^<!-- /made -->$", re.MULTILINE | re.DOTALL)


def beside(name: str) -> Any:
    """A package of this folder, or a module of one: no path leads here where tests read it. · 同目录的包或模块。"""
    package = name.partition(".")[0]
    if f"docs_{package}" not in sys.modules:
        start = DOCS / package / "__init__.py"
        spec = importlib.util.spec_from_file_location(f"docs_{package}", start)
        assert spec is not None and spec.loader is not None
        sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[spec.name])
    return import_module(f"docs_{name}")


PARTS = beside("parts").PARTS
PAGES, ROOT = beside("parts.pages").PAGES, beside("parts.pages").ROOT


def refreshed(path: Path) -> str:
    """A page with every made part made anew. · 刷新后的页面。"""

    def make(match: re.Match) -> str:
        kind, *words = match[1].split()
        return f"<!-- made: {match[1]} -->\n{PARTS[kind](path.name, *words)}\n<!-- /made -->"

    return PART.sub(make, path.read_text(encoding="utf-8"))


def pictures(chosen: list[str]) -> None:
    for name in chosen or sorted(path.stem for path in (DOCS / "drawing").glob("[!_]*.py")):
        beside(f"drawing.{name}").draw(DOCS / "pictures")


def main(words: list[str]) -> int:
    if "--pictures" in words:
        pictures([word for word in words if not word.startswith("-")])
    stale = [path for path in PAGES if refreshed(path) != path.read_text(encoding="utf-8")]
    for path in stale:
        print(f"{path.relative_to(ROOT)} {'is not up to date' if '--check' in words else 'written'}")
        if "--check" not in words:
            path.write_text(refreshed(path), encoding="utf-8")
    return int("--check" in words and bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
