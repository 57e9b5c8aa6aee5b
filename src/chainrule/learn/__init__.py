"""Learning: the loop, the step, what is learned from, and what came of it. · 学习：循环、步、任务与度量。"""
