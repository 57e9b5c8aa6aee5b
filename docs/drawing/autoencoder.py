"""The convolutional autoencoder of MNIST: its codes, and digits made again. · MNIST 卷积自编码器的编码与重构。"""

from pathlib import Path
from tempfile import TemporaryDirectory

from chainrule import train

from .unsupervised import shrunk

PICTURES = {"codes.png": ("mnist-codes.png", 720), "reconstructions.png": ("mnist-again.png", 1000)}


def draw(folder: Path) -> None:
    """As recipes/mnist-conv-autoencoder.toml says; some minutes. · 按配方训练并绘制。"""
    with TemporaryDirectory() as place:
        model = {"latent": 10, "channels": (16, 32)}
        settings = {"epochs": 4, "batch_size": 128, "lr": 2e-3, "schedule": "cosine", "channels_last": True}
        run = train("conv_autoencoder", "mnist", runs=place, name="mnist", threads=1, model=model, **settings)
        shrunk(run, PICTURES, folder)
