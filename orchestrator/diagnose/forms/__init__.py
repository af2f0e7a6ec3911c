"""Mistakes of form that have a page like a rule: found while a recipe is read or compiled, before any rule runs."""

from __future__ import annotations

from orchestrator.diagnose.forms import no_effect_option, unknown_key

FORM_CHECKS = (unknown_key.FORM_CHECK, no_effect_option.FORM_CHECK)
