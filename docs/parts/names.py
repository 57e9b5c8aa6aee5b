"""What has a name: settings, options of the catalogues, everything else. · 按名称可取之物：设置、选项等。"""

from collections.abc import Callable

from chainrule import catalog, nn
from chainrule.cli.main import COMMANDS
from chainrule.cli.recipes import names as recipes
from chainrule.fields import DEFAULTS, SPECS

from .markdown import plain, table, ticked

CONTAINERS = ("Flatten", "Identity", "ModuleDict", "ModuleList", "Sequential", "Unflatten")


def things(page: str, *_: str) -> str:
    """Everything else that has a name. · 其余按名称可取之物。"""
    modules = [name for name in nn.__all__ if name not in CONTAINERS]
    rows = [
        ("modules", "模块", f"`chainrule.nn` ({len(modules)})", modules),
        ("first weights", "参数初始化", "`init=`", catalog.INITS),
        ("optimizers", "优化器", "`optimizer=`", catalog.OPTIMIZERS),
        ("schedules", "学习率调度", "`schedule=`", catalog.SCHEDULES),
        ("losses", "损失函数", "`loss=`", catalog.LOSSES),
        ("augmentation", "数据增强", "`augment=`", catalog.AUGMENTS),
        ("models", "模型", "`chainrule train MODEL`", catalog.MODELS),
        ("data sets", "数据集", "`chainrule train MODEL DATA`", catalog.DATASETS),
        ("recipes", "配方", "`chainrule reproduce`", recipes()),
        ("commands", "命令", "`chainrule`", COMMANDS),
    ]
    chinese = "zh" in page
    head = ["内容", "在何处使用", "名称"] if chinese else ["what", "where it is used", "names"]
    return table(head, [[zh if chinese else en, where, ticked(names)] for en, zh, where, names in rows])


def settings(page: str, *_: str) -> str:
    """Every setting, its default and its range. · 全部设置。"""
    rows = []
    for name, spec in SPECS.items():
        value = DEFAULTS[name]
        shown = "none" if value is None else str(value).lower() if isinstance(value, bool) else value
        resumed = "✓" if spec.resumable else ""
        unit = f" [{spec.unit}]" if spec.unit else ""
        meaning = plain(f"{spec.en} · {spec.zh}{unit}")
        rows.append([f"`{name}`", f"`{shown}`", plain(spec.expected), meaning, resumed])
    return table(["setting · 设置", "default · 默认", "values · 取值", "meaning · 含义", "resume · 续训可改"], rows)


def options(page: str, what: str) -> str:
    """The options that the entries of a catalogue take. · 各条目的选项。"""
    entries: dict[str, catalog.Entry] = getattr(catalog, what)
    rows = []
    for name, entry in entries.items():
        takes = ", ".join(f"`{key}={str(value).lower()}`" for key, value in entry.options.items())
        rows.append([f"`{name}`", plain(f"{entry.en} · {entry.zh}"), takes or "–"])
    return table(["name · 名称", "what · 说明", "options · 选项"], rows)


def augmentations(page: str) -> str:
    """Every kind of augmentation with its options. · 全部数据增强及其选项。"""
    rows = []
    for name, entry in catalog.AUGMENTS.items():
        told = {k: "..".join(f"{n:.3g}" for n in v) if isinstance(v, tuple) else v for k, v in entry.options.items()}
        rows.append([f"`{name}`", ticked(f"{k}={v}" for k, v in told.items()), f"{entry.en} · {entry.zh}"])
    return table(["name · 名称", "options · 选项", "what · 作用"], rows)


PARTS: dict[str, Callable[..., str]] = {
    "things": things,
    "settings": settings,
    "options": options,
    "augmentations": augmentations,
}
