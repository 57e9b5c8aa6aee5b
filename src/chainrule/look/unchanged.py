"""Look at learning and leave no trace: afterwards every bit is as before. · 观察学习而不留痕迹：结束后逐位复原。"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch

from ..learn.masks import random_modules
from ..learn.session import session
from ..learn.step import Step


@contextmanager
def unchanged(step: Step) -> Iterator[None]:
    """Within the block a step may learn; behind it weights, buffers, gradients, masks, modes, optimizer, scaler and
    random states are what they were, whatever happened. · 代码块内可训练，结束后一切复原。
    """
    model, optimizer = step.model, step.optimizer
    tensors = [*model.parameters(), *model.buffers()]
    kept = [tensor.detach().clone() for tensor in tensors]
    grads = [None if p.grad is None else (p.grad, p.grad.clone()) for p in model.parameters()]
    modes = [(module, module.training) for module in model.modules()]
    masks = [(module, module.mask) for module in random_modules(model)]
    state, form = deepcopy(optimizer.state_dict()), step.form
    scaler = deepcopy(step.scaler.state_dict()) if step.scaler else None
    with session(torch.initial_seed() % 2**63):
        try:
            yield
        finally:
            with torch.no_grad():
                for now, then in zip(tensors, kept, strict=True):
                    now.copy_(then)
            for p, then in zip(model.parameters(), grads, strict=True):
                p.grad = None if then is None else then[0].copy_(then[1])
            for module, training in modes:
                module.training = training
            for module, mask in masks:
                module.mask = mask
            optimizer.load_state_dict(state)
            if step.scaler and scaler:
                step.scaler.load_state_dict(scaler)
            step.use(form)  # a compiled step must see the state that was put back
