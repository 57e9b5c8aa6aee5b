"""Training mode for all of a network but what is frozen. · 除冻结部分外进入训练模式。"""

import torch

MARK = "_frozen"  # an attribute of a module that stays in evaluation mode, with all below it


def to_training(network: torch.nn.Module) -> torch.nn.Module:
    """As `train()`, but frozen modules evaluate: norms by the statistics they have, dropout off. · 进入训练模式。

    >>> network = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Dropout())
    >>> setattr(network[0], MARK, True)
    >>> [layer.training for layer in to_training(network)]
    [False, True]
    """
    network.train()
    for module in network.modules():
        if MARK in module.__dict__:
            module.eval()
    return network
