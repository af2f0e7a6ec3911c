from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.core.finding import Confidence, Severity, Status
from orchestrator.core.observation import Observations
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.trainer_crashed import RULE
from orchestrator.diagnose.symptoms import SYMPTOMS, match_symptom
from orchestrator.observe.console import ConsoleParser
from orchestrator.run.records.model import Ending
from tests.diagnose.cases import catches, catches_not, event, observed, outcome
from tests.several_processes import ABORTED, KILLED, OTHERS, OUT_OF_MEMORY_THEN_ABORTED, OWN_ERROR


def _crashed(text: str, kind: str = "traceback") -> Case:
    launcher = event("launcher-error", "subprocess.CalledProcessError: Command returned non-zero exit status 1.")
    seen = Observations(events=(event(kind, text, where="train_util.py:1966 read_caption"), launcher))
    return Case(observations=seen, outcome=outcome(Ending.FAILED, "crash", 1))


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (
            "RuntimeError: Error(s) in loading state_dict for UNet2DConditionModel: size mismatch for x",
            "another family",
        ),
        ("safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge", "damaged"),
        ("OSError: Can't load tokenizer for 'openai/clip-vit-large-patch14'.", "downloaded"),
        ("RuntimeError: stack expects each tensor to be equal size, but got [4, 64, 64]", "Cached latents"),
        ("ValueError: Attempting to unscale FP16 gradients.", "fp16"),
        ("RuntimeError: NaN detected in latents: a.png", "VAE"),
        ("AssertionError: network for Text Encoder cannot be trained with caching Text Encoder outputs", "exclude"),
        ("AssertionError: when caching Text Encoder output, either caption_dropout_rate, shuffle_caption", "shuffling"),
        ("AssertionError: caption file is empty / x: a.txt", "empty"),
        ("UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff", "UTF-8"),
        ("PIL.UnidentifiedImageError: cannot identify image file 'a.png'", "picture"),
        ("train_network.py: error: unrecognized arguments: --cache_text_encoder_outputs", "does not know"),
        ("ModuleNotFoundError: No module named 'bitsandbytes'", "package"),
        ("RuntimeError: CUDA error: no kernel image is available for execution on the device", "graphics card"),
        ("subprocess.CalledProcessError: died with <Signals.SIGKILL: 9>.", "killed"),
        ("AssertionError: duplicated lora name: lora_unet_time_embedding_linear_1", "twice"),
        ("RuntimeError: use_libuv was requested but PyTorch was build without libuv support", "libuv"),
    ],
)
def test_frequent_symptoms_are_told_with_their_cause(words: str, cause: str) -> None:
    finding = catches(RULE, _crashed(words), Severity.STOP)
    assert cause in finding.message.en
    assert finding.confidence is Confidence.HIGH
    assert finding.evidence[0].value == words[:200]


@pytest.mark.parametrize(
    ("said", "words", "cause"),
    [
        (KILLED, "exitcode  : -9 (pid: 23115)", "killed the trainer"),
        (KILLED.replace(" (SIGKILL)", ""), "exitcode  : -9 (pid: 23115)", "killed the trainer"),
        (ABORTED, "exitcode  : -6 (pid: 23115)", "number 1 failed first, with exit code -6"),
        (
            OUT_OF_MEMORY_THEN_ABORTED.replace("torch.OutOf", "X").replace("out of", "xx"),
            "XMemoryError",
            "XMemoryError",
        ),
        (OWN_ERROR, "KeyError: 'one'", "KeyError"),
        (OTHERS, "RuntimeError: [pair.cc:553]", "had ended before"),
        (
            KILLED + "[rank0]: Traceback (most recent call last):\n[rank0]: ValueError: later",
            "ValueError: later",
            "later",
        ),
    ],
    ids=[
        "killed",
        "killed, older torch",
        "aborted",
        "own error, then aborted",
        "own error",
        "others only",
        "an earlier attempt's",
    ],
)
def test_of_several_processes_the_first_that_failed_is_told(said: str, words: str, cause: str) -> None:
    parser = ConsoleParser()
    seen = Observations(events=tuple(filter(None, map(parser.feed, said.splitlines()))))
    finding = catches(RULE, Case(observations=seen, outcome=outcome(Ending.FAILED, "crash", 1)), Severity.STOP)
    assert str(finding.evidence[0].value).startswith(words)
    assert cause in finding.message.en


