"""CIFAR-10 and CIFAR-100 as published. · CIFAR-10 与 CIFAR-100。"""
