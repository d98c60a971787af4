"""The matcher against a second writing of its rule for numbers: what the benchmark restates for itself, without the matcher's code."""

from decimal import Decimal

from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.benchmarks.matcher import restated
from tests.grading.matching.pairs import UNDECIDED, repeatable, result

numbers = st.decimals(min_value=-9999, max_value=9999, places=3)
# what a model may have made of the number: the same, nearly the same, off in a late or an early digit, in sign or size
factors = st.sampled_from(
    ["1", "1.0001", "0.9999", "1.004", "0.996", "1.01", "1.03", "0.97", "1.2", "-1", "10", "0.01", "2"]
).map(Decimal)
styles = st.sampled_from(["{:f}", "{:.0f}", "{:.1f}", "{:.2f}", "{:.3f}", "{:.4f}", "{:.2e}", "{:.4e}", "{:.0e}"])


@settings(repeatable, max_examples=400)
@given(numbers, factors, styles, styles)
def test_numbers_are_decided_as_the_rule_restated_says(number, factor, key_style, answer_style):
    key, answer = key_style.format(number), answer_style.format(number * factor)

    found = result(key, answer)

    event(f"{found.value}")
    assert found is UNDECIDED or found is restated(key, answer)


@settings(repeatable, max_examples=100)
@given(st.lists(st.tuples(numbers, factors), min_size=2, max_size=4), styles, styles)
def test_lists_of_numbers_are_decided_as_the_rule_restated_says(pairs, key_style, answer_style):
    key = f"[{', '.join(key_style.format(number) for number, _factor in pairs)}]"
    answer = f"[{', '.join(answer_style.format(number * factor) for number, factor in pairs)}]"

    found = result(key, answer)

    assert found is UNDECIDED or found is restated(key, answer)
