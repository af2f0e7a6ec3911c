from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, sys
os.environ.pop("OPENBLAS_NUM_THREADS", None)
os.environ["OMP_NUM_THREADS"] = "2"
from orchestrator.observe.one_thread import load_numpy
seen = {}
class Spy:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            seen.update({n: os.environ.get(n) for n in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")})
sys.meta_path.insert(0, Spy())
load_numpy()
assert "numpy" in sys.modules
print(seen, "OPENBLAS_NUM_THREADS" in os.environ, os.environ["OMP_NUM_THREADS"])
"""


def test_numpy_sees_one_thread_and_nobody_else_does() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'OPENBLAS_NUM_THREADS': '1', 'OMP_NUM_THREADS': '2'} False 2"
