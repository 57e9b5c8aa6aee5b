"""Small data sets made on the spot: IDX files and folders of images."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def idx_bytes(array: np.ndarray, code: int = 8) -> bytes:
    """The IDX file of an array whose values are written as they are."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.tobytes()


@pytest.fixture
def idx():
    """array → the bytes of its IDX file."""
    return idx_bytes


@pytest.fixture
def idx_folder(tmp_path):
    """A folder with a small, faultless IDX set: 40 + 10 images of 6×5 in 4 classes, test files gzip'd."""
    folder = tmp_path / "set"
    folder.mkdir()
    for name, n in (("train", 40), ("t10k", 10)):
        images = (np.arange(n * 30) * 7 % 256).astype(np.uint8).reshape(n, 6, 5)
        labels = (np.arange(n) % 4).astype(np.uint8)
        for kind, array in (("images", images), ("labels", labels)):
            data = idx_bytes(array)
            file = folder / f"{name}-{kind}-idx{array.ndim}-ubyte"
            if name == "t10k":
                file = file.with_name(file.name + ".gz")
                data = gzip.compress(data)
            file.write_bytes(data)
    return folder


def picture(path: Path, size: tuple[int, int] = (8, 6), mode: str = "RGB", seed: int = 0, **options) -> Path:
    """Write an image of noise, of (width, height); give its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(path, **options)
    return path


@pytest.fixture
def paint():
    """(path, size, mode, seed, …) → a picture written there."""
    return picture


@pytest.fixture
def pictures(tmp_path):
    """A folder with a faultless set: cat and dog, 10 pictures of 8×6 (width × height) each."""
    root = tmp_path / "pets"
    for c, name in enumerate(("cat", "dog")):
        for i in range(10):
            picture(root / name / f"{i:02}.png", seed=10 * c + i)
    return root
