"""An autoencoder as two functions: images to codes and back; codes to images. · 自编码器：编码还原与解码。"""

from os import PathLike
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ... import __version__
from ..parcel import Exported, Parcel, ship
from ..scripts import loads, scripts
from ..shipping import Scaled, pixels
from .kind import CodeFacts

if TYPE_CHECKING:
    from .run import AutoencoderRun

TELLS = """    code, shown = answer(pixels=pixels)
    print(path, f"{np.square(shown - pixels / 255).mean():.6f}", *code[0], sep="\\t")
"""


class Coding(Scaled):
    """Images to their codes, and what is made of them. · 图像到编码及重构。

    pixels uint8 [N, C, H, W]   code float32 [N, D]   image float32 [N, C, H, W] in 0…1
    """

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        network: Any = self.network
        code = network.encode(self.scaled(pixels))
        return code, network.decode(code)


class Decoding(torch.nn.Module):
    """Codes to images. · 由编码得到图像。

    code float32 [N, D]   image float32 [N, C, H, W] in 0…1
    """

    def __init__(self, network: Any):
        super().__init__()
        self.network = network

    def forward(self, code: Tensor) -> tuple[Tensor]:
        return (self.network.decode(code),)


def export(run: "AutoencoderRun", to: str, fold_bn: bool, out: str | PathLike[str] | None) -> Exported:
    """Write the network and its decoder, tried against what they answer here; see `parcel.ship`. · 导出并核对。"""
    facts: CodeFacts = run.facts
    known = {
        "model": run.model,
        "shape": list(facts.shape),
        "fit": facts.fit,
        "latent": run.latent,
        "input": "pixels: uint8 [N, C, H, W], 0 to 255; codes of the decoder: float32 [N, latent]"
        + (", drawn from a standard normal for new images" if run.variational else ""),
        "made_by": f"chainrule {__version__}",
    }

    def codes(size: int) -> tuple[Tensor, ...]:
        return (torch.randn(size, run.latent, generator=torch.Generator().manual_seed(size)),)

    def images(size: int) -> tuple[Tensor, ...]:
        return (pixels(facts.shape, size),)

    body, more = loads(facts.fit) + TELLS, "\nfrom PIL import Image, ImageOps"
    beside = scripts("Errors and codes of images", "IMAGE...", body, needs="", more=more)
    whole = Parcel(Coding(run.network, facts).eval(), ("pixels",), ("code", "image"), images, known, beside)
    decoder = Parcel(Decoding(run.network).eval(), ("code",), ("image",), codes, known, stem="decoder")
    return ship(run, [whole, decoder], to, fold_bn, out)
