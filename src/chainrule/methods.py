"""Optimizers and schedules by name, without importing torch: a part of the catalogue. · 优化器与学习率调度的目录。"""

from .entry import Entry

_ADAM = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
_PAPER = {"lr": 1e-3, "momentum": 0.9, "weight_decay": 0.0}  # momentum in the forms of the papers

OPTIMIZERS = {
    "sgd": Entry(
        "chainrule.optim.gradient_descent:SGD",
        "stochastic gradient descent with momentum and Nesterov's form",
        "随机梯度下降，可带动量与 Nesterov 形式",
        {"lr": 1e-3, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False},
    ),
    "momentum": Entry(
        "chainrule.optim.gradient_descent:Momentum",
        "classic momentum (Sutskever et al. 2013): the velocity holds steps",
        "经典动量法：速度累积位移",
        _PAPER,
    ),
    "heavyball": Entry(
        "chainrule.optim.gradient_descent:HeavyBall", "Polyak's heavy ball (1964), by two points", "重球法", _PAPER
    ),
    "nag": Entry(
        "chainrule.optim.gradient_descent:NAG",
        "Nesterov's accelerated gradient: the slope at the look-ahead point",
        "Nesterov 加速梯度：在前瞻点求梯度",
        _PAPER,
    ),
    "adagrad": Entry(
        "chainrule.optim.adaptive:Adagrad",
        "Adagrad: steps scaled by the root of all squares so far",
        "Adagrad：按历史平方和之根缩放步长",
        {"lr": 1e-2, "lr_decay": 0.0, "weight_decay": 0.0, "initial_accumulator_value": 0.0, "eps": 1e-10},
    ),
    "adadelta": Entry(
        "chainrule.optim.adaptive:Adadelta",
        "Adadelta: the ratio of past steps and past gradients",
        "Adadelta：历史步长与历史梯度之比",
        {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0},
    ),
    "rmsprop": Entry(
        "chainrule.optim.adaptive:RMSprop",
        "RMSprop: steps scaled by the root of the mean square",
        "RMSprop：按均方根缩放步长",
        {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0.0, "momentum": 0.0, "centered": False},
    ),
    "adam": Entry(
        "chainrule.optim.adaptive:Adam",
        "Adam: steps scaled by the root of the mean square, with momentum",
        "Adam：带动量，按均方根缩放步长",
        {**_ADAM, "amsgrad": False},
    ),
    "adamw": Entry(
        "chainrule.optim.adaptive:AdamW",
        "Adam with the weight decay taken out of the gradient",
        "AdamW：权重衰减与梯度解耦",
        {**_ADAM, "weight_decay": 1e-2, "amsgrad": False},
    ),
    "adamax": Entry(
        "chainrule.optim.adaptive:Adamax",
        "Adam with the largest gradient in place of the mean square",
        "Adamax：以最大梯度代替均方",
        {**_ADAM, "lr": 2e-3},
    ),
    "nadam": Entry(
        "chainrule.optim.adaptive:NAdam",
        "Adam that looks ahead along its momentum",
        "NAdam：带 Nesterov 前瞻的 Adam",
        {**_ADAM, "lr": 2e-3, "momentum_decay": 4e-3, "decoupled_weight_decay": False},
    ),
    "radam": Entry(
        "chainrule.optim.adaptive:RAdam",
        "Adam that divides only once its mean square can be trusted",
        "RAdam：均方估计可靠后才自适应",
        {**_ADAM, "decoupled_weight_decay": False},
    ),
    "lion": Entry(
        "chainrule.optim.sign:Lion",
        "steps by the sign of an averaged gradient; take lr 3 to 10 times below Adam's",
        "Lion：按平均梯度的符号更新",
        {"lr": 1e-4, "betas": (0.9, 0.99), "weight_decay": 0.0},
    ),
    "adafactor": Entry(
        "chainrule.optim.matrix:Adafactor",
        "adaptive rates kept by row and column: little memory",
        "Adafactor：按行列保存二阶矩，省内存",
        {"lr": 1e-2, "beta2_decay": -0.8, "weight_decay": 0.0},
    ),
    "muon": Entry(
        "chainrule.optim.matrix:Muon",
        "momentum made orthogonal, for matrices and filters; vectors move by the sign",
        "Muon：正交化的动量，用于矩阵与卷积核；向量按符号更新",
        {"lr": 1e-3, "weight_decay": 0.1, "momentum": 0.95, "nesterov": True},
    ),
    "muonsgd": Entry(
        "chainrule.optim.filters:MuonSGD",
        "filters by orthogonal momentum on a sphere, all else by SGD: take head_lr and bias_lr for that",
        "卷积核用球面上的正交动量，其余用 SGD；后者的学习率由 head_lr 与 bias_lr 给出",
        {"lr": 0.24, "betas": (0.6, 0.85), "weight_decay": 0.0},
    ),
    "rprop": Entry(
        "chainrule.optim.sign:Rprop",
        "a step of its own for each weight, by signs; for whole batches",
        "Rprop：按符号调整各权重步长，适合全批量",
        {"lr": 1e-2, "etas": (0.5, 1.2), "step_sizes": (1e-6, 50)},
    ),
    "asgd": Entry(
        "chainrule.optim.averaging:ASGD",
        "gradient descent that also averages its path",
        "ASGD：对轨迹取平均的梯度下降",
        {"lr": 1e-2, "lambd": 1e-4, "alpha": 0.75, "t0": 1e6, "weight_decay": 0.0},
    ),
    "lbfgs": Entry(
        "chainrule.optim.quasi_newton:LBFGS",
        "quasi-Newton steps with a line search; several evaluations a step, for large batches",
        "有限内存拟牛顿法，带线搜索；每步多次求值，适合大批量",
        {"lr": 1.0, "max_iter": 20, "history_size": 10, "line_search_fn": "strong_wolfe"},  # torch: 100 and none
    ),
}

