"""What the suites know of the study whose files are large."""

BIG = "vgg16-0002"
EXTRA = 256 * 1024


def name_of(framework: str, k: int) -> str:
    """An array of such a study, as its framework calls it."""
    return f"features_{k}_block" + {"pytorch": ".weight", "tensorflow": "/kernel"}[framework]
