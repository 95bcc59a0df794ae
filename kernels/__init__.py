"""Kernels: a Triton kernel per file, with the function that launches it and a PyTorch reference; C kernels in `cpu`."""
