"""Autoencoders by name, without importing torch: a part of the catalogue. · 自编码器的目录。"""

from collections.abc import Mapping
from typing import Any

from ..entry import Entry

DENSE_CODER = {
    "shape": (1, 32, 32),
    "latent": 16,
    "hidden": (512, 256),
    "activation": "relu",
    "likelihood": "bernoulli",
}
CONV_CODER = {"shape": (1, 32, 32), "latent": 16, "channels": (32, 64), "activation": "relu", "likelihood": "bernoulli"}
CORRUPTED = {"noise": 0.0, "corruption": "mask"}
DRAWN = {"beta": 1.0, "std": 0.1}


def coder(name: str, options: Mapping[str, Any], counted: tuple[int, int], en: str, zh: str) -> dict[str, Entry]:
    """An autoencoder; counted for images of 1×32×32. · 自编码器的条目。

    >>> coder("vae", DENSE_CODER, (0, 0), "drawn codes", "随机编码")["vae"].kind
    'unsupervised'
    """
    room = f"chainrule.zoo.autoencoder:{name}"
    return {name: Entry(room, en, zh, options, None, *counted, kind="unsupervised")}


CODERS = {
    **coder(
        "autoencoder",
        DENSE_CODER | CORRUPTED,
        (1_321_488, 1_318_912),
        "images to a code and back",
        "自编码器：图像到编码再还原",
    ),
    **coder(
        "denoising_autoencoder",
        DENSE_CODER | CORRUPTED | {"noise": 0.3},
        (1_321_488, 1_318_912),
        "the same, which has to see through noise",
        "去噪自编码器",
    ),
    **coder(
        "conv_autoencoder", CONV_CODER | CORRUPTED, (201_873, 4_587_520), "the same of convolutions", "卷积自编码器"
    ),
    **coder(
        "vae",
        DENSE_CODER | DRAWN,
        (1_325_600, 1_323_008),
        "variational autoencoder: codes are drawn",
        "变分自编码器：随机编码",
    ),
    **coder(
        "conv_vae",
        CONV_CODER | DRAWN,
        (267_425, 4_653_056),
        "variational autoencoder of convolutions",
        "卷积变分自编码器",
    ),
}
