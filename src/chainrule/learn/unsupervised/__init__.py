"""Codes of images, without labels. · 无监督：图像编码。"""
