"""Train word2vec as a run: folder, log, checkpoints, report, resume. · 把 word2vec 训练为一次运行。

A stretch of text is a step. One thread repeats bit for bit, wherever it was interrupted: what is drawn is a hash of
(seed, epoch, position), and the tables are the only state. Several threads write into them without locks (Niu et al.
2011, arXiv:1106.5730), so their runs differ in the last digits: the documented exception.
"""

import math
import time
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
import torch

from ..data.corpus import Corpus, read
from ..data.counter import key
from ..data.huffman import Paths, huffman
from ..data.sources import path_of
from ..data.windows import Sampler, Windows
from ..errors import UserError
from ..fields import DEFAULTS
from ..kernels import native, word2vec
from ..runfile import from_file, to_toml
from ..runs import checkpoint
from ..runs import report as reports
from ..runs.durable import WriteFailed
from ..runs.durable import replace as rewrite
from ..runs.folder import RunFolder
from ..runs.log import RunLog, history
from ..runs.log import read as read_log
from ..settings import Settings
from ..zoo.word2vec import Options, arrays, step, tables
from .kind import Kind, OnEvent
from .stop import Request, Stopped, listening
from .word_vectors import WordVectors

TAKES = ("epochs", "seed", "seeds", "lr", "threads", "device", "gear", "name", "runs", "save_every", "keep")
RATES = {False: 0.025, True: 0.075}  # CBOW divides by its neighbours and so needs more: arXiv:2012.15332, section 4
LEAST = 1e-4  # share of the learning rate below which it does not fall
STRETCH, BATCH = 100_000, 64  # positions of a step; windows of a batch of the torch form, fewer for few words


def chosen(settings: Settings) -> Options:
    """The options of the model, checked. · 检查后的模型选项。

    Raises `UserError` for settings that word2vec has no use for and for options out of range, all at once.
    """
    given = dict(settings.model)
    lines = [
        f"{k}={v}: word2vec does not take it; it takes {', '.join(TAKES)} and model.KEY"
        for k, v in settings.values().items()
        if k in DEFAULTS and v != DEFAULTS[k] and k not in TAKES
    ]
    if settings.device not in ("auto", "cpu"):
        lines.append(f"device={settings.device}: word2vec runs on the processor; expected device=cpu or auto")
    for name, least in (("dim", 1), ("window", 1), ("negative", 1), ("min_count", 1), ("max_words", 0)):
        value = given.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            lines.append(f"model.{name}={value!r}: expected an integer of at least {least}")
    for name in ("hs", "cbow", "lower"):
        if not isinstance(value := _truth(given.get(name, False)), bool):
            lines.append(f"model.{name}={value!r}: expected true or false")
        given |= {name: value} if name in given else {}
    sample = given.get("sample", 0.0)
    if isinstance(sample, bool) or not isinstance(sample, int | float) or not 0 <= sample < 1:
        lines.append(f"model.sample={sample!r}: expected a number in [0, 1)")
    if not isinstance(given.get("encoding", ""), str):
        lines.append(f"model.encoding={given['encoding']!r}: expected a name like utf-8")
    if lines:
        raise UserError(*lines)
    return Options(**given)


def _truth(value: Any) -> Any:
    return {"true": True, "false": False, "yes": True, "no": False}.get(str(value).lower(), value)


def corpus_of(source: str, options: Options) -> Corpus:
    """The text that a word names: a file, or the only one in a folder. · 语料。"""
    path = path_of(source)
    if path is None:
        raise UserError(f"data {source!r}: expected the path of a text file, plain, .gz, .bz2 or .xz")
    if path.is_dir():
        files = [
            p for p in sorted(path.iterdir()) if p.is_file() and not p.name.lower().startswith((".", "readme", "licen"))
        ]
        if len(files) != 1:
            raise UserError(f"{source}: a folder of {len(files)} files; expected a text file, or a folder of one")
        path = files[0]
    return read(path, options.min_count, options.max_words, options.lower, options.encoding)


@dataclass
class Position:
    """How far a run is: steps made, epochs done, what the running means are made of. · 运行位置。"""

    step: int = 0
    epochs: int = 0
    loss_sum: float = 0.0
    pairs: int = 0
    words: float = 0.0
    seconds: float = 0.0


