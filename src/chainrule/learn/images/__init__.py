"""Learning from images. · 由图像学习。"""
