"""Whether a network is better than what one has without it, said plainly. · 网络是否胜过基线，直说。"""

from collections.abc import Mapping

from .curves import is_share, share
from .listing import lower_is_better

_PARTS = {"test": "测试", "val": "验证"}


def verdict(
    metrics: Mapping[str, float], baselines: Mapping[str, Mapping[str, float]], figure: str
) -> tuple[str, str] | None:
    """One line in English and one in Chinese; None where there is nothing to compare. · 一行英文、一行中文。

    figure  as "accuracy": that of the test part, else of the validation part, is compared.

    >>> verdict({"test_rmse": 16.2}, {"persistence": {"test_rmse": 18.4}, "AR(24)": {"test_rmse": 15.8}}, "rmse")[0]
    'test rmse 16.2: beats persistence (18.4); does not beat AR(24) (15.8)'
    """
    name = next((key for key in (f"test_{figure}", f"val_{figure}") if key in metrics), None)
    rivals = {rival: told[name] for rival, told in baselines.items() if name in told} if name else {}
    if name is None or not rivals:
        return None
    lower, own = lower_is_better(figure), metrics[name]
    beaten = [r for r, value in rivals.items() if (own < value if lower else own > value)]
    equal = [r for r, value in rivals.items() if own == value]
    kept = [r for r in rivals if r not in beaten + equal]

    def told(names: list[str], joint: str) -> str:
        return joint.join(f"{r} ({_shown(figure, rivals[r])})" for r in names)

    part, value = name.partition("_")[0], f"{figure} {_shown(figure, own)}"
    sorts = (("beats", "胜过", beaten), ("does not beat", "未胜过", kept), ("equals", "等于", equal))
    english = [f"{en} {told(names, ', ')}" for en, _, names in sorts if names]
    chinese = [f"{zh} {told(names, '、')}" for _, zh, names in sorts if names]
    return f"{part} {value}: {'; '.join(english)}", f"{_PARTS[part]} {value}：{'；'.join(chinese)}"


def _shown(figure: str, value: float) -> str:
    return share(value) if is_share(figure) else f"{value:.4g}"
