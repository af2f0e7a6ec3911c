"""The rules, one file each. These two lists are the registry: a rule that is in none of them does not exist.

They are functions because a launch waits for the first and not for the second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.diagnose.rule import Rule


def rules_before() -> tuple[Rule, ...]:
    """Return the rules that judge before the run, most of them after it too; by id."""
    from orchestrator.diagnose.rules import (
        alpha_scale,
        caption_bom,
        caption_extension_mismatch,
        caption_many_lines,
        caption_too_long,
        checkpoint_count,
        empty_caption,
        few_pictures,
        ignored_pictures,
        lr_out_of_band,
        min_snr_odd,
        missing_captions,
        missing_trigger,
        nested_pictures,
        no_hold_out,
        no_pictures,
        orphan_captions,
        prodigy_lr_not_1,
        shared_stem,
        small_buckets,
        steps_arithmetic,
        text_encoder_lr_high,
        too_few_steps,
        too_many_steps,
        turned_picture,
        unreadable_caption,
        unreadable_picture,
        validation_invalid,
        warmup_too_long,
    )

    return (
        steps_arithmetic.RULE,
        too_few_steps.RULE,
        too_many_steps.RULE,
        no_pictures.RULE,
        nested_pictures.RULE,
        unreadable_picture.RULE,
        missing_captions.RULE,
        caption_extension_mismatch.RULE,
        orphan_captions.RULE,
        missing_trigger.RULE,
        empty_caption.RULE,
        unreadable_caption.RULE,
        caption_bom.RULE,
        caption_many_lines.RULE,
        caption_too_long.RULE,
        turned_picture.RULE,
        shared_stem.RULE,
        few_pictures.RULE,
        ignored_pictures.RULE,
        small_buckets.RULE,
        lr_out_of_band.RULE,
        prodigy_lr_not_1.RULE,
        alpha_scale.RULE,
        text_encoder_lr_high.RULE,
        validation_invalid.RULE,
        no_hold_out.RULE,
        checkpoint_count.RULE,
        warmup_too_long.RULE,
        min_snr_odd.RULE,
    )


def rules_after() -> tuple[Rule, ...]:
    """Return the rules that judge after the run only; by id."""
    from orchestrator.diagnose.rules import (
        always_clipped,
        captions_not_read,
        collapsed_loss,
        disk_full,
        diverging,
        early_plateau,
        final_file_missing,
        final_file_not_finite,
        final_file_unreadable,
        final_file_zero,
        held_out_rising,
        learning_too_slow,
        loss_trend,
        lr_dead_tail,
        memorised_training_pictures,
        nan_latents,
        nan_loss,
        no_data_found,
        nothing_learned,
        out_of_memory,
        plateau_reached,
        prodigy_runaway,
        prodigy_stuck,
        rank_saturated,
        rank_unused,
        schedule_artefact,
        steps_short,
        still_falling,
        telemetry_missing,
        text_encoder_dominant,
        trainer_crashed,
        unstable_training,
        weight_blow_up,
        weights_static,
        worse_than_base,
    )

    return (
        nan_loss.RULE,
        collapsed_loss.RULE,
        weights_static.RULE,
        nan_latents.RULE,
        loss_trend.RULE,
        still_falling.RULE,
        held_out_rising.RULE,
        out_of_memory.RULE,
        disk_full.RULE,
        trainer_crashed.RULE,
        no_data_found.RULE,
        captions_not_read.RULE,
        final_file_missing.RULE,
        final_file_unreadable.RULE,
        final_file_zero.RULE,
        final_file_not_finite.RULE,
        steps_short.RULE,
        diverging.RULE,
        unstable_training.RULE,
        worse_than_base.RULE,
        nothing_learned.RULE,
        learning_too_slow.RULE,
        plateau_reached.RULE,
        early_plateau.RULE,
        memorised_training_pictures.RULE,
        telemetry_missing.RULE,
        weight_blow_up.RULE,
        schedule_artefact.RULE,
        lr_dead_tail.RULE,
        prodigy_stuck.RULE,
        prodigy_runaway.RULE,
        text_encoder_dominant.RULE,
        rank_unused.RULE,
        rank_saturated.RULE,
        always_clipped.RULE,
    )


def all_rules() -> tuple[Rule, ...]:
    """Return every rule, by id."""
    return tuple(sorted((*rules_before(), *rules_after()), key=lambda rule: rule.id))
