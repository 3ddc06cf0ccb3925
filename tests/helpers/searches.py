"""A small search."""

SMALL = {
    "architectures": ["smallcnn"],
    "box": {
        "learning_rate": {"low": 1e-3, "high": 0.1, "log": True},
        "batch_size": {"low": 20, "high": 100},
        "adam_epsilon": 1e-3,
        "epochs": {"low": 1, "high": 3},
    },
    "split": ["batch_size"],
    "trials": 2,
    "start": 1,
}
