"""The settings of a run, one class a subject: name, type, range, and what it is in both languages. · 各组运行设置。

No torch here: help, completion and argument errors read this file. `settings.Settings` joins the groups.
"""

from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from .catalog import AUGMENTS, INITS, LOSSES, OPTIMIZERS, SCHEDULES
from .first_weights import GAINS
from .gear import GEARS
from .values import Spec


def _setting(default: Any, kind: str, en: str, zh: str, within: str = "", **more: Any) -> Any:
    return field(default=default, metadata={"spec": Spec(kind, en, zh, within, nullable=default is None, **more)})


def _choice(default: str, en: str, zh: str, *choices: str, **more: Any) -> Any:
    return _setting(default, "choice", en, zh, choices=choices, **more)


@dataclass(frozen=True)
class Learning:
    """What is learned, how long, from which first weights. · 学什么、学多久、初值如何。"""

    epochs: int = _setting(10, "int", "passes over the training part", "训练轮数", "[1, inf)", resumable=True)
    batch_size: int = _setting(64, "int", "samples of one step", "每步样本数", "[1, inf)")
    seed: int = _setting(0, "int", "of weights, order, masks and augmentation", "随机种子", "[0, 9223372036854775807]")
    seeds: int = _setting(1, "int", "runs with seeds seed, seed+1, …: mean and deviation", "重复次数", "[1, 1000]")
    loss: str = _choice("auto", "what is made small", "损失函数", "auto", *LOSSES)
    label_smoothing: float = _setting(0.0, "float", "cross-entropy: share given to all classes", "标签平滑", "[0, 1)")
    init: str = _choice("default", "first weights; default: as torch", "参数初始化", "default", *INITS)
    init_gain: float | str | None = _setting(
        None,
        "gain",
        "widens the first weights: a factor, or the activation it makes up for",
        "初始化增益",
        "(0, inf)",
        choices=tuple(GAINS),
    )
    init_mode: str | None = _setting(
        None,
        "choice",
        "kaiming: keeps the width forward or backward",
        "按扇入或扇出初始化",
        choices=("fan_in", "fan_out"),
    )
    init_std: float | None = _setting(
        None, "float", "normal, uniform and trunc_normal: deviation of the first weights", "初始化标准差", "(0, inf)"
    )
    weights: str | None = _setting(None, "text", "file or run that first weights come from", "起始权重的文件或运行")
    ema: float = _setting(0.0, "float", "decay of the moving average of the weights; 0: none", "权重滑动平均", "[0, 1)")
    patience: int = _setting(
        0,
        "int",
        "stop after so many epochs without gain; 0: never",
        "早停耐心",
        "[0, inf)",
        unit="epochs",
        resumable=True,
    )
    overfit: int = _setting(
        0, "int", "learn only so many batches, to see that it can; 0: off", "过拟合批数", "[0, inf)"
    )
    folds: int = _setting(0, "int", "so many runs, each holds another part out; 0: none", "交叉验证折数", "[0, 1000]")
    fold: int = _setting(0, "int", "only this one of the folds; 0: a run for each", "只训练其中一折", "[0, 1000]")
    topk: int = _setting(5, "int", "also count a hit among the k likeliest classes", "前 k 命中", "[1, inf)")


@dataclass(frozen=True)
class Transferring:
    """How what is known already is kept or changed. · 迁移学习：如何保留与微调已有的知识。"""

    freeze: str | None = _setting(
        None, "layers", "what does not learn, norms and dropout included", "冻结的部分", choices=("backbone",)
    )
    unfreeze: tuple[int, ...] | None = _setting(
        None,
        "integers",
        "when frozen stages open, from the head down; the last number opens all that is left",
        "逐级解冻的时刻",
        "[1, inf)",
        unit="epochs",
    )
    backbone_lr: float = _setting(
        1.0, "float", "learning rate below the head: a part of lr", "主干学习率比例", "(0, 1]"
    )
    layer_decay: float = _setting(
        1.0, "float", "learning rate of a stage: this part of the next one's", "逐层学习率衰减", "(0, 1]"
    )


@dataclass(frozen=True)
class Labelling:
    """A few labels, and what the images without one teach. · 半监督学习：少量标签与无标签图像。"""

    labels: int = _setting(0, "int", "labels kept of each class, the rest is without; 0: all", "每类标签数", "[0, inf)")
    unlabelled: str = _choice(
        "none",
        "what images without a label teach: nothing, the own answer (Lee 2013), FixMatch (Sohn 2020)",
        "无标签图像的用法",
        *("none", "pseudo", "fixmatch"),
    )
    unlabelled_ratio: int = _setting(7, "int", "unlabelled images for each labelled one", "无标签比例", "[1, inf)")
    unlabelled_weight: float = _setting(1.0, "float", "weight of their loss", "无标签损失权重", "[0, inf)")
    unlabelled_rise: float = _setting(
        0.0, "float", "rise of that weight from 0", "权重上升期", "[0, inf)", unit="epochs"
    )
    confidence: float = _setting(
        0.95, "float", "probability from which on an answer is taken for a label", "置信阈值", "[0, 1]"
    )
    strong: str = _setting(
        "affine(degrees=20,zoom=0.2,pixels=4)+cutout(10)",
        "plan",
        "fixmatch: changes of the images that learn",
        "强增强",
        choices=("none", *AUGMENTS),
    )


