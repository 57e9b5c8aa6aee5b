"""How good word vectors are, on the tests that are at hand: analogies and pairs of words. · 词向量的评测集。"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...data.sources import path_of
from ...errors import UserError
from ...runs.log import read
from .vectors import COMMON, WordVectors

if TYPE_CHECKING:
    from .kind import VectorRun

ANALOGIES = ("questions-words.txt",)
PAIRS = ("wordsim353.tsv", "simlex999.txt")
HOME = "word-eval"
KEPT = {"train_loss": "train_loss", "train_words_per_second": "words_per_second"}  # figure → of the last epoch


def tests(place: str | None = None) -> list[Path]:
    """The test files in a folder, by default $CHAINRULE_DATA/word-eval; or the one file that is named. · 评测文件。

    Raises `UserError` where there is none.
    """
    path = path_of(place or HOME)
    if path is not None and path.is_file():
        return [path]
    found = [path / name for name in (*ANALOGIES, *PAIRS) if (path / name).is_file()] if path else []
    if not found:
        raise UserError(
            f"{place or '$CHAINRULE_DATA/' + HOME}: there is none of {', '.join((*ANALOGIES, *PAIRS))}; name a folder "
            "that holds them, or a file of analogies or pairs"
        )
    return found


def judged(vectors: WordVectors, files: list[Path], top: int = COMMON) -> Iterator[dict[str, Any]]:
    """A row for each kind of question and each list of pairs. · 逐项结果。

    >>> list(judged(WordVectors((), __import__("numpy").zeros((0, 2))), []))
    []
    """
    for file in files:
        if _is_pairs(file):
            found = vectors.evaluate_word_pairs(file)
            yield {"test": file.stem, "figure": "rho", "value": found.rho, "used": found.used, "skipped": found.skipped}
            continue
        sections = vectors.evaluate_word_analogies(file, top)
        for s in sections:
            yield {"test": s.name, **_share(s.right, s.asked, s.skipped)}
        if len(sections) > 1:
            sums = [sum(getattr(s, name) for s in sections) for name in ("right", "asked", "skipped")]
            yield {"test": file.stem, **_share(*sums)}


def _share(right: int, asked: int, skipped: int) -> dict[str, Any]:
    value = right / asked if asked else float("nan")
    return {"figure": "accuracy", "value": value, "used": asked, "skipped": skipped}


def _is_pairs(file: Path) -> bool:
    """Pairs end with a number, questions with a word."""
    try:
        lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
    line = next((line for line in lines if line.strip() and not line.startswith(("#", ":"))), "")
    try:
        float((line.replace(",", " ").split() or [""])[-1])
    except ValueError:
        return False
    return True


def figures(run: "VectorRun") -> dict[str, float]:
    """The figures of a run's report: loss, speed, and the tests where they are at hand. · 报告中的指标。"""
    found: dict[str, float] = {}
    for event in read(run.folder.log):
        if event["event"] == "epoch":
            found = {name: float(event.get(key, "nan")) for name, key in KEPT.items()}
    try:
        files = tests()
    except UserError:
        return found
    names = {Path(name).stem: name for name in (*ANALOGIES, *PAIRS)}
    for row in judged(run.vectors, files):
        if row["test"] in names and row["value"] == row["value"]:
            stem = f"test_{row['test'].replace('-', '_')}"
            found |= {f"{stem}_{row['figure']}": row["value"], f"{stem}_count": float(row["used"])}
    return found
