"""What a kind of learning brings to a run; folders, logs, checkpoints and the command line are shared. · 学习的种类。

A kind that learns step by step from batches is a `looped.Looped`; one with a training of its own (word vectors) answers
`train` and `resume` by itself.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from .. import catalog
from ..errors import UserError
from ..fields import DEFAULTS, Labelling
from ..runs.folder import RunFolder
from ..settings import Settings

OnEvent = Callable[[dict[str, Any]], None]


class Kind:
    """One kind of learning: how it trains, and what one can ask of its runs. · 一种学习。

    run      the class of its runs, made of (folder, which weights)
    useless  settings that it has no use for: one that is given is refused
    few      whether it can learn from a few labels beside samples without
    """

    run: ClassVar[Any]
    useless: ClassVar[tuple[str, ...]] = ()
    few: ClassVar[bool] = False

    def check(self, model: str, settings: Settings) -> None:
        """Refuse settings that this kind has no use for, all at once. · 拒绝无用的设置。"""
        given = settings.values()
        useless = self.useless if self.few else (*self.useless, *Labelling.__dataclass_fields__)
        lines = [
            f"{key}={given[key]}: {model} has no use for it; leave it out"
            for key in dict.fromkeys(useless)
            if given[key] != DEFAULTS[key]
        ]
        if lines:
            raise UserError(*lines)

    def train(self, model: str, source: str, settings: Settings, on_event: OnEvent | None = None) -> Any:
        """A new run, trained to the end. · 新建并完成一次运行。"""
        raise NotImplementedError

    def resume(self, folder: RunFolder, source: str, settings: Settings, on_event: OnEvent | None = None) -> Any:
        """The run of that folder, gone on with; `settings` are its own with the changes. · 续训。"""
        raise NotImplementedError


def of(model: str) -> Any:
    """The kind of a model, by its name. · 模型的学习种类。

    >>> type(of("lenet5")).__name__
    'Images'
    """
    return catalog.KINDS[catalog.kind(model)].load()()
