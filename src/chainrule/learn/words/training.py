"""The training of word2vec: stretch by stretch of the text, by the kernel or by the formulas. · word2vec 的训练。

A stretch of text is a step. One thread repeats bit for bit, wherever it was interrupted: what is drawn is a hash of
(seed, epoch, position), and the tables are the only state. Several threads write into them without locks (Niu et al.
2011, arXiv:1106.5730), so their runs differ in the last digits: the documented exception.
"""

import math
import time
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...data.corpus import Corpus
from ...data.counter import key
from ...data.huffman import Paths, huffman
from ...data.windows import Sampler, Windows
from ...errors import UserError
from ...fields import DEFAULTS
from ...kernels import native, word2vec
from ...runs.folder import RunFolder
from ...runs.log import RunLog
from ...settings import Settings
from ...zoo.word2vec import Options, arrays, step, tables
from ..keeping import Keeping
from ..kind import OnEvent

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


@dataclass
class Position:
    """How far a run is: steps made, epochs done, what the running means are made of. · 运行位置。"""

    step: int = 0
    epochs: int = 0
    loss_sum: float = 0.0
    pairs: int = 0
    words: float = 0.0
    seconds: float = 0.0


class Trainer(Keeping):
    """One run being trained. · 正在训练的一次运行。"""

    def __init__(self, folder: RunFolder, settings: Settings, corpus: Corpus, on_event: OnEvent | None = None):
        super().__init__(folder, settings, corpus, on_event)
        self.corpus, self.options = corpus, chosen(settings)
        counts, o = corpus.vocabulary.counts, self.options
        self.sampler = Sampler.of(counts, o.sample, o.window, o.negative)
        self.tree: Paths | None = huffman(counts) if o.hs else None
        self.E, self.O = tables(len(counts), o.dim, settings.seed, len(counts) - 1 if o.hs else None)
        self.lr = settings.lr or RATES[o.cbow]
        self.threads = settings.threads or torch.get_num_threads()
        self.ids = corpus.ids
        self.stretch = max(1, min(STRETCH, -(-len(self.ids) // 20)))
        self.steps = -(-len(self.ids) // self.stretch)  # of an epoch
        self.position = Position()
        self.kernel = settings.gear in ("auto", "kernel")

    def ready(self, log: RunLog) -> None:
        """Have the kernel, or say in one line why the torch form runs. · 准备手写核。"""
        if self.kernel:
            try:
                native.load("word2vec")
            except native.Unavailable as error:
                self.kernel = False
                self.tell(log, "note", text=f"no native kernel: {error}; the torch form runs, many times slower")

    # -- on the disk ----------------------------------------------------------------------------------------------

    def kept(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        D = self.options.dim
        tensors = {"input.weight": self.E[:, :D], "output.weight": self.O[:, :D]}
        return tensors, {"position": asdict(self.position), "facts": {"fingerprint": self.corpus.fingerprint}}

    def take_up(self, log: RunLog) -> None:
        found, D = self.found(log), self.options.dim
        self.unchanged(found.state)
        self.position = Position(**found.state["position"])
        self.E[:, :D], self.O[:, :D] = found.tensors["input.weight"], found.tensors["output.weight"]
        self.tell(log, "resume")

    # -- training -------------------------------------------------------------------------------------------------

    def rate(self, place: np.ndarray | float) -> Any:
        """The learning rate falls in a line over the words of all epochs. · 学习率随词数线性下降。"""
        part = (self.position.epochs * len(self.ids) + place) / (self.settings.epochs * len(self.ids))
        return self.lr * np.maximum(LEAST, 1 - part)

    def advance(self, log: RunLog) -> None:
        at = self.position.step - self.position.epochs * self.steps
        if at == self.steps:
            self.judge(log)
        else:
            self.update(log, at)

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
