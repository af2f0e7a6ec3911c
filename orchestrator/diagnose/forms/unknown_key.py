"""The recipe holds a key that nobody reads.

## What it looks for

A key of the recipe, or an option under `trainer_args`, that does not exist: misspelt, moved, or meant for another trainer.

## Why it matters

sd-scripts flattens its configuration file and ignores what it does not know, without a word: `netwrok_dim = 32` trains at rank 4,
`learning_rte = 1e-3` at a learning rate of 2e-6. The run ends well and learns nothing.

## How we tell

Recipe keys are compared with the recipe's own model; options under `trainer_args` with the option list read from the source of
the pinned trainer, per entry script. Each unknown key is told with its line and the nearest known one.

## What to change

Write the key as suggested, or remove it. `docs/recipe.md` lists all keys of the recipe.

## When it is wrong

Never for recipe keys. With another commit of the trainer an option may be new: install that commit, its options are read again.

## Sources

sd-scripts 48d368fa, `train_util.py` (`read_config_from_file`): unknown keys, strings for numbers and invalid choices were all
accepted when run.
"""

from __future__ import annotations

from orchestrator.diagnose.rule import FormCheck

FORM_CHECK = FormCheck("R001", "unknown-key", __name__)