class Trainer:
    """One run being trained. · 正在训练的一次运行。"""

    def __init__(self, folder: RunFolder, settings: Settings, corpus: Corpus, on_event: OnEvent | None = None):
        self.folder, self.settings, self.corpus, self.on_event = folder, settings, corpus, on_event
        self.options = chosen(settings)
        counts, o = corpus.vocabulary.counts, self.options
        self.sampler = Sampler.of(counts, o.sample, o.window, o.negative)
        self.tree: Paths | None = huffman(counts) if o.hs else None
        self.E, self.O = tables(len(counts), o.dim, settings.seed, len(counts) - 1 if o.hs else None)
        self.lr = settings.lr or RATES[o.cbow]
        self.threads = settings.threads or torch.get_num_threads()
        self.ids = corpus.ids
        self.stretch = max(1, min(STRETCH, -(-len(self.ids) // 20)))
        self.steps = -(-len(self.ids) // self.stretch)  # of an epoch
        self.position, self.saved = Position(), time.monotonic()
        self.kernel = settings.gear in ("auto", "kernel")
        self.again = f"`chainrule resume {quote(str(folder.path))}`"

    def tell(self, log: RunLog, event: str, **values: Any) -> None:
        log.write(event, step=self.position.step, **values)
        if self.on_event is not None:
            self.on_event({"event": event, "step": self.position.step, **values})

    def ready(self, log: RunLog) -> None:
        """Have the kernel, or say in one line why the torch form runs. · 准备手写核。"""
        if self.kernel:
            try:
                native.load("word2vec")
            except native.Unavailable as error:
                self.kernel = False
                self.tell(log, "note", text=f"no native kernel: {error}; the torch form runs, many times slower")

    # -- on the disk ----------------------------------------------------------------------------------------------

    def save(self, log: RunLog) -> None:
        self.saved = time.monotonic()
        D, state = self.options.dim, asdict(self.position)
        notes = {"position": state, "fingerprint": self.corpus.fingerprint, "settings": self.settings.defining()}
        tensors = {"input.weight": self.E[:, :D], "output.weight": self.O[:, :D]}
        try:
            checkpoint.save(self.folder.checkpoints, self.position.step, tensors, notes, self.settings.keep)
        except WriteFailed as error:
            if not self.position.step:
                raise
            self.tell(log, "note", text=str(error))
        log.sync()

    def take_up(self, log: RunLog) -> None:
        found = checkpoint.load(self.folder.checkpoints, warn=lambda line: self.tell(log, "note", text=line))
        if found.state["fingerprint"] != self.corpus.fingerprint:
            raise UserError(
                f"data {self.corpus.source} is not what run {self.folder.name!r} was trained on: "
                "put it back or train a new run"
            )
        then, now = found.state["settings"], self.settings.defining()
        changed = [f"{k} {then[k]} → {now[k]}" for k in now if k in then and then[k] != now[k]]
        if changed:
            raise UserError(
                f"{self.folder.run_toml} was changed ({', '.join(changed)}): put it back, or train a new run"
            )
        position = Position(**found.state["position"])
        if self.settings.epochs < position.epochs:
            raise UserError(
                f"epochs={self.settings.epochs}: run {self.folder.name!r} has trained {position.epochs} already; "
                f"expected at least {position.epochs}, or train a new run"
            )
        self.position, D = position, self.options.dim
        self.E[:, :D], self.O[:, :D] = found.tensors["input.weight"], found.tensors["output.weight"]
        self.tell(log, "resume")

    # -- training -------------------------------------------------------------------------------------------------

    def rate(self, place: np.ndarray | float) -> Any:
        """The learning rate falls in a line over the words of all epochs. · 学习率随词数线性下降。"""
        part = (self.position.epochs * len(self.ids) + place) / (self.settings.epochs * len(self.ids))
        return self.lr * np.maximum(LEAST, 1 - part)

    def run(self, log: RunLog) -> None:
        with listening(self.again) as request:
            while self.position.epochs < self.settings.epochs:
                at = self.position.step - self.position.epochs * self.steps
                if at == self.steps:
                    self.judge(log)
                else:
                    self.update(log, at)
                self.heed(request, log)

    def update(self, log: RunLog, at: int) -> None:
        """One stretch of text."""
        began, position = time.perf_counter(), self.position
        begin, end = at * self.stretch, min(len(self.ids), (at + 1) * self.stretch)
        draws = key(self.settings.seed, position.epochs)
        loss, pairs = (self.by_kernel if self.kernel else self.by_torch)(begin, end, draws)
        words = self.corpus.words * (end - begin) / len(self.ids)
        position.seconds += (took := time.perf_counter() - began)
        position.loss_sum, position.pairs = position.loss_sum + loss, position.pairs + pairs
        position.words += words
        position.step += 1
        if not math.isfinite(loss):
            self.tell(log, "stop", reason=f"loss {loss}")
            raise UserError(
                f"loss {loss} at step {position.step}: a smaller lr than {self.lr:g} may help; {self.again}"
            )
        if position.step % max(1, self.steps // 20) == 0:
            self.tell(
                log,
                "step",
                epoch=position.step / self.steps,
                loss=loss / max(pairs, 1),
                lr=float(self.rate(end)),
                words_per_second=round(words / took),
                seconds=position.seconds,
            )

    def by_kernel(self, begin: int, end: int, draws: int) -> tuple[float, int]:
        o, n = self.options, len(self.ids)
        done = word2vec.train(
            self.E,
            self.O,
            arrays(self.sampler, self.tree) | {"ids": self.ids},
            self.threads,
            begin=begin,
            end=end,
            window=o.window,
            negative=o.negative,
            cbow=o.cbow,
            key=draws,
            lr=self.lr,
            least=LEAST,
            done=self.position.epochs * n,
            total=self.settings.epochs * n,
        )
        return done.loss, done.pairs

    def by_torch(self, begin: int, end: int, draws: int) -> tuple[float, int]:
        """The formulas themselves, some windows at once."""
        windows = self.sampler.draw(self.ids, begin, end, draws)
        loss, size = 0.0, max(1, min(BATCH, len(self.sampler.keep) // 4))  # what one row gets in a batch adds up
        for i in range(0, len(windows.word), size):
            part = Windows(*[getattr(windows, f.name)[i : i + size] for f in fields(windows)])
            loss += step(self.E, self.O, part, self.rate(part.place), self.options.cbow, self.padded) * len(part.word)
        return loss, len(windows.word)

    @cached_property
    def padded(self) -> Any:
        return None if self.tree is None else tuple(map(torch.from_numpy, self.tree.padded()))

    def judge(self, log: RunLog) -> None:
        """The end of an epoch."""
        position = self.position
        position.epochs += 1
        loss = position.loss_sum / max(position.pairs, 1)
        figures = {"train_loss": loss, "words_per_second": round(position.words / max(position.seconds, 1e-9))}
        position.loss_sum, position.pairs = 0.0, 0
        lr = float(self.rate(0.0)) if position.epochs < self.settings.epochs else self.lr * LEAST
        self.tell(log, "epoch", epoch=position.epochs, lr=lr, seconds=position.seconds, **figures)
        self.save(log)

    def heed(self, request: Request, log: RunLog) -> None:
        if request:
            self.save(log)
            self.tell(log, "stop", reason="asked to")
            raise Stopped(f"stopped at step {self.position.step}; {self.again} goes on from here", request.number or 0)
        if time.monotonic() - self.saved >= self.settings.save_every:
            self.save(log)


class VectorRun:
    """A trained word2vec run: its figures and its vectors. · 一次已训练的 word2vec 运行。"""

    weights = "last"
    use_it = ("vectors", "nearest WORD")

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
    trainer.tell(log, "start", metric="train_loss", mode="min", **known)
    trainer.save(log)
    return _finish(trainer, log)


def _finish(trainer: Trainer, log: RunLog) -> VectorRun:
    trainer.run(log)
    trainer.save(log)
    trainer.tell(log, "finish", epoch=trainer.position.epochs)
    log.sync()
    run = VectorRun(trainer.folder)
    run.write_report()
    return run
