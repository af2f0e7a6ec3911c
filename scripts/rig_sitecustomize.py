"""Lets real, unedited sd-scripts train on a small CPU-only machine; `make_rig.py environment` installs it.

It belongs into the site-packages of the *trainer's* environment, as `sitecustomize.py`, never into the product's.
1. torchvision's wheels are built for CUDA torch; with a CPU torch their import fails on operators that do not exist.
   Declaring them is enough, nothing here ever calls them.
2. With SD_SMALL_UNET=1 in the environment, the widths of the SD1.x U-Net (module constants of `library.original_unet`)
   become 32, 64, 64, 64, those of SDXL's 32, 64, 128, that of FLUX 128; the text encoders of FLUX and SD 3.5 get two narrow layers.
   So a step takes tens of milliseconds instead of two seconds. All other code of the trainer stays what it is.
3. On several CPU processes accelerate wraps models without gradients too, which torch refuses; on GPUs it leaves them as they
   are. Here it does so on CPUs as well.
"""

from __future__ import annotations

import dataclasses
import importlib.abc
import importlib.machinery
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

SMALL = (32, 64, 64, 64)


class _AfterImport(importlib.abc.MetaPathFinder):
    busy = False

    def find_spec(
        self, name: str, path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name == "torchvision" and not _AfterImport.busy:
            _declare_torchvision_operators()
        mend = _MENDS.get(name)
        if mend is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            run(module)
            mend(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _shrink(module: Any) -> None:
    module.BLOCK_OUT_CHANNELS = SMALL
    module.TIMESTEP_INPUT_DIM = SMALL[0]
    module.TIME_EMBED_DIM = SMALL[0] * 4


def _shrink_sdxl(module: Any) -> None:
    module.MODEL_CHANNELS = SMALL[0]
    module.TIME_EMBED_DIM = SMALL[0] * 4


def _shrink_flux(module: Any) -> None:
    spec = module.configs["dev"]
    spec.params = dataclasses.replace(spec.params, hidden_size=128, num_heads=1)  # a head is 128 wide
    spec.ae_params = dataclasses.replace(spec.ae_params, ch=32, num_res_blocks=1)


def _shrink_flux_text(module: Any) -> None:
    """Widths that the transformer is fed with stay: 768 and 4096."""
    module.CLIPConfig = _narrowed(
        module.CLIPConfig, hidden_size=768, intermediate_size=64, num_attention_heads=12, num_hidden_layers=2
    )
    module.T5Config = _narrowed(
        module.T5Config, d_model=4096, d_ff=64, d_kv=16, num_heads=4, num_layers=2, vocab_size=128,
        feed_forward_proj="gated-gelu", is_gated_act=True, dense_act_fn="gelu_new",
    )  # fmt: skip


def _shrink_sd3_text(module: Any) -> None:
    module.CLIPTextConfig = _narrowed(module.CLIPTextConfig, intermediate_size=64, num_hidden_layers=2)


def _narrowed(config: Any, **small: Any) -> Callable[..., Any]:
    return lambda **given: config(**{**given, **small})


def _leave_frozen_models(module: Any) -> None:
    prepare = module.Accelerator.prepare_model

    def prepare_model(
        self: Any, model: Any, device_placement: bool | None = None, evaluation_mode: bool = False
    ) -> Any:
        is_frozen = not any(parameter.requires_grad for parameter in model.parameters())
        return prepare(self, model, device_placement, evaluation_mode or is_frozen)

    module.Accelerator.prepare_model = prepare_model


_MENDS: dict[str, Callable[[Any], None]] = {"accelerate.accelerator": _leave_frozen_models}
if os.environ.get("SD_SMALL_UNET") == "1":
    _MENDS |= {
        "library.original_unet": _shrink,
        "library.sdxl_original_unet": _shrink_sdxl,
        "library.flux_models": _shrink_flux,
        "library.flux_utils": _shrink_flux_text,
        "library.sd3_utils": _shrink_sd3_text,
    }


def _declare_torchvision_operators() -> None:
    _AfterImport.busy = True
    import torch

    if "+cpu" not in torch.__version__:
        return
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    holder: Any = sys.modules.setdefault("_torchvision_operators", type(sys)("_torchvision_operators"))
    holder.library = library


sys.meta_path.insert(0, _AfterImport())
