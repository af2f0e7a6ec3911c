from __future__ import annotations

import pytest

from orchestrator.dataset.tags import caption_style, loose, normal, presumed_trigger, split_tags, tag_counts, tagged


def test_a_caption_is_split_as_the_trainer_does() -> None:
    assert split_tags("\ufeffzxq, long hair ,, smile,") == ["zxq", "long hair", "", "smile", ""]
    assert split_tags("zxq; smile", ";") == ["zxq", "smile"]


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("Long_Hair", "long hair"),
        (" long  hair ", "long hair"),
        ("(long hair:1.2)", "long hair"),
        ("((long hair))", "long hair"),
        ("[long hair]", "long hair"),
        ("lily \\(flower\\)", "lily (flower)"),
        ("lily (flower)", "lily (flower)"),
        ("saber_(fate)", "saber (fate)"),
        ("^_^", "^_^"),
        ("o_o", "o_o"),
        (">:(", ">:("),
        (":d", ":d"),
        ("ｌｏｎｇ hair", "long hair"),
        ("", ""),
        ("()", ""),
    ],
)
def test_tags_are_compared_as_people_mean_them(tag: str, meant: str) -> None:
    assert normal(tag) == meant


def test_spellings_of_one_tag_have_one_loose_form() -> None:
    for same in (("fullbody", "full-body", "Full_Body"), ("gray hair", "grey hair"), ("flat color", "flat colour")):
        assert len({loose(tag) for tag in same}) == 1
    assert loose("^_^") != loose("o_o") != loose(":o")
    assert loose("red hair") != loose("red chair")


@pytest.mark.parametrize(
    ("caption", "style"),
    [
        ("zxq, 1girl, smile", "tags"),
        ("zxq, from behind, looking back, looking at viewer", "tags"),
        ("1girl, solo", "tags"),
        ("zxq，微笑，红发，蓝裙", "tags"),
        ("score_9, score_8_up, 1girl, day and night, depth of field", "tags"),
        ("a woman in a red dress standing in front of a house", "sentences"),
        ("A photo of alicexyz. She has red hair, blue eyes and a white hat.", "sentences"),
        ("girl with red hair and blue eyes standing in a field of flowers", "sentences"),
        ("一个穿着红色连衣裙的女孩站在花园里，阳光洒在她长长的头发上。", "sentences"),
        ("glxtrophy, a golden trophy, white dotted background", "tags"),
        ("glxtrophy, a golden trophy on the right on a table, green background", "unclear"),
        ("a woman in red", "unclear"),
        ("a woman in a red hat", "sentences"),
        ("zxq", "unclear"),
        ("zxq girl", "unclear"),
        ("", "unclear"),
        (", ,", "unclear"),
    ],
)
def test_lists_of_tags_are_told_from_sentences(caption: str, style: str) -> None:
    assert caption_style(caption) == style


def test_a_tag_counts_once_per_caption() -> None:
    counts = tag_counts([tagged("zxq, smile, Smile"), tagged("zxq, sad, sky")])
    assert (counts["zxq"], counts["smile"]) == (2, 1)


def test_the_trigger_is_presumed_only_where_enough_captions_begin_with_it() -> None:
    captions = [tagged(f"zxq, tag{i}, smile") for i in range(9)]
    assert presumed_trigger(captions) is None
    assert presumed_trigger([*captions, tagged("hat, sky, moon")]) == "zxq"
    assert presumed_trigger([*captions, *[tagged("hat, sky, moon")] * 4]) is None
    assert presumed_trigger([tagged("1girl, smile, sky")] * 20, ["1girl"]) is None


def test_tags_of_many_captions_are_kept_once() -> None:
    one, two = tagged("zxq, long red hair, smile"), tagged("smile, abc, long red hair")
    assert one.pieces[1] is two.pieces[2]
