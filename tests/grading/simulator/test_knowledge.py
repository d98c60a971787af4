"""What simulated models know and make up: pure functions, no process."""

from fractions import Fraction
from pathlib import Path

import pytest

from grading import judging, prompts
from grading.simulator import arithmetic, facts, replies
from grading.simulator.questions import BadRequest, normalise, read, text_sha256
from grading.simulator.script import BadScript, Script, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is 17 * 23?", "391"),
        ("2+2", "4"),
        ("Compute 2 + 3 * 4.", "14"),
        ("What is (2 + 3) * 4?", "20"),
        ("What is $12 \\times 12$?", "144"),
        ("Calculate \\(\\frac{3}{4} + \\frac{1}{4}\\)", "1"),
        ("What is 1/3?", "1/3"),
        ("What is 7 / 8?", "0.875"),
        ("What is -7/8?", "-0.875"),
        ("what is 2^10", "1024"),
        ("What is $2^{10}$?", "1024"),
        ("What is 2^3^2?", "512"),
        ("What is -2^2?", "-4"),
        ("2**-1", "0.5"),
        ("Find the value of 5!", "120"),
        ("What is 12 squared?", "144"),
        ("What is the square root of 144?", "12"),
        ("What is 15% of 80?", "12"),
        ("What is 3 plus 4 minus 2?", "5"),
        ("What is the sum of 3 and 4?", "7"),
        ("What is the product of 6 and 7?", "42"),
        ("How much is 1,000,000 + 1?", "1000001"),
        ("Evaluate 0.1 + 0.2", "0.3"),
        ("What does 7 times 8 equal?", "56"),
        ("What is 7 × 8 = ?", "56"),
        ("What is 42?", None),
        ("What is the square root of 2?", None),
        ("What is 1/0?", None),
        ("What is 9^9^9?", None),
        ("What is 99999!?", None),
        ("What is 2 +?", None),
        ("What is (2 + 3?", None),
        ("What is x + 2?", None),
        ("__import__('os').system('x')", None),
        ("(" * 190 + "1+1", None),
        ("-" * 190 + "1", None),
        ("", None),
    ],
)
def test_arithmetic(text, expected):
    assert arithmetic.solve(text) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is the capital of France?", "Paris"),
        ("Name the chemical symbol for GOLD.", "Au"),
        ("What is the atomic number of iron?", "26"),
        ("In which year did the first humans land on the Moon?", "1969"),
        ("How many planets are in the solar system?", "8"),
        ("What is the capital of Atlantis?", None),
        ("capital " * 30 + "france", None),
    ],
)
def test_facts(question, expected):
    assert facts.find(question) == expected


def test_every_shipped_fact_is_the_one_its_own_words_find():
    shadowed = [
        fact for fact in facts.shipped() if facts.find(" ".join(min(any_of) for any_of in fact.words)) != fact.answer
    ]

    assert len(facts.shipped()) >= 80
    assert shadowed == []


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("42", "42.0", True),
        (" Paris. ", "paris", True),
        ("1,000", "1000", True),
        ("$42$", "42", True),
        ("1e3", "1000", True),
        ("42", "43", False),
        ("Paris", "Rome", False),
        ("", "0", False),
    ],
)
def test_is_equal(left, right, expected):
    assert replies.is_equal(left, right) is expected


def test_normalised_questions_meet():
    assert normalise("  What\r\n is  CAFE\u0301? ") == "what is caf\u00e9?"


def test_question_is_read_from_the_prompt_of_the_platform():
    picture = "data:image/png;base64," + "A" * 400
    messages = prompts.messages(prompt="Which one?", options=["red", "green (B. no)"], image_data_uri=picture)

    question = read(messages)

    assert [tuple(option) for option in question.options] == [("A", "red"), ("B", "green (B. no)")]
    assert question.image_bytes == 300
    assert question.sha256 == text_sha256("Which one?")


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        ["x"],
        [{"content": "x"}],
        [{"role": "user"}],
        [{"role": "user", "content": [1]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://elsewhere/x.png"}}]}],
    ],
)
def test_messages_that_are_none_are_refused(messages):
    with pytest.raises(BadRequest):
        read(messages)


