"""What public runs look like, as a few numbers; `calibrate.py` recomputes them from the logs and compares them with simulated runs.

Source: spacepxl/demystifying-sd-finetuning, Apache-2.0, commit f23a53e: logs of 63 runs of SD1.5 (fine-tunes and LoRAs, batch 1-4,
1,000-10,000 steps). Only the numbers below are shipped, not the logs. Loss by timestep is that of `loss_snr`; residuals are those of
training runs at batch 1, whose timestep can be recovered because the loss was logged with and without a weight that depends on it.
"""

from __future__ import annotations

BASE_NODES = tuple(range(0, 1001, 50))
"""Timesteps at which BASE_LOG_LOSS stands."""
BASE_LOG_LOSS = (
    *(-0.22, -0.83, -1.10, -1.34, -1.55, -1.73, -1.91, -2.09, -2.28, -2.47, -2.68),
    *(-2.91, -3.15, -3.41, -3.70, -3.99, -4.32, -4.66, -5.08, -5.55, -6.05),
)
"""Log of the untrained model's loss (noise prediction), broken line through `original_train`."""
SIGMA_NODES = tuple(range(50, 1000, 100))
"""Timesteps at which SIGMA stands: the middles of ten bands."""
SIGMA = (0.093, 0.108, 0.118, 0.139, 0.165, 0.170, 0.183, 0.192, 0.208, 0.199)
"""Standard deviation of the log loss of one picture given the timestep: picture and noise draw together."""
SHAPE_NODES = tuple(range(0, 1001, 100))
"""Timesteps at which the three shapes below stand; each has mean 1 over all timesteps."""
GAIN_SHAPE = (0.26, 0.79, 1.01, 1.19, 1.35, 1.39, 1.32, 0.85, 0.69, 1.07, 0.41)
"""Where a sound fine-tune lowers the loss of held-out pictures: `optimal_val` against `original_val`."""
MEMORY_SHAPE = (0.25, 1.02, 1.23, 1.40, 1.45, 1.41, 1.24, 0.96, 0.65, 0.40, 0.24)
"""Where memorising lowers the loss of training pictures: `overtrained_train` against `original_train`."""
RISE_SHAPE = (0.42, 1.26, 1.39, 1.44, 1.38, 1.31, 1.15, 0.97, 0.65, 0.28, -0.07)
"""Where memorising raises the loss of held-out pictures: `overtrained_val` against `original_val`."""
