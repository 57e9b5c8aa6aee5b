"""What one can ask of a run that learned codes of images. · 可以问一次自编码器运行的问题。"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...data.dataset import read_image
from ...data.files import absent, images
from ...errors import UserError
from ..parcel import Exported
from ..trained import Run, tell_faults

BATCH = 256


@dataclass(frozen=True)
class Code:
    """The code of one image file, and the mean squared error of a pixel made of it. · 图像的编码与重构误差。"""

    path: Path
    code: tuple[float, ...]
    mse: float


class AutoencoderRun(Run):
    """A run that learned codes of images. · 一次学习图像编码的运行。"""

    use_it = ("predict", "IMAGE…")
    decides = "mse"

    @property
    def variational(self) -> bool:
        """Whether its codes are drawn, so that new images can be. · 是否可以抽样生成。"""
        return bool(self.network.variational)  # pyright: ignore[reportArgumentType]

    @property
    def classes(self) -> tuple[str, ...]:
        return self.facts.classes

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """Codes [N, D] of images [N, C, H, W] in 0…1. · 编码。"""
        network: Any = self.network
        return torch.cat([network.encode(part) for part in x.split(BATCH)])

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """Images [N, C, H, W] in 0…1 of codes [N, D]. · 由编码得到图像。"""
        network: Any = self.network
        return torch.cat([network.decode(part) for part in z.split(BATCH)])

    @property
    def latent(self) -> int:
        """Numbers of a code. · 编码维数。"""
        return self.encode(torch.zeros(1, *self.facts.shape)).shape[1]

    def sample(self, count: int = 64, seed: int = 0) -> Tensor:
        """New images [N, C, H, W] in 0…1, of codes drawn from N(0, 1). · 抽样生成新图像。

        Raises `UserError` for a count below 1, and for an autoencoder whose codes have no distribution.
        """
        if count < 1:
            raise UserError(f"count={count}: expected an integer of at least 1")
        if not self.variational:
            raise UserError(
                f"run {self.folder.name!r} ({self.model}) has codes of no known distribution: expected a variational "
                "autoencoder; chainrule train vae DATA makes one"
            )
        return self.decode(torch.randn(count, self.latent, generator=torch.Generator().manual_seed(seed)))

    def predict(
        self, paths: str | PathLike[str] | Iterable[str | PathLike[str]], broken: list[str] | None = None
    ) -> list[Code]:
        """The codes of image files, of all images in folders, and of patterns like "a/*.png". · 图像文件的编码。

        Raises `UserError` with a line for each file that is no image; a list `broken` takes those lines instead.
        """
        faults: list[str] = []
        found = list(self.stream(paths, faults))
        tell_faults(faults, broken)
        return found

    def stream(self, paths: str | PathLike[str] | Iterable[str | PathLike[str]], broken: list[str]) -> Iterator[Code]:
        """The same one by one; a line for each file that is no image goes to `broken`. · 逐个给出编码。

        Raises `UserError` for paths that are not there.
        """
        several = [fspath(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)]
        if lines := absent(several):
            raise UserError(*lines)
        facts = self.facts
        for file in images(several, broken):
            try:
                x = read_image(file, facts.shape[1:], facts.shape[0], facts.mean, facts.std, facts.fit)
            except UserError as error:
                broken += error.lines
                continue
            z = self.encode(x)
            yield Code(file, tuple(z[0].tolist()), float((self.decode(z) - x).square().mean()))

    def export(self, to: str = "onnx", fold_bn: bool = False, out: str | PathLike[str] | None = None) -> Exported:
        """Write it for use elsewhere: "onnx", "torch" or "safetensors"; see `shipping.export` here. · 导出。"""
        from .shipping import export

        return export(self, to, fold_bn, out)
