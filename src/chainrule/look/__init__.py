"""See how networks learn, and inside them. · 观察网络如何学习，以及其内部。"""