@dataclass(frozen=True)
class Updating:
    """The optimizer and its options; `None` means torch's default for that optimizer. · 优化器及其参数。"""

    optimizer: str = _choice("adam", "how parameters are updated", "优化器", *OPTIMIZERS)
    lr: float | None = _setting(None, "float", "learning rate; none: the optimizer's own", "学习率", "(0, inf)")
    momentum: float | None = _setting(None, "float", "share of the step before", "动量", "[0, 1)")
    dampening: float | None = _setting(None, "float", "sgd: damps the gradient in the momentum", "阻尼", "[0, 1]")
    nesterov: bool | None = _setting(None, "bool", "sgd: gradient at the look-ahead point", "Nesterov 动量")
    betas: tuple[float, float] | None = _setting(None, "floats", "decay of the two means", "矩估计衰减率", "[0, 1)")
    eps: float | None = _setting(None, "float", "added to the root", "分母小常数", "[0, inf)")
    weight_decay: float | None = _setting(None, "float", "pull of the weights to zero", "权重衰减", "[0, inf)")
    amsgrad: bool | None = _setting(None, "bool", "adam: the largest mean square so far", "AMSGrad 变体")
    alpha: float | None = _setting(None, "float", "rmsprop: decay of the mean; asgd: of the rate", "衰减率", "[0, 1]")
    rho: float | None = _setting(None, "float", "adadelta: decay of the mean squares", "均方衰减率", "[0, 1]")
    centered: bool | None = _setting(None, "bool", "rmsprop: deviation, not mean square", "以标准差归一")
    lr_decay: float | None = _setting(None, "float", "adagrad: fall of the rate", "学习率衰减", "[0, inf)")
    initial_accumulator_value: float | None = _setting(
        None, "float", "adagrad: where the sum begins", "累积初值", "[0, inf)"
    )
    momentum_decay: float | None = _setting(None, "float", "nadam: rise of the momentum", "动量衰减", "[0, inf)")
    decoupled_weight_decay: bool | None = _setting(None, "bool", "decay as AdamW's", "解耦权重衰减")
    etas: tuple[float, float] | None = _setting(None, "floats", "rprop: shorter, longer", "步长倍率", "(0, inf)")
    step_sizes: tuple[float, float] | None = _setting(
        None, "floats", "rprop: shortest and longest step", "步长范围", "[0, inf)"
    )
    lambd: float | None = _setting(None, "float", "asgd: decay of weights and rate", "衰减项", "[0, inf)")
    t0: float | None = _setting(None, "float", "asgd: updates before it averages", "平均起点", "[0, inf)")
    beta2_decay: float | None = _setting(None, "float", "adafactor: how the memory grows", "二阶衰减指数", "[-1, 0]")
    max_iter: int | None = _setting(None, "int", "lbfgs: iterations of one step", "每步迭代次数", "[1, inf)")
    history_size: int | None = _setting(None, "int", "lbfgs: pairs remembered", "记忆对数", "[1, inf)")
    line_search_fn: str = _choice("strong_wolfe", "lbfgs: how far along", "线搜索", "strong_wolfe", "none")
    decay: str = _choice(
        "weights", "what decays: not biases and norms; all; all by one share", "衰减范围", "weights", "all", "even"
    )
    head_lr: float = _setting(1.0, "float", "factor of the rate of the last linear layer", "末层学习率倍数", "(0, inf)")
    bias_lr: float = _setting(1.0, "float", "factor of the rate of biases and norms", "偏置学习率倍数", "(0, inf)")
    clip: float | None = _setting(None, "float", "largest norm of the gradient", "梯度范数上限", "(0, inf)")
    lookahead: int = _setting(
        0, "int", "around the optimizer: steps ahead before one goes back; 0: off", "前瞻步数", "[0, inf)"
    )
    lookahead_alpha: float = _setting(0.5, "float", "lookahead: share of the way that is kept", "保留比例", "[0, 1]")
    sam: float = _setting(
        0.0, "float", "around the optimizer: how far the worst point nearby is; 0: off", "锐度半径", "[0, inf)"
    )
    sam_adaptive: bool = _setting(False, "bool", "sam: relative to each weight", "按权重缩放半径")
    nonfinite: str = _choice(
        "stop", "what a loss or gradient that is no number does", "非有限值的处理", "stop", "skip", resumable=True
    )
    skips: int = _setting(
        10, "int", "nonfinite=skip: as many in a row stop", "连续跳过上限", "[1, inf)", resumable=True
    )
    accumulate: int = _setting(1, "int", "batches whose gradients make one update", "梯度累积批数", "[1, inf)")


