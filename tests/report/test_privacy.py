from __future__ import annotations

import pytest

from orchestrator.report.privacy import Shortener, visible

CLEAN = Shortener(
    {
        "/home/wangwei": "~",
        "/home/wangwei/runs/alice-001": "",
        "/home/wangwei/sd-scripts": "sd-scripts",
        "C:\\Users\\Wei Wang": "~",
    },
    "wangwei",
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/wangwei/runs/alice-001/train.toml", "train.toml"),
        ("--config_file=/home/wangwei/runs/alice-001/train.toml", "--config_file=train.toml"),
        ("/home/wangwei/runs/alice-001", "."),
        ("/home/wangwei/runs/alice-0012/x", "~/runs/alice-0012/x"),
        ('File "/home/wangwei/sd-scripts/train_network.py", line 3', 'File "sd-scripts/train_network.py", line 3'),
        ("/home/other/a.safetensors", "~/a.safetensors"),
        ("C:\\Users\\Wei Wang\\models\\a.safetensors", "~/models\\a.safetensors"),
        ("D:\\secret project\\x", "…/x"),
        ("C:/Users/John Smith/models/base.safetensors", "~/models/base.safetensors"),
        ("--dir=/home/john smith/out", "--dir=~/out"),
        ("/home/john smith", "~"),
        ("/mnt/Client ACME (old), v2/shots", "…/shots"),
        ("\\\\nas\\jsmith\\out", "…/out"),
        ("--output_dir=//nas/j smith/out", "--output_dir=…/out"),
        ("/data/张三 照片/秘密/a.png", "…/a.png"),
        ("cannot open C:\\Users\\John Smith\\a.png for reading", "cannot open ~\\a.png for reading"),
        ("copied /mnt/my own/a.png to /mnt/z/b.png", "copied …/a.png to …/b.png"),
        ("no file '/mnt/Client (old), v2/a b.png' or `/mnt/x: y/b`", "no file '…/a b.png' or `…/b`"),
        ('at "/srv/john\'s things/a.png", 1/2', 'at "…/a.png", 1/2'),
        ("read /mnt/a/b: no such file (c/d)", "read …/b: no such file (c/d)"),
        ("/mnt/data/li.na/pictures", "…/pictures"),
        ("wangwei's model", "wangwei's model"),
        ("../wangwei/a.png", "../user/a.png"),
        ("/root/x.txt", "~/x.txt"),
        (
            "a/b, 1/2, ./rel/path, ../up, https://example.org/a/b",
            "a/b, 1/2, ./rel/path, ../up, https://example.org/a/b",
        ),
        ("(tag:1.2), [a|b], day/night", "(tag:1.2), [a|b], day/night"),
        ("data/10_zxq girl/01.png", "data/10_zxq girl/01.png"),
        ("token hf_abcdefghijklmnopqrst", "token ***"),
        ("keep_tokens 1", "keep_tokens 1"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert CLEAN(text) == shown
    assert CLEAN(shown) == shown  # saying it twice changes nothing


def test_control_and_direction_characters_are_written_out() -> None:
    assert visible("a\x1b[31m\u202egnp.exe\x00\n\t") == "a\\x1b[31m\\u202egnp.exe\\x00\n\t"


def test_names_that_are_not_utf8_can_be_encoded() -> None:
    assert visible("caf\udce9").encode() == b"caf?"


def test_plain_goes_into_objects_and_lists() -> None:
    assert CLEAN.plain({"/home/wangwei/a": ["/home/wangwei/b", 1, None]}) == {"~/a": ["~/b", 1, None]}
