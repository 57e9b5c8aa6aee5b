"""Autoencoders of the digits: map and grid of codes, samples, noise seen through. · 自编码器的地图、抽样与去噪。"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from chainrule import train

SETTINGS: dict[str, Any] = {"size": 16, "lr": 2e-3, "batch_size": 32, "threads": 1}
VAE = {"epochs": 40, "model": {"latent": 2, "hidden": (256,)}} | SETTINGS
PICTURES = {"codes.png": ("vae-codes.png", 860), "traversal.png": ("vae-grid.png", 700)}
PICTURES |= {"samples.png": ("vae-samples.png", 520)}
DENOISED = {"reconstructions.png": ("denoised.png", 860)}


def draw(folder: Path) -> None:
    with TemporaryDirectory() as place:
        shrunk(train("vae", "digits", runs=place, name="vae", **VAE), PICTURES, folder)
        run = train("denoising_autoencoder", "digits", epochs=30, runs=place, name="denoising", **SETTINGS)
        shrunk(run, DENOISED, folder)


def shrunk(run: Any, pictures: dict[str, tuple[str, int]], folder: Path) -> None:
    """Pictures of a report as a page shows them. · 报告图片缩小后用于页面。"""
    for name, (ours, wide) in pictures.items():
        with Image.open(run.path / "report" / name) as image:
            shown = image.convert("RGB").resize(
                (wide, round(wide * image.height / image.width)), Image.Resampling.LANCZOS
            )
        shown.quantize(64, dither=Image.Dither.NONE).save(folder / ours, optimize=True)
