"""Tags and filters of the interface."""

from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Engine

from hle_site.templatetags import ui

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (None, ""),
        (NOW, "just now"),
        (NOW - timedelta(seconds=59), "just now"),
        (NOW + timedelta(seconds=5), "in a moment"),
        (NOW - timedelta(minutes=1), "1 minute ago"),
        (NOW - timedelta(hours=3, minutes=59), "3 hours ago"),
        (NOW + timedelta(days=2, hours=1), "in 2 days"),
        (NOW - timedelta(days=400), "1 year ago"),
    ],
)
def test_relative_time_in_words(when, words):
    assert ui.relative(when, NOW) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0, "0.0 s"), (3.41, "3.4 s"), (42, "42 s"), (180, "3 min"), (7500, "2 h 5 min")],
)
def test_duration_has_units(seconds, words):
    assert ui.duration(seconds) == words


@pytest.mark.parametrize(("count", "shown"), [(None, ""), (7, "7"), (1_000, "1,000"), (1_001, "1,000+")])
def test_counts_are_capped(count, shown):
    assert ui.capped(count) == shown


@pytest.mark.parametrize(("index", "shown"), [(0, "A"), (4, "E"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA")])
def test_letter_of_an_option(index, shown):
    assert ui.letter(index) == shown


@pytest.mark.parametrize(("code", "name"), [("en", "English"), ("de", "German"), ("tlh", "tlh")])
def test_language_of_a_question_is_named(code, name):
    assert ui.language(code) == name


@pytest.mark.parametrize(("part", "whole", "percent"), [(1, 2, 50), (0, 0, 0), (5, 4, 100), (-1, 4, 0), (1, 3, 33)])
def test_share_stays_within_a_hundred(part, whole, percent):
    assert ui.share(part, whole) == percent


def test_difference_names_what_changed():
    assert ui.changes("the sum is 1/6", "the whole sum is 1/9") == [
        ("same", "the"),
        ("added", " whole"),
        ("same", " sum is 1/"),
        ("removed", "6"),
        ("added", "9"),
    ]


@pytest.mark.parametrize(("old", "new"), [("", ""), ("a", ""), ("", "b"), ("a\n\nb c", "a b\tc"), ("$x^2$", "$x^3$ é")])
def test_difference_holds_both_texts(old, new):
    changes = ui.changes(old, new)

    assert "".join(change.text for change in changes if change.op != "added") == old
    assert "".join(change.text for change in changes if change.op != "removed") == new


def test_unknown_status_keeps_its_name():
    assert ui.look("question", "brand_new") == ("Brand new", "neutral", "dot")


def test_every_look_has_words_hue_and_a_shape_that_exists(settings):
    shapes = (settings.BASE_DIR / "static" / "img" / "icons.svg").read_text()

    for looks in ui.LOOKS.values():
        for look in looks.values():
            assert str(look.label)
            assert look.hue in {"neutral", "good", "warn", "bad", "info"}
            assert f'id="{look.icon}"' in shapes


def test_markup_filter_escapes_what_it_renders():
    template = Engine(builtins=["hle_site.templatetags.ui"]).from_string("{{ text|markup_inline }}")

    assert template.render(Context({"text": "<b> $x$"})) == '&lt;b&gt; <span class="math" data-tex="x">x</span>'