def _asked(text, *, model="simulated-a", options=(), schema=None):
    question = read(prompts.messages(prompt=text, options=list(options)))
    return replies.Asked(model, question, replies.identify(question), 1, schema)


def _says(text, **asked):
    return replies.text_of(_asked(text, **asked), Script(), None).splitlines()


def test_unknown_question_gets_a_made_up_answer_that_differs_by_model():
    said = {model: _says("Why?", model=model) for model in ("simulated-a", "simulated-b")}

    assert said["simulated-a"] == _says("Why?", model="simulated-a")
    assert said["simulated-a"][0].startswith("Explanation: simulated-a is a simulated model")
    assert said["simulated-a"][1].startswith("Answer: simulated-")
    assert said["simulated-a"][1] != said["simulated-b"][1]


def test_known_answer_is_given_as_the_letter_of_its_option():
    assert _says("What is 2 + 2?", options=["3", "5", "4"])[1] == "Answer: C"


def test_choice_is_picked_among_the_letters_and_differs_between_questions():
    picked = {_says(f"Which one of set {n}?", options=list("vwxyz"))[1] for n in range(40)}

    assert picked == {f"Answer: {letter}" for letter in "ABCDE"}


@pytest.mark.parametrize(
    ("key", "response", "correct", "extracted"),
    [
        ("42", "Explanation: x\nAnswer: 42.0\nConfidence: 70%", "yes", "42.0"),
        ("42", "Answer: 41\nExplanation: then\nFinal answer: 42", "yes", "42"),
        ("42", "Answer: 43", "no", "43"),
        ("42", "It is 42, I think", "no", "None"),
        ("Paris", "**Answer:** paris", "yes", "paris"),
    ],
)
def test_judge_compares_what_is_quoted(key, response, correct, extracted):
    messages = judging.judge_messages(question="Q", key=key, response=response, boundary="b" * 20)
    question = read(messages)
    asked = replies.Asked("simulated-judge", question, replies.identify(question), 1, judging.JUDGE_SCHEMA)

    judged = judging.parse_judge(replies.text_of(asked, Script(), None))

    assert (judged.correct, judged.extracted_final_answer) == (correct == "yes", extracted)
    assert judged.confidence == (70 if "70%" in response else 100)


def test_judge_prompt_is_known_by_what_it_quotes():
    prompts_of_one = [
        read(judging.judge_messages(question="Q", key="1", response="R", boundary=letter * 20)) for letter in "ab"
    ]

    assert len({replies.identify(question).sha256 for question in prompts_of_one}) == 1


def test_other_schema_is_filled_with_the_safe_answer():
    properties = {
        "declined": {"type": "string", "enum": ["yes", "no"]},
        "sure": {"type": "boolean"},
        "why": {"type": "string"},
    }
    asked = _asked("Anything", schema={"type": "object", "properties": properties})

    assert replies.text_of(asked, Script(), None) == '{"declined": "no", "sure": false, "why": "none"}'


@pytest.mark.parametrize(
    "data",
    [
        {"fixed": [{"answer": "1"}]},
        {"fixed": [{"contains": "x", "sha256": "y"}]},
        {"fixed": [{"contains": "x", "fault": "no such"}]},
        {"faults": {"429": 0.7, "500": 0.7}},
        {"faults": {"999": 0.1}},
        {"delay_s": [2, 1]},
        {"models": {"real-model": {}}},
        {"models": {"simulated-vendor/real-model": {}}},
        {"dialect": "openai_responses"},
    ],
)
def test_script_that_cannot_be_meant_is_refused(data):
    with pytest.raises(BadScript):
        parse(data, folder=Path())


def test_arithmetic_agrees_with_fractions():
    for left in range(-3, 4):
        for right in range(1, 9):
            assert Fraction(arithmetic.solve(f"{left} / {right} + 1")) == Fraction(left, right) + 1
