"""Make what real sd-scripts needs to train on a CPU; run it with the trainer's interpreter. docs/rig.md is the recipe.

    python scripts/make_rig.py environment                   put sitecustomize.py into this interpreter's site-packages
    python scripts/make_rig.py base OUT small|full|trained   an SD1.x base in diffusers layout, with OUT/tokcache
    python scripts/make_rig.py base OUT sdxl                 an SDXL base, random and narrow
    SD_SMALL_UNET=1 python scripts/make_rig.py base OUT flux|sd3 --checkout CHECKOUT    FLUX.1 or SD 3.5: four files
    python scripts/make_rig.py parsers CHECKOUT OUT.json     the trainer's real argparse options

`small` and `full` have random weights, the second at the real widths. `trained` has the widths of `small` and learns the
scenes that pocket's base knows: about half an hour on one core, and a base that can be used from the first save on.
"""

from __future__ import annotations

import argparse
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent


def install_environment() -> None:
    """Copy `rig_sitecustomize.py`. Refuses to overwrite a file that is not ours."""
    target = Path(sysconfig.get_path("purelib")) / "sitecustomize.py"
    if target.exists() and "SD_SMALL_UNET" not in target.read_text(encoding="utf-8"):
        raise SystemExit(f"{target} exists and is not ours: move it away first")
    target.write_bytes((HERE / "rig_sitecustomize.py").read_bytes())
    print(f"wrote {target}")


def make_base(args: argparse.Namespace) -> None:
    """Write a base to `args.out`."""
    from rig_base import write_random_base, write_sdxl_base, write_trained_base

    if args.kind == "trained":
        write_trained_base(
            args.out, pictures=args.pictures, vae_steps=args.vae_steps, unet_steps=args.unet_steps, seed=args.seed
        )
    elif args.kind in ("flux", "sd3"):
        if args.checkout is None:
            raise SystemExit(f"base {args.kind} needs --checkout: the trainer's own classes make it")
        from rig_transformers import write_flux_base, write_sd3_base

        (write_flux_base if args.kind == "flux" else write_sd3_base)(args.out, args.checkout)
    elif args.kind == "sdxl":
        write_sdxl_base(args.out)
    else:
        write_random_base(args.out, args.kind)


def dump_parsers(args: argparse.Namespace) -> None:
    """Write the parsers of `args.checkout`."""
    from dump_parsers import dump

    dump(args.checkout.resolve(), args.out.resolve())


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("environment")
    base = verbs.add_parser("base")
    base.add_argument("out", type=Path)
    base.add_argument("kind", choices=("small", "full", "trained", "sdxl", "flux", "sd3"))
    base.add_argument("--checkout", type=Path, help="sd-scripts; for FLUX.1 and SD 3.5, whose classes are its own")
    base.add_argument("--pictures", type=int, default=12000)
    base.add_argument("--vae-steps", type=int, default=700)
    base.add_argument("--unet-steps", type=int, default=3000)
    base.add_argument("--seed", type=int, default=20261121)
    parsers = verbs.add_parser("parsers")
    parsers.add_argument("checkout", type=Path)
    parsers.add_argument("out", type=Path)
    args = parser.parse_args()
    if args.verb == "environment":
        install_environment()
    elif args.verb == "base":
        make_base(args)
    else:
        dump_parsers(args)


if __name__ == "__main__":
    main()
