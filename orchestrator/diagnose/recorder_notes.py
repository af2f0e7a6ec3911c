"""What the recorder inside the trainer's process, and the reader of its file, had to say, in both languages.

The recorder stands alone and writes English. What it may write is known: a test holds this table against its source.
"""

from __future__ import annotations

import re

from orchestrator.core.text import Text, same

_KNOWN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), chinese)
    for pattern, chinese in (
        (r"(.+) is missing: what it tells is not recorded", r"\1 不存在：其内容不会被记录"),
        (r"(.+) has no parameter (.+): what it tells is not recorded", r"\1 没有参数 \2：其内容不会被记录"),
        (
            r"the accelerator names no optimizer: learning rates are not recorded",
            "accelerator 没有给出优化器：不记录学习率",
        ),
        (r"(.+) is not as expected: no gradient norms", r"\1 与预期不同：不记录梯度范数"),
        (r"(.+) has no NetworkTrainer", r"\1 中没有 NetworkTrainer"),
        (r"(.+) is off after step (\d+): (.+)", r"\1 在第 \2 步之后关闭：\3"),
        (
            r"every validation picture is a training picture too: none is held out",
            "每张验证图片同时也是训练图片：没有留出图片",
        ),
        (r"the captions are not plain text", "标注不是纯文本"),
        (r"the tokens of the batch are not those of its captions", "批次中的 token 与其标注不符"),
        (
            r"text encoder outputs are cached and the text encoders were freed",
            "文本编码器的输出已缓存，文本编码器已被释放",
        ),
        (
            r"a text encoder is trained while outputs of another are cached",
            "一个文本编码器在训练，而另一个的输出已缓存",
        ),
        (r"the text encoders do not give the cached outputs again", "文本编码器给出的结果与缓存的输出不同"),
        (r"no caption of the probe holds the trigger", "探针图片的标注都不含触发词"),
        (r"the model is spread over processes \((.+)\)", r"模型分布在多个进程上（\1）"),
        (r"the network \((.+)\) cannot be switched off", r"网络（\1）无法关闭"),
        (r"the data set does not say which pictures it holds", "数据集没有说明包含哪些图片"),
        (r"process_batch did not call get_noise_pred_and_target", "process_batch 没有调用 get_noise_pred_and_target"),
        (r"the trainer drew a timestep (\d+) away from (\d+)", r"训练器抽取的时间步与 \2 相差 \1"),
        (r"(?:end: )?exception", "训练因异常结束"),
        (r"(.+): only its first (\d+) MiB were read", r"\1：只读取了前 \2 MiB"),
        (
            r"(.+): a second recorder began at line (\d+); what stood before is left out",
            r"\1：第 \2 行开始了另一次记录；此前的内容不用",
        ),
        (
            r"(.+): its first line is missing; what kind of recording it is was guessed",
            r"\1：缺少首行；记录的种类是推测的",
        ),
        (
            r"(.+): (\d+) line\(s\) not readable, the first at line (\d+); left out",
            r"\1：\2 行无法读取，首处在第 \3 行；已略去",
        ),
        (
            r"(.+): (\d+) line\(s\) with values of a wrong kind, the first at line (\d+); left out",
            r"\1：\2 行的数值类型不对，首处在第 \3 行；已略去",
        ),
        (
            r"(.+): format (.+), of another version of this tool; (.+) is known",
            r"\1：格式 \2 属于本工具的另一版本；已知的是 \3",
        ),
        (
            r"(.+): steps out of order; of (\d+) lines (\d+) were kept, the last of each step",
            r"\1：步的顺序错乱；\2 行中保留了 \3 行，每步取最后一行",
        ),
        (r"(.+): cannot be read \((.+)\)", r"\1：无法读取（\2）"),
    )
)
_CODE = re.compile(r"(?:hook-missing|probe-off|no-trigger-probe|held-out|error): ")
"""What kind of note it is: for programs."""


def told_note(note: str) -> Text:
    """Return a note in both languages; one that is not known stays as it was written."""
    said = _CODE.sub("", note, count=1) if _CODE.match(note) else note
    for pattern, chinese in _KNOWN:
        match = pattern.fullmatch(said)
        if match is not None:
            return Text(said, match.expand(chinese))
    return same(said)
