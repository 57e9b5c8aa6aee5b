"""What a variational autoencoder makes of the digits: map and grid of its codes. · 变分自编码器的编码地图与网格。"""

from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from chainrule import train

SETTINGS = {"epochs": 40, "size": 16, "lr": 2e-3, "batch_size": 32, "threads": 1}
PICTURES = {"codes.png": ("vae-codes.png", 860), "traversal.png": ("vae-grid.png", 700)}


def draw(folder: Path) -> None:
    with TemporaryDirectory() as place:
        run = train("vae", "digits", model={"latent": 2, "hidden": (256,)}, runs=place, name="vae", **SETTINGS)
        for name, (ours, wide) in PICTURES.items():
            with Image.open(run.path / "report" / name) as image:
                shown = image.convert("RGB").resize(
                    (wide, round(wide * image.height / image.width)), Image.Resampling.LANCZOS
                )
            shown.quantize(64, dither=Image.Dither.NONE).save(folder / ours, optimize=True)
