"""Layers with torch's names, constructors, keys and seeds, each computing formulas. · 与 torch 同名的层，由公式计算。

Containers hold no mathematics and are torch's own.
"""

from torch.nn import Flatten, Identity, ModuleDict, ModuleList, Sequential, Unflatten

from .activation import ELU, GELU, Mish, Sigmoid, SiLU, Softplus, Tanh
from .convolution import Conv1d, Conv2d, ConvTranspose2d, DepthwiseSeparableConv2d
from .historic import PartialConv2d, RadialBasis, ScaledTanh, Subsample2d
from .linear import Linear
from .piecewise import Hardsigmoid, Hardswish, Hardtanh, LeakyReLU, PReLU, ReLU, ReLU6
from .pooling import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from .resampling import ReflectionPad2d, Upsample, ZeroPad2d
from .softmax import LogSoftmax, Softmax

__all__ = [
    "ELU",
    "GELU",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "DepthwiseSeparableConv2d",
    "Flatten",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "Identity",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "Mish",
    "ModuleDict",
    "ModuleList",
    "PReLU",
    "PartialConv2d",
    "RadialBasis",
    "ReLU",
    "ReLU6",
    "ReflectionPad2d",
    "ScaledTanh",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Subsample2d",
    "Tanh",
    "Unflatten",
    "Upsample",
    "ZeroPad2d",
]
