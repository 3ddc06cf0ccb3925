"""The file of a checkpoint: every field of `uncrossed.training.checkpoint.Checkpoint`, complete or not at all.

It holds the identity that the trial file will have; one of another row, code, software, device or dataset is not used.
"""

import dataclasses
import hashlib
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from uncrossed.common.errors import UnreadableError
from uncrossed.common.files import DAMAGE, complete, reading, remove_left
from uncrossed.study import layout
from uncrossed.training.checkpoint import Checkpoint

SCHEMA = "uncrossed-checkpoint-3"
BLOCK = 512


class CheckpointFile:
    """The checkpoint of one training, beside its trial file.

    Attributes:
        path: where it lies.
        interval: seconds after which the end of an epoch writes one.
        used: whether `load` gave one, with which the training went on.
    """

    def __init__(self, output: Path, interval: float):
        """Take the trial file's path; nothing is read or written yet."""
        self.path, self.interval, self.used = layout.checkpoint_beside(output), interval, False
        self.aside = self.path.with_name(self.path.name + ".unusable")
        # A clock that is set must not matter.
        self.written = time.monotonic()

    def due(self) -> bool:
        """Whether the interval has passed since the last one."""
        return time.monotonic() - self.written >= self.interval

    def load(self, identity: dict[str, Any]) -> Checkpoint | None:
        """The checkpoint of the same training, if there is one.

        A checkpoint that is damaged or of another training is renamed to `*.unusable`, with a message.

        Args:
            identity: the root attributes of the trial file to be.

        Raises:
            UnreadableError: there is one and the operating system does not give it; a training without it would
                replace what may be hours of work.
        """
        try:
            checkpoint, theirs = _read(self.path)
        except FileNotFoundError:
            return None
        except UnreadableError as error:
            raise UnreadableError(f"{error}; it is kept and nothing was trained: run the training again") from error
        except DAMAGE as error:
            reason = f"it is damaged ({error})"
        else:
            differing = sorted(key for key in identity.keys() | theirs.keys() if identity.get(key) != theirs.get(key))
            if not differing:
                self.used = True
                _say(f"{self.path}: going on in epoch {checkpoint.epoch} after {checkpoint.steps} steps")
                return checkpoint
            reason = "it was made with another " + ", ".join(differing)
        self.path.replace(self.aside)
        _say(f"{self.path}: not used, as {reason}; renamed to {self.aside.name}")
        return None

    def save(self, identity: dict[str, Any], checkpoint: Checkpoint) -> bool:
        """Write it, completely or not at all; where the file system refuses, say so and return False."""
        arrays: list[np.ndarray] = []
        fields = {field.name: getattr(checkpoint, field.name) for field in dataclasses.fields(checkpoint)}
        header = {"identity": identity, "fields": _numbered(fields, arrays), "arrays": len(arrays)}
        buffer = io.BytesIO()
        # HDF5 leaves the first block to its user: it holds the SHA-256 of the rest.
        with h5py.File(buffer, "w", userblock_size=BLOCK) as file:
            file.attrs["schema"] = SCHEMA
            # Large: attributes are limited to 64 KiB.
            file["header"] = json.dumps(header)
            for number, array in enumerate(arrays):
                file[f"arrays/{number}"] = array
        content = buffer.getbuffer()
        content[:64] = hashlib.sha256(content[BLOCK:]).hexdigest().encode()
        try:
            with complete(self.path) as temporary:
                temporary.write_bytes(content)
        except OSError as error:
            _say(f"{self.path}: cannot be written ({error.strerror or error}); the training goes on without it")
            return False
        finally:
            self.written = time.monotonic()
        return True

    def remove(self) -> None:
        """Remove it, and one that was set aside: the trial is complete."""
        remove_left(self.path)
        self.path.unlink(missing_ok=True)
        self.aside.unlink(missing_ok=True)


def _read(path: Path) -> tuple[Checkpoint, dict[str, Any]]:
    with reading(path) as stream:
        content = stream.readall()
    # Before HDF5 sees it: it may crash on what is damaged.
    if content[:64] != hashlib.sha256(memoryview(content)[BLOCK:]).hexdigest().encode():
        raise ValueError("its content does not match its SHA-256")
    with h5py.File(io.BytesIO(content), "r") as file:
        if file.attrs["schema"] != SCHEMA:
            raise ValueError(f"schema {file.attrs['schema']!r}")
        header = json.loads(file["header"][()])
        arrays = [np.asarray(file[f"arrays/{number}"][()]) for number in range(header["arrays"])]
    return Checkpoint(**_with_arrays(header["fields"], arrays)), header["identity"]


def _numbered(value: Any, arrays: list[np.ndarray]) -> Any:
    """A field's value for JSON: of each array, which is added to `arrays`, a list with its number alone."""
    if isinstance(value, dict):
        return {name: _numbered(inner, arrays) for name, inner in value.items()}
    if not isinstance(value, np.ndarray):
        return value
    arrays.append(value)
    return [len(arrays) - 1]


def _with_arrays(value: Any, arrays: list[np.ndarray]) -> Any:
    """What `_numbered` was given."""
    if isinstance(value, dict):
        return {name: _with_arrays(inner, arrays) for name, inner in value.items()}
    return arrays[value[0]] if isinstance(value, list) else value


def _say(message: str) -> None:
    print(f"checkpoint {message}", file=sys.stderr, flush=True)
