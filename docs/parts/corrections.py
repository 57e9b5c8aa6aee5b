"""Corrections of the notes, and the glossary. · 勘误与术语表。"""

import re
from collections.abc import Callable

from .markdown import plain, table
from .pages import DOCS, ROOT


def errata(page: str, first: str = "", last: str = "") -> str:
    """What the notes say, what is right, and which tests and files hold it; all, or from `first` to `last`. · 勘误。"""
    tests = re.compile(r"^def (test_((?:[EZ]\d\d_)+)\w+)", re.MULTILINE)
    held: dict[str, dict[str, None]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for match in tests.finditer(path.read_text(encoding="utf-8")):
            for name in match[2].strip("_").split("_"):
                held.setdefault(name, {})[f"[`{match[1]}`](../{path.relative_to(ROOT).as_posix()})"] = None
    for path in sorted((ROOT / "src").rglob("*.py")):
        for name in sorted(set(re.findall(r"\b[EZ]\d\d\b", path.read_text(encoding="utf-8")))):
            file = path.relative_to(ROOT).as_posix()
            held.setdefault(name, {})[f"[{file.removeprefix('src/chainrule/')}](../{file})"] = None
    rows = []
    for line in (DOCS / "errata.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        name, notes, en, zh = line.split("\t")
        if first and not first <= name <= last:
            continue
        rows.append([name, plain(notes), f"{plain(en)}<br>{plain(zh)}", "<br>".join(held.get(name, {"–": None}))])
    return table(["id", "the notes · 笔记", "right · 正确", "held by · 由何处保证"], rows)


def corrections(page: str, kind: str) -> str:
    """The errata whose id begins with a letter, without their tests. · 一类勘误。"""
    lines = [line.split("\t") for line in (DOCS / "errata.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    rows = [[i, plain(notes), f"{plain(en)}<br>{plain(zh)}"] for i, notes, en, zh in lines if i.startswith(kind)]
    return table(["id", "the notes · 笔记", "right · 正确"], rows)


def terms(page: str, *_: str) -> str:
    """The glossary. · 术语表。"""
    lines = (DOCS / "terms.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [[plain(cell) or "–" for cell in line.split("\t")] for line in lines]
    return table(["term · 术语", "here · 本项目", "elsewhere · 其他译名"], rows)


PARTS: dict[str, Callable[..., str]] = {"errata": errata, "corrections": corrections, "terms": terms}
