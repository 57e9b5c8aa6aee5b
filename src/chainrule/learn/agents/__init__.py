"""Reinforcement learning: agents that learn from what they did. · 强化学习：由自身行动学习的智能体。"""
