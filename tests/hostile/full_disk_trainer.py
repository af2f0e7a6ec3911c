"""Stands for a trainer: prints its bar, saves network files straight under their good names, dies where the disk is full."""

import argparse
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--folder")
parser.add_argument("--steps", type=int)
parser.add_argument("--every", type=int)
parser.add_argument("--bytes", type=int)
parser.add_argument("--pace", type=float)
parser.add_argument("--words", type=int, default=0, help="bytes printed each step")
args = parser.parse_args()

sys.stdout.write(f"running training / 学習開始\n  total optimization steps / 学習ステップ数: {args.steps}\n")
sys.stdout.flush()
for step in range(1, args.steps + 1):
    time.sleep(args.pace)
    if args.words:
        sys.stdout.write("w" * args.words + "\n")
        sys.stdout.flush()
    sys.stderr.write(
        f"\rsteps: {100 * step // args.steps:3d}%|█▌        | {step}/{args.steps} [00:06<01:42,  1.30s/it]"
    )
    sys.stderr.flush()
    if step % args.every == 0:
        with (Path(args.folder) / f"n-step{step:08d}.safetensors").open("wb", buffering=0) as file:
            done = 0
            while done < args.bytes:  # as safetensors writes: to the final name, block by block
                done += file.write(b"x" * min(65536, args.bytes - done))
sys.stdout.write("\nmodel saved.\n")
