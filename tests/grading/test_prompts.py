"""Wording, layout and order of what a model is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grading import prompts
from grading.matching import extract

IMAGE = "data:image/png;base64,AAAA"


def test_system_prompt_asks_for_the_lines_that_extract_reads():
    asked = extract(prompts.system_prompt())

    assert asked.answer is not None
    assert asked.explanation is not None
    assert "Confidence:" in prompts.system_prompt()


def test_user_text_letters_the_options():
    assert prompts.user_text("Which?", ["red", "blue"]) == "Which?\n\nAnswer Choices:\nA. red\nB. blue"


def test_user_text_without_options_is_the_prompt():
    assert prompts.user_text("How many?", []) == "How many?"


def test_user_text_refuses_more_options_than_letters():
    with pytest.raises(ValueError, match="27 options"):
        prompts.user_text("Which?", ["x"] * 27)


@pytest.mark.parametrize(("supports_system", "role"), [(True, "system"), (False, "user")])
def test_messages_put_the_instructions_first(supports_system, role):
    messages = prompts.messages(prompt="How many?", supports_system=supports_system)

    assert messages == [
        {"role": role, "content": prompts.system_prompt()},
        {"role": "user", "content": "How many?"},
    ]


def test_messages_carry_the_image_as_a_part():
    messages = prompts.messages(prompt="What is shown?", image_data_uri=IMAGE)

    assert messages[1]["content"] == [
        {"type": "text", "text": "What is shown?"},
        {"type": "image_url", "image_url": {"url": IMAGE}},
    ]


@given(st.integers(), st.integers(min_value=1, max_value=26))
def test_options_order_maps_every_letter_back(seed, n):
    order = prompts.options_order(seed, n)
    options = [f"option {number}" for number in range(n)]
    shown = order.shown(options)

    assert sorted(shown) == sorted(options)
    for position, letter in enumerate(prompts.LETTERS[:n]):
        assert order.letter_of_author(order.letter_shown(letter)) == letter
        assert shown[prompts.LETTERS.index(order.letter_shown(letter))] == options[position]


def test_options_order_follows_the_seed():
    assert prompts.options_order(7, 6) == prompts.options_order(7, 6)
    assert len({prompts.options_order(seed, 6) for seed in range(20)}) > 10