@dataclass(frozen=True)
class Scheduling:
    """The learning rate over the run. · 学习率调度。"""

    schedule: str = _choice("constant", "learning rate over the run", "学习率调度", *SCHEDULES)
    warmup: float = _setting(0.0, "float", "linear rise of the learning rate", "线性预热", "[0, inf)", unit="epochs")
    warmup_start: float | None = _setting(
        None, "float", "part of the learning rate that the rise begins with; none: near 0", "预热起点比例", "[0, 1]"
    )
    warmup_shape: str = _choice("linear", "a rise, or one step up at its end", "预热形状", "linear", "constant")
    step_epochs: int = _setting(5, "int", "schedule=step: distance of the steps", "步长", "[1, inf)", unit="epochs")
    milestones: tuple[float, ...] | None = _setting(
        None, "numbers", "schedule=multistep; none: half and three quarters", "里程碑", "(0, inf)", unit="epochs"
    )
    gamma: float | None = _setting(None, "float", "factor of a step; none: the schedule's own", "衰减倍率", "(0, 1]")
    floor: float | None = _setting(None, "float", "lowest part of the learning rate", "学习率下限比例", "[0, 1]")
    power: float | None = _setting(None, "float", "schedule=polynomial", "多项式幂次", "(0, inf)")
    restart_epochs: float | None = _setting(
        None, "float", "schedule=cosine_restarts: first cycle", "首个周期", "(0, inf)", unit="epochs"
    )
    restart_mult: int | None = _setting(None, "int", "each cycle so many times as long", "周期倍数", "[1, inf)")
    plateau_epochs: int | None = _setting(
        None, "int", "schedule=plateau: wait without gain", "平台等待", "[0, inf)", unit="epochs"
    )


@dataclass(frozen=True)
class Reading:
    """How the data is read, split and changed. · 数据的读取、划分与增强。"""

    val: float = _setting(0.1, "float", "share of the training part kept for validation", "验证集比例", "[0, 1)")
    size: tuple[int, int] | None = _setting(
        None, "size", "of the images; none: what the model is made for", "图像尺寸", "[1, 4096]", unit="pixels"
    )
    augment: str = _setting(
        "none", "plan", "random changes of training images", "数据增强", choices=("none", *AUGMENTS)
    )
    balance: str = _choice(
        "none", "rare classes: weigh more in the loss, or are drawn more often", "类别均衡", "none", "loss", "sampler"
    )
    cache: float = _setting(
        2.0, "float", "decoded images kept in memory", "解码图像缓存", "[0, inf)", unit="GiB", resumable=True
    )
    workers: int = _setting(0, "int", "threads that read images ahead", "预读图像的线程数", "[0, 256]", resumable=True)


@dataclass(frozen=True)
class Computing:
    """Where and in what form a step runs. · 训练步在何处、以何种形式运行。"""

    device: str = _choice("auto", "where it runs", "设备", "auto", "cpu", "cuda", "mps")
    precision: str = _choice("auto", "of the products", "计算精度", "auto", "fp32", "bf16", "fp16")
    threads: int = _setting(0, "int", "of the processor; 0: as torch finds them", "线程数", "[0, 1024]")
    compile: bool = _setting(False, "bool", "compile the training step", "编译训练步")
    tune: bool = _setting(False, "bool", "choose the fastest form by measuring a few steps", "实测择优")
    channels_last: bool | None = _setting(
        None, "bool", "memory format of images; none: where convolutions are compiled", "通道在后的内存格式"
    )
    graph: str = _choice("auto", "compiled: whole step in one graph or in two", "编译图数", "auto", "one", "two")
    gear: str = _choice("auto", "what runs of each formula", "公式档位", *GEARS)


@dataclass(frozen=True)
class Keeping:
    """What is kept of a run, and where. · 运行的保存。"""

    name: str | None = _setting(None, "text", "of the run's folder", "运行名称")
    runs: str = _setting("runs", "text", "folder of all runs", "运行总目录")
    save_every: float = _setting(
        60.0, "float", "between two checkpoints", "存档间隔", "[0, inf)", unit="seconds", resumable=True
    )
    keep: int = _setting(2, "int", "checkpoints kept", "保留存档数", "[2, inf)", resumable=True)


GROUPS = (Learning, Transferring, Labelling, Updating, Scheduling, Reading, Computing, Keeping)
SPECS: dict[str, Spec] = {f.name: f.metadata["spec"] for group in GROUPS for f in fields(group)}
DEFAULTS: dict[str, Any] = {f.name: f.default for group in GROUPS for f in fields(group) if f.default is not MISSING}
RESUMABLE = tuple(name for name, spec in SPECS.items() if spec.resumable)
OPTIONS = tuple(dict.fromkeys(key for entry in OPTIMIZERS.values() for key in entry.options))
SHAPES = tuple(dict.fromkeys(key for entry in SCHEDULES.values() for key in entry.options))
