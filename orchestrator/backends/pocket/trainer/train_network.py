"""Entry of the pocket trainer: `accelerate launch train_network.py --config_file train.toml`.

Works as a file and as `-m orchestrator.backends.pocket.trainer.train_network`.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """Train as the configuration says; returns the exit code."""
    if not __package__:
        # Started as a file: python put this folder first on the path, where `dataset` would shadow other packages.
        sys.path[0] = str(Path(__file__).resolve().parents[4])
    from orchestrator.backends.pocket.trainer.start import start

    return start(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
