"""Word vectors as runs: folder, log, checkpoints, report, resume, and what one can ask of them. · 词向量的运行。"""

from functools import cached_property
from pathlib import Path
from typing import Any

from ...data.corpus import Corpus, read
from ...data.text_names import RUNNING, text_path
from ...errors import UserError
from ...runfile import from_file, to_toml
from ...runs import checkpoint
from ...runs import report as reports
from ...runs.durable import replace as rewrite
from ...runs.folder import RunFolder
from ...runs.log import RunLog, history
from ...runs.log import read as read_log
from ...settings import Settings
from ...zoo.word2vec import Options
from ..kind import Kind, OnEvent
from .training import Trainer, chosen
from .vectors import WordVectors


def corpus_of(source: str, options: Options) -> Corpus:
    """The text that a word names: a file, or the only one in a folder. · 语料。"""
    path = text_path(source)
    if path is None:
        raise UserError(
            f"data {source!r}: expected {', '.join(RUNNING)}, or the path of a text file, plain, .gz, .bz2 or .xz"
        )
    if path.is_dir():
        files = [
            p for p in sorted(path.iterdir()) if p.is_file() and not p.name.lower().startswith((".", "readme", "licen"))
        ]
        if len(files) != 1:
            raise UserError(f"{source}: a folder of {len(files)} files; expected a text file, or a folder of one")
        path = files[0]
    return read(path, options.min_count, options.max_words, options.lower, options.encoding)


class VectorRun:
    """A trained word2vec run: its figures and its vectors. · 一次已训练的 word2vec 运行。"""

    weights = "last"
    use_it = ("vectors", "nearest WORD")
    instead = {
        "export": ("its vectors are a file of words and numbers", "vectors", "export"),
        "evaluate": ("its vectors are judged by analogies and pairs of words", "vectors", "evaluate"),
    }

    def __init__(self, folder: RunFolder, which: str = "last"):
        self.folder = folder
        self.model, self.data, self.settings = from_file(folder.run_toml)

    @property
    def path(self) -> Path:
        return self.folder.path

    @property
    def metrics(self) -> dict[str, float]:
        return reports.metrics_of(self.folder)

    @property
    def finished(self) -> dict[str, Any]:
        """The event that ended the run; empty while it goes on. · 结束事件。"""
        return next((e for e in reversed(history(read_log(self.folder.log))) if e["event"] == "finish"), {})

    @cached_property
    def vectors(self) -> WordVectors:
        """Words and the rows of E. Raises `UserError` where the run's files do not fit each other. · 词向量。"""
        file = self.path / "vocabulary.tsv"
        try:
            rows = file.read_text(encoding="utf-8").split("\n")[:-1]
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{file}: cannot be read ({error}); expected the vocabulary of the run") from None
        words = tuple(row.partition("\t")[0] for row in rows)
        weight = checkpoint.load(self.folder.checkpoints).tensors.get("input.weight")
        if weight is None or len(weight) != len(words):
            have = "none" if weight is None else f"{len(weight):,}"
            raise UserError(f"{file}: {len(words):,} words, and the checkpoint holds {have}; restore the run's files")
        return WordVectors(words, weight.numpy())

    def write_report(self) -> list[Path]:
        """The report again, from the log and the vectors. · 重写报告。"""
        from .word_tests import figures

        return reports.write(self.folder, figures(self))


class Vectors(Kind):
    """Word vectors: a training of its own, over stretches of text. · 词向量。"""

    run = VectorRun

    def train(self, model: str, source: str, settings: Settings, on_event: OnEvent | None = None) -> VectorRun:
        corpus = corpus_of(source, chosen(settings))
        text, data = to_toml(model, source, settings), Path(source).name.partition(".")[0]
        folder = RunFolder.create(Path(settings.runs), settings.name, text, model, data)
        with folder.lock(), RunLog(folder.log) as log:
            return _begin(Trainer(folder, settings, corpus, on_event), log, model, source)

    def resume(self, folder: RunFolder, source: str, settings: Settings, on_event: OnEvent | None = None) -> VectorRun:
        model = from_file(folder.run_toml)[0]
        with folder.lock(), RunLog(folder.log) as log:
            trainer = Trainer(folder, settings, corpus_of(source, chosen(settings)), on_event)
            if not list(folder.checkpoints.glob("step-*")):
                return _begin(trainer, log, model, source)
            trainer.ready(log)
            trainer.take_up(log)
            rewrite(folder.run_toml, to_toml(model, source, settings).encode())
            return _finish(trainer, log)


def _begin(trainer: Trainer, log: RunLog, model: str, source: str) -> VectorRun:
    words = trainer.corpus.vocabulary
    table = "".join(f"{word}\t{count}\n" for word, count in zip(words.words, words.counts, strict=True))
    rewrite(trainer.folder.path / "vocabulary.tsv", table.encode())
    trainer.ready(log)
    known = {"model": model, "data": source, "seed": trainer.settings.seed, "device": "cpu", "precision": "fp32"}
    known |= {"parameters": (len(trainer.E) + len(trainer.O)) * trainer.options.dim, "words": trainer.corpus.words}
    known |= {"gear": "kernel" if trainer.kernel else "formula", "vocabulary": len(words), "threads": trainer.threads}
    trainer.begin(log, **known)
    return _finish(trainer, log)


def _finish(trainer: Trainer, log: RunLog) -> VectorRun:
    trainer.run(log)
    trainer.tell(log, "finish", epoch=trainer.position.epochs)
    log.sync()
    run = VectorRun(trainer.folder)
    trainer.report(run, log)
    return run
