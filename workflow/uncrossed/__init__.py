"""The reproducible build of CrossedWires, a dataset of PyTorch and TensorFlow model pairs."""
