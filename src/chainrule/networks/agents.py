"""Ways of learning from rewards by name, without importing torch: a part of the catalogue. · 强化学习算法的目录。"""

from ..entry import Entry

AGENT = {"envs": 8, "gamma": 0.99, "hidden": (64, 64), "activation": "tanh", "steps": 10_000, "episodes": 20}
POLICY = {"value": 0.5, "entropy": 0.0}
PPO = {"gamma": 0.98, "horizon": 32, "passes": 10, "lam": 0.8, "clip": 0.2}
DQN = {
    "hidden": (128, 128),
    "activation": "relu",
    "horizon": 32,
    "updates": 32,
    "capacity": 50_000,
    "warm": 1000,
    "target": 32,
    "epsilon": 0.04,
    "explore": 10_000,
    "huber": 100.0,
    "double": True,
}

AGENTS = {
    "reinforce": Entry(
        "chainrule.learn.agents.options:Reinforce",
        "agent: does more of what went better than expected, learning from whole episodes",
        "智能体：REINFORCE 带基线，由完整回合学习策略",
        AGENT | POLICY,
        kind="agents",
    ),
    "ppo": Entry(
        "chainrule.learn.agents.options:PPO",
        "agent: proximal policy optimization, steps used several times within a clipped ratio",
        "智能体：近端策略优化，在裁剪的比率内多次利用样本",
        AGENT | POLICY | PPO,
        kind="agents",
    ),
    "dqn": Entry(
        "chainrule.learn.agents.options:DQN",
        "agent: learns what each action is worth, from a replay of earlier steps (double DQN)",
        "智能体：由经验回放学习动作价值（双 DQN）",
        AGENT | DQN,
        kind="agents",
        usual={"batch_size": 128, "schedule": "linear"},
    ),
}
