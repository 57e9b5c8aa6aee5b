"""What is set aside of a set without parts of its own, as the settings say. · 按设置留出。"""

from ..data.held import Held
from ..errors import UserError
from ..settings import Settings


def held(settings: Settings, samples: str) -> Held:
    """What is set aside by these settings. · 由设置得到留出方式。

    samples: what the set holds, for the message. Raises `UserError` for what is no share and no seed, all at once.

    >>> held(Settings(seed=3), "rows")
    Held(test=0.2, val=0.1, seed=3, split=0, folds=0, fold=0)
    """
    test, split, lines = settings.data.get("test", 0.2), settings.data.get("split", 0), []
    if isinstance(test, bool) or not isinstance(test, int | float) or not 0 <= test < 1:
        lines.append(f"data.test={test!r}: expected the share of the {samples} that is held out, 0 to 1")
    if isinstance(split, bool) or not isinstance(split, int) or split < 0:
        lines.append(f"data.split={split!r}: expected an integer of at least 0, the seed of the test part")
    if lines:
        raise UserError(*lines)
    if settings.overfit:
        return Held(0.0, 0.0)
    return Held(float(test), settings.val, settings.seed, split, settings.folds, settings.fold)
