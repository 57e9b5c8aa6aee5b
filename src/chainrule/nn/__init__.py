"""Layers with torch's names, constructors, keys and seeds, each computing formulas. · 与 torch 同名的层，由公式计算。

Containers hold no mathematics and are torch's own.
"""

from torch.nn import Flatten, Identity, ModuleDict, ModuleList, Sequential, Unflatten

from . import functional as functional
from . import init as init
from .activation import ELU, GELU, Mish, Sigmoid, SiLU, Softplus, Tanh
from .additive import AdditiveAttention, LuongAttention
from .convolution import Conv1d, Conv2d, ConvTranspose2d, DepthwiseSeparableConv2d
from .cross_entropy import CrossEntropyLoss, NLLLoss
from .dropout import Dropout, Dropout2d, StochasticDepth
from .embedding import Embedding
from .entropy import BCELoss, BCEWithLogitsLoss, KLDivLoss
from .graph_convolution import ChebConv, GATConv, GCNConv, GINConv, SAGEConv
from .historic import PartialConv2d, RadialBasis, ScaledTanh, Subsample2d
from .layer_norm import GroupNorm, LayerNorm, RMSNorm
from .linear import Linear
from .loss import HuberLoss, L1Loss, MSELoss, SmoothL1Loss
from .multihead import MultiheadAttention
from .normalization import BatchNorm1d, BatchNorm2d, InstanceNorm2d
from .piecewise import Hardsigmoid, Hardswish, Hardtanh, LeakyReLU, PReLU, ReLU, ReLU6
from .pooling import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from .positions import SinusoidalPositions
from .recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, PeepholeLSTM, RNNCell
from .resampling import ReflectionPad2d, Upsample, ZeroPad2d
from .response import LocalResponseNorm
from .softmax import LogSoftmax, Softmax
from .transformer import (
    Transformer,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)

__all__ = [
    "ELU",
    "GATConv",
    "GCNConv",
    "GELU",
    "GINConv",
    "AdditiveAttention",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "ChebConv",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "DepthwiseSeparableConv2d",
    "Dropout",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "GroupNorm",
    "GRU",
    "GRUCell",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HuberLoss",
    "Identity",
    "InstanceNorm2d",
    "KLDivLoss",
    "L1Loss",
    "LSTM",
    "LSTMCell",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "LogSoftmax",
    "LuongAttention",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "Mish",
    "MultiheadAttention",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "PReLU",
    "PartialConv2d",
    "PeepholeLSTM",
    "RMSNorm",
    "RNN",
    "RNNCell",
    "RadialBasis",
    "ReLU",
    "ReLU6",
    "ReflectionPad2d",
    "ScaledTanh",
    "Sequential",
    "SAGEConv",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositions",
    "SmoothL1Loss",
    "Softmax",
    "Softplus",
    "StochasticDepth",
    "Subsample2d",
    "Tanh",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "Unflatten",
    "Upsample",
    "ZeroPad2d",
]