# Around any optimizer of a run, by settings of their own.
WRAPPERS = {
    "lookahead": Entry(
        "chainrule.optim.wrapping:Lookahead",
        "after k steps ahead, back part of the way: lookahead=5 lookahead_alpha=0.5",
        "快走 k 步，再退回一部分",
        {"k": 5, "alpha": 0.5},
    ),
    "sam": Entry(
        "chainrule.optim.wrapping:SAM",
        "steps by the gradient at the worst point nearby, towards flat minima: sam=0.05",
        "用邻域最差点的梯度更新，趋向平坦极小值",
        {"rho": 0.05, "adaptive": False},
    ),
}

SCHEDULES = {
    "constant": Entry("chainrule.rates:constant", "the same learning rate throughout", "学习率不变"),
    "step": Entry(
        "chainrule.rates:step",
        "times gamma every step_epochs epochs",
        "每 step_epochs 轮乘以 gamma",
        {"step_epochs": 5, "gamma": 0.1},
    ),
    "multistep": Entry(
        "chainrule.rates:multistep",
        "times gamma at each milestone",
        "在每个里程碑处乘以 gamma",
        {"milestones": None, "gamma": 0.1},
    ),
    "exponential": Entry(
        "chainrule.rates:exponential", "times gamma over every epoch", "每轮累计乘以 gamma", {"gamma": 0.95}
    ),
    "linear": Entry("chainrule.rates:linear", "down along a straight line", "线性下降", {"floor": 0.0}),
    "polynomial": Entry(
        "chainrule.rates:polynomial", "down as a power of what is left", "按剩余比例的幂下降", {"power": 1.0}
    ),
    "cosine": Entry("chainrule.rates:cosine", "down to zero along half a cosine", "沿半个余弦降到零", {"floor": 0.0}),
    "cosine_restarts": Entry(
        "chainrule.rates:cosine_restarts",
        "half a cosine again and again",
        "带热重启的余弦退火",
        {"restart_epochs": 10, "restart_mult": 1, "floor": 0.0},
    ),
    "onecycle": Entry("chainrule.rates:onecycle", "up, then far down, in one cycle", "先升后降的单周期"),
    "noam": Entry(
        "chainrule.rates:noam",
        "up during the warm-up, then down as 1/sqrt(t)",
        "预热后按 1/√t 下降（Transformer）",
    ),
    "plateau": Entry(
        "chainrule.rates:plateau",
        "times gamma when the loss stops falling",
        "损失停滞时乘以 gamma",
        {"plateau_epochs": 10, "gamma": 0.1, "floor": 0.0},
    ),
}
