"""Kernels: one operation a file, with its Triton kernel, its PyTorch reference and the function that picks."""
