"""An option is accepted and does nothing.

## What it looks for

Options that the trainer takes for this family, optimizer or set of other options, and then never reads.

## Why it matters

You believe that something is on which is not. Worse, it is recorded in the file's metadata, and the next person copies it:
published FLUX presets carry `min_snr_gamma: 7` and `noise_offset: 0.05`, and neither was ever in effect.

## How we tell

A table per family and optimizer, taken from the trainer's source. Among others: `train.min_snr_gamma` and `train.noise_offset` with flux
and sd3; `train.discrete_flow_shift` with flux unless `train.timestep_sampling` is `shift`; `train.unet_lr` with Adafactor's
relative step.

## What to change

Remove the option, or change the one it depends on. What a preset says is taken back with `null`.

## When it is wrong

With another commit of the trainer the option may have come to life; the table is that of the pinned commit.

## Sources

sd-scripts 48d368fa: `flux_train_network.py` and `sd3_train_network.py` (`post_process_loss`), `flux_train_utils.py`,
`train_util.py` (optimizers).
"""

from __future__ import annotations

from orchestrator.diagnose.rule import FormCheck

FORM_CHECK = FormCheck("R002", "no-effect-option", __name__)