@pytest.mark.parametrize(
    ("words", "package"),
    [
        ("ModuleNotFoundError: No module named 'bitsandbytes'", "bitsandbytes"),
        ("ModuleNotFoundError: No module named 'lycoris.kohya'", "lycoris-lora"),
        ("ModuleNotFoundError: No module named 'cv2'", "opencv-python"),
        ("ImportError: No bitsandbytes / bitsandbytesがインストールされていないようです", "bitsandbytes"),
        ("ImportError: No dadaptation / dadaptation がインストールされていないようです", "dadaptation"),
        ("ImportError: No Prodigy / Prodigy がインストールされていないようです", "prodigyopt"),
        ("ImportError: No lion_pytorch / lion_pytorch がインストールされていないようです", "lion-pytorch"),
        ("ImportError: No schedulefree / schedulefreeがインストールされていないようです", "schedulefree"),
        ("ImportError: No xformers / xformersがインストールされていないようです", "xformers"),
    ],
)
def test_a_missing_package_is_named_with_its_command(words: str, package: str) -> None:
    finding = catches(RULE, _crashed(words), Severity.STOP)
    assert finding.message.en.endswith(f"lacks the package {package}.")
    assert finding.fix is not None
    assert f"`python -m pip install {package}`" in finding.fix.advice.en
    assert f"`python -m pip install {package}`" in finding.fix.advice.zh


@pytest.mark.parametrize(
    ("module", "optimizer", "changes"),
    [
        ("bitsandbytes", "AdamW8bit", [("train.optimizer_type", "AdamW", "AdamW8bit")]),
        ("bitsandbytes", "Lion8bit", []),
        ("xformers", "AdamW", [("train.attention", "sdpa", "xformers")]),
        ("dadaptation", "DAdaptAdam", []),
    ],
)
def test_what_torch_can_stand_in_for_is_proposed(
    module: str, optimizer: str, changes: list[tuple[str, str, str]]
) -> None:
    crashed = replace(_crashed(f"ImportError: No {module} / {module}が"), settings={"optimizer_type": optimizer})
    fix = catches(RULE, crashed).fix
    assert fix is not None
    assert [(c.key, c.value, c.before) for c in fix.changes] == changes
    assert all(c.is_safe for c in fix.changes)


@pytest.mark.parametrize(
    "words",
    [
        "ImportError: cannot import name 'cached_download' from 'huggingface_hub'",
        "ImportError: libcudart.so.12: cannot open shared object file",
        "ModuleNotFoundError: No module named 'library.train_util'",
    ],
)
def test_a_package_that_is_there_and_does_not_load_is_not_called_missing(words: str) -> None:
    finding = catches(RULE, _crashed(words))
    assert "cannot be loaded" in finding.message.en
    assert finding.fix is not None
    assert "pip install" not in finding.fix.advice.en


def test_an_unknown_exception_is_told_in_the_trainers_words() -> None:
    finding = catches(RULE, _crashed("ValueError: something new"), Severity.STOP)
    assert finding.message.en == "The trainer ended with an error: ValueError: something new"
    assert "train_util.py:1966" in finding.evidence[0].source


def test_without_any_words_the_outcome_speaks() -> None:
    case = Case(outcome=outcome(Ending.FAILED, "crash", 1, "the last line", ""))
    assert catches(RULE, case).evidence[0].value == "the last line"


@pytest.mark.parametrize("ending", [Ending.SUCCEEDED, Ending.INTERRUPTED, Ending.STOPPED])
def test_a_run_that_ended_otherwise_is_clear(ending: Ending) -> None:
    seen = Observations(events=(event("traceback", "KeyboardInterrupt"),))
    catches_not(RULE, Case(observations=seen, outcome=outcome(ending)), Status.CLEAR)


def test_a_foreign_log_with_a_traceback_and_no_saved_model_failed() -> None:
    trace = event("traceback", "ValueError: x")
    catches(RULE, observed(events=[trace]))
    catches_not(RULE, observed(events=[trace, event("model-saved")]), Status.CLEAR)
    catches_not(RULE, observed(), Status.CLEAR)


def test_no_symptom_matches_ordinary_words() -> None:
    assert match_symptom("ValueError: expected 3 values") is None
    assert len({symptom.cause.zh for symptom in SYMPTOMS}) == len(SYMPTOMS)


def test_a_trainer_that_fell_silent_is_told() -> None:
    assert "silent" in catches(RULE, Case(outcome=outcome(Ending.STOPPED, "no-output", -15)), Severity.STOP).message.en


def test_an_error_after_the_file_was_saved_is_only_told() -> None:
    catches(RULE, Case(outcome=outcome(Ending.SUCCEEDED, "exit-error", 1, "Traceback")), Severity.INFO)
    rescued = Case(outcome=outcome(Ending.SUCCEEDED, "rescued", 1, "Traceback"))
    assert "made from the last saved state" in catches(RULE, rescued, Severity.INFO).message.en


def test_exit_code_0_without_a_result_is_left_to_the_file_rules() -> None:
    catches_not(RULE, Case(outcome=outcome(Ending.FAILED, "no-model", 0)), Status.CLEAR)
