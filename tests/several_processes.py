"""What two processes of real sd-scripts print when one of them dies: recorded with torch 2.13, shortened; other ends put in by hand."""

from __future__ import annotations

OTHERS = """\
[rank0]: Traceback (most recent call last):
[rank0]:   File "/sd-scripts/train_network.py", line 1913, in <module>
[rank0]:     trainer.train(args)
[rank0]:   File "/venv/torch/distributed/distributed_c10d.py", line 3252, in all_reduce
[rank0]:     work.wait()
[rank0]: RuntimeError: [pair.cc:553] Connection closed by peer [127.0.0.1]:27819. This is typically caused by a remote worker crashing.
"""
"""Of the process that misses the other one."""
_HEAD = """\
W1129 21:09:02.143000 23106 torch/distributed/elastic/multiprocessing/api.py:1028] Sending process 23114 closing signal SIGTERM
E1129 21:09:02.211000 23106 torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode: {code}) local_rank: 1 (pid: 23115)
Traceback (most recent call last):
  File "/venv/accelerate/commands/launch.py", line 825, in multi_gpu_launcher
    distrib_run.run(args)
    raise ChildFailedError(
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
=======================================================
/orchestrator/telemetry/launcher.py FAILED
-------------------------------------------------------
Failures:
[1]:
  time      : 2026-11-29_21:09:02
  host      : localhost
  rank      : 0 (local_rank: 0)
  exitcode  : -15 (pid: 23114)  (SIGTERM)
  error_file: <N/A>
  traceback : Signal 15 (SIGTERM) received by PID 23114
-------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-29_21:09:02
  host      : localhost
  rank      : 1 (local_rank: 1)
  exitcode  : {code} (pid: 23115) {signal}
  error_file: <N/A>
  traceback : Signal 9 (SIGKILL) received by PID 23115
=======================================================
"""
KILLED = OTHERS + _HEAD.format(code=-9, signal=" (SIGKILL)")
"""Process 1 was killed."""
OWN_ERROR = (
    """\
[rank1]: Traceback (most recent call last):
[rank1]:   File "/sd-scripts/train_network.py", line 1913, in <module>
[rank1]: KeyError: 'one'
"""
    + OTHERS
    + _HEAD.format(code=1, signal="")
)
"""Process 1 had an error of its own."""
ABORTED = KILLED.replace("-9", "-6").replace("SIGKILL", "SIGABRT")
"""Process 1 ended itself in native code."""
OUT_OF_MEMORY_THEN_ABORTED = (
    """\
[rank1]: Traceback (most recent call last):
[rank1]:   File "/sd-scripts/train_network.py", line 1913, in <module>
[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.
"""
    + ABORTED
)
"""Taking the process group down aborted it after that."""
ASKED_TO_END = """\
W1129 21:09:02.143000 23106 torch/distributed/elastic/agent/server/api.py:753] Received 15 death signal, shutting down workers
Traceback (most recent call last):
  File "/venv/torch/distributed/elastic/multiprocessing/api.py", line 88, in _terminate_process_handler
    raise SignalException(f"Process {os.getpid()} got signal: {sigval}", sigval=sigval)
torch.distributed.elastic.multiprocessing.api.SignalException: Process 23106 got signal: 15
"""
"""Whoever asks the launcher to end gets no summary."""
OUT_OF_MEMORY = (
    """\
[rank1]: Traceback (most recent call last):
[rank0]: Traceback (most recent call last):
[rank1]:   File "/sd-scripts/train_network.py", line 1913, in <module>
[rank1]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.
"""
    + OTHERS.partition("\n")[2]
    + _HEAD.format(code=1, signal="")
)
"""Process 1 ran out of memory; both wrote at once."""
BAR = "steps:  50%|#####     | 1/2 [00:01<00:01, avr_loss=0.1]"
BEHIND_A_BAR = (
    BAR
    + OTHERS.replace(
        "RuntimeError: [pair.cc:553] Connection closed by peer", "torch.OutOfMemoryError: CUDA out of memory"
    )
    + _HEAD.format(code=1, signal="").replace("rank      : 1 (local_rank: 1)", "rank      : 0 (local_rank: 0)")
)
"""Process 0 draws the bar, which has no line end, and ran out of memory."""
