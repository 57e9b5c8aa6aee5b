"""Neural networks whose mathematics you can read, prove and run at full speed. · 可读、可证、可全速运行的神经网络数学。

Nothing heavy is imported until it is asked for: `import chainrule` does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .gear import gear, set_gear

if TYPE_CHECKING:
    from . import data as data
    from . import look as look
    from . import nn as nn
    from . import optim as optim
    from . import zoo as zoo
    from .learn.folds import train_folds as train_folds
    from .learn.run import open_run as open_run
    from .learn.run import resume as resume
    from .learn.run import spread as spread
    from .learn.run import train as train
    from .learn.run import train_seeds as train_seeds
    from .look.range_test import find_lr as find_lr
    from .settings import Settings as Settings

__version__ = "0.1.0"

_LAZY = {
    "nn": "chainrule.nn",
    "optim": "chainrule.optim",
    "zoo": "chainrule.zoo",
    "data": "chainrule.data",
    "look": "chainrule.look",
    "find_lr": "chainrule.look.range_test:find_lr",
    "train": "chainrule.learn.run:train",
    "train_seeds": "chainrule.learn.run:train_seeds",
    "train_folds": "chainrule.learn.folds:train_folds",
    "spread": "chainrule.learn.run:spread",
    "resume": "chainrule.learn.run:resume",
    "open_run": "chainrule.learn.run:open_run",
    "Settings": "chainrule.settings:Settings",
}

__all__ = [
    "Settings",
    "__version__",
    "data",
    "find_lr",
    "gear",
    "look",
    "nn",
    "open_run",
    "optim",
    "resume",
    "set_gear",
    "spread",
    "train",
    "train_folds",
    "train_seeds",
    "zoo",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'chainrule' has no attribute {name!r}")
    module, _, attribute = _LAZY[name].partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found
