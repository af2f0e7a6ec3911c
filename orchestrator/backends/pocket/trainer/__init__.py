"""The pocket trainer: real LoRA training of a small latent-diffusion model on a CPU, in a process of its own.

The only room with torch. It reads the TOML files that sd-scripts reads and leaves the same lines, tags, file names and
metadata, so everything that looks at a run looks at both in the same way. Nothing of ours imports this package.
"""
