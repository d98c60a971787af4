"""The demo's questions are whole, cover every status, and fare in the simulated check as their target says."""

from collections import Counter
from itertools import product

import pytest

from grading.alarms import Given, against_key
from grading.matching import Result, match
from grading.policy import Outcome, decide
from grading.simulator import arithmetic, facts
from grading.simulator.script import load
from hle_site import markup
from hle_site.accounts.enums import Field, Role
from hle_site.demo import panel, pictures
from hle_site.demo.accounts import ALL_SUBJECTS, DEMO_PASSWORD, DEMO_PEOPLE
from hle_site.demo.content import QUESTIONS
from questions.enums import ReasonCode, Status
from review.enums import Audience, DecisionOutcome, Depth

PEOPLE = {person.key: person for person in DEMO_PEOPLE}
BY_KEY = {question.key: question for question in QUESTIONS}
REVIEWS = [(question, review) for question in QUESTIONS for review in question.reviews]
CHECKED = [question for question in QUESTIONS if question.target not in {"draft", "checking", "too_easy"}]
EXPLAINED = [question for question in CHECKED if question.target != "eligible"]
LETTERS = "ABCDEFGHIJ"
SCRIPT = load(panel.SCRIPT)


def models_asked(question):
    return panel.IMAGE_MODELS if question.picture else panel.TEXT_MODELS


def scripted(question):
    rows = [
        next((row for row in SCRIPT.fixed if row.fits(model=model, sha256="", text=question.prompt, attempt=1)), None)
        for model in models_asked(question)
    ]
    return [row for row in rows if row is not None]


def result(question, answer):
    return match(answer_type=question.answer_type, key=question.answer, answer=answer, options=question.options).result


def test_people_are_unique_and_cover_the_roles():
    roles = Counter(role for person in DEMO_PEOPLE for role in person.roles)

    assert len({person.email for person in DEMO_PEOPLE}) == len(PEOPLE) == len(DEMO_PEOPLE) == 10
    assert set(roles) == set(Role.values)
    assert roles[Role.REVIEWER] == roles[Role.ORGANISER] == 2
    assert all(person.name.startswith("Demo ") and person.email.endswith("@demo.invalid") for person in DEMO_PEOPLE)
    assert all(person.try_this and person.affiliation for person in DEMO_PEOPLE)
    assert len(DEMO_PASSWORD) >= 12


def test_no_contributor_shares_an_institution_with_anybody_who_judges():
    writers = {PEOPLE[question.author].affiliation for question in QUESTIONS}
    judges = {person.affiliation for person in DEMO_PEOPLE if person.roles}

    assert writers & judges == set()


def test_subjects_are_the_categories():
    assert set(ALL_SUBJECTS) == set(Field.values)
    assert {subject for person in DEMO_PEOPLE for subject in person.subjects} == set(Field.values)


def test_keys_and_prompts_are_unique():
    assert len(BY_KEY) == len(QUESTIONS)
    assert len({question.prompt for question in QUESTIONS}) == len(QUESTIONS)


def test_every_status_category_and_answer_type_is_there():
    assert {question.target for question in QUESTIONS} == set(Status.values)
    assert {question.category for question in QUESTIONS} == set(Field.values)
    assert {question.answer_type for question in QUESTIONS} == {"exactMatch", "multipleChoice"}
    assert {question.round for question in QUESTIONS if question.target == "in_review"} == {1, 2}


def test_a_release_can_be_made_and_more_is_approved_after_it():
    approved = Counter(question.released for question in QUESTIONS if question.target == "approved")

    assert approved[True] >= 6
    assert approved[False] >= 2
    assert [question.key for question in QUESTIONS if question.released and question.target != "approved"] == [
        "voting-power"
    ]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.key)
def test_question_is_whole(question):
    is_choice = question.answer_type == "multipleChoice"

    assert PEOPLE[question.author].roles == ()
    assert (len(question.options) >= 5 and question.answer in LETTERS[: len(question.options)]) == is_choice
    assert len(set(question.options)) == len(question.options)
    assert (question.picture is None) == (question.alt == "")
    assert question.picture is None or question.picture in pictures.DRAWERS
    assert question.prompt.count("$") % 2 == 0
    assert str(markup.render(question.prompt)).count("data-tex") >= question.prompt.count("$") // 4


@pytest.mark.parametrize("question", EXPLAINED, ids=lambda question: question.key)
def test_submitted_question_has_rationale_and_sources(question):
    assert question.rationale.count(".") >= 3
    assert question.sources
    assert question.ai_use


@pytest.mark.parametrize(("question", "review"), REVIEWS, ids=lambda value: getattr(value, "key", ""))
def test_review_is_whole(question, review):
    expected_role = Role.SENIOR_REVIEWER if review.round == 2 else Role.REVIEWER
    scale = range(7) if review.round == 2 else range(-1, 6)

    assert expected_role in PEOPLE[review.reviewer].roles
    assert review.score in scale
    assert review.depth in Depth.values
    assert len(review.feedback) > 30
    assert review.round == 2 or bool(review.answer) != bool(review.cannot_solve)
    assert (review.recommendation in DecisionOutcome.values) == (review.round == 2)
    assert review.revision == 1 or question.rewording


def test_each_person_reviews_a_revision_once_in_a_round():
    seats = Counter((question.key, review.revision, review.round, review.reviewer) for question, review in REVIEWS)

    assert set(seats.values()) == {1}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.key)
def test_first_round_scores_lead_where_the_question_goes(question):
    """The default review policy: two reviews, mean at least 3 and none at most 1 go on; -1, 0 or a spread of 3 do not."""
    last = max((review.revision for review in question.reviews), default=1)
    scores = [review.score for review in question.reviews if review.round == 1 and review.revision == last]
    goes_on = len(scores) == 2 and sum(scores) / 2 >= 3 and min(scores) > 1

    assert goes_on == (question.round == 2)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.key)
def test_what_was_approved_was_solved_by_somebody_else(question):
    last = 2 if question.rewording else 1
    solves = [result(question, review.answer) for review in question.reviews if review.revision == last]

    assert Result.EQUAL in solves or question.target not in {"approved", "retracted", "awaiting_decision"}


def test_decisions_name_people_and_codes():
    decided = {question.target for question in QUESTIONS if question.decision}
    codes = {question.decision.code for question in QUESTIONS if question.decision}
    retracted = BY_KEY["voting-power"].decision

    assert decided == {"approved", "rejected", "duplicate", "withdrawn", "retracted"}
    assert codes <= {"", *ReasonCode.values}
    assert {PEOPLE[key].roles for key in (retracted.by, retracted.second_by)} == {("organiser",)}
    assert retracted.by != retracted.second_by
    assert {question.duplicate_of for question in QUESTIONS} - {""} <= set(BY_KEY)


def test_comments_have_known_authors_and_audiences():
    comments = [comment for question in QUESTIONS for comment in question.comments]

    assert {comment.author for comment in comments} <= set(PEOPLE)
    assert {comment.audience for comment in comments} == set(Audience.values)


@pytest.mark.parametrize("question", CHECKED, ids=lambda question: question.key)
def test_scripted_answers_pass_the_check(question):
    results = [result(question, row.answer) for row in scripted(question)]
    verdicts = ["correct" if value is Result.EQUAL else "incorrect" for value in results]

    assert len(verdicts) == len(models_asked(question))
    assert decide(answer_type=question.answer_type, n_options=len(question.options), verdicts=verdicts) is Outcome.PASS
    assert verdicts.count("correct") == (question.key == "recurrence")


@pytest.mark.parametrize("question", CHECKED, ids=lambda question: question.key)
def test_models_agree_against_the_key_only_where_it_is_meant(question):
    given = [
        Given(str(number), row.answer, row.confidence, result(question, row.answer) is Result.EQUAL)
        for number, row in enumerate(scripted(question))
    ]

    alarm = against_key(given, answer_type=question.answer_type, key=question.answer, options=question.options)

    assert {"bandpass": ("A", 4), "period-three": ("20", 2)}.get(question.key) == (
        alarm and (alarm.answer, alarm.count)
    )


def test_rewording_keeps_its_scripted_answers():
    question = BY_KEY["prism-isomers"]
    fitting = [row for row in SCRIPT.fixed if row.contains in question.rewording.prompt]

    assert [row.answer for row in fitting] == [row.answer for row in scripted(question)]


def test_too_easy_questions_are_known_to_the_simulator():
    easy = {question.key: question for question in QUESTIONS if question.target == "too_easy"}
    answers = {key: arithmetic.solve(question.prompt) or facts.find(question.prompt) for key, question in easy.items()}

    assert answers == {key: question.answer for key, question in easy.items()}
    assert all(scripted(question) == [] for question in easy.values())


def test_parked_question_meets_one_refusal_and_no_right_answer():
    question = BY_KEY["stable-gains"]
    rows = scripted(question)
    verdicts = ["unscored" if row.fault else "incorrect" for row in rows]

    assert [row.fault for row in rows if row.fault] == ["refusal"]
    assert all(result(question, row.answer) is Result.DIFFERENT for row in rows if row.answer)
    assert decide(answer_type=question.answer_type, verdicts=verdicts) is Outcome.PARKED


def test_scripted_answer_speaks_to_one_question_and_never_as_the_judge():
    texts = {question.key: question.prompt for question in QUESTIONS}
    hits = {row.contains: [key for key, text in texts.items() if row.contains in text] for row in SCRIPT.fixed}

    assert [contains for contains, keys in hits.items() if len(keys) != 1] == []
    assert {row.models for row in SCRIPT.fixed} == set(panel.TEXT_MODELS)
    assert set(SCRIPT.models) == {*panel.TEXT_MODELS, panel.JUDGE}


def test_live_script_has_delays_and_no_faults_by_rate_and_the_seeding_copy_has_no_delays(tmp_path):
    seeding = load(panel.write_seeding_script(tmp_path))

    assert seeding.fixed == SCRIPT.fixed
    for name in (*SCRIPT.models, "simulated-other"):
        low, high = SCRIPT.behaviour(name).delay_s
        assert 1 <= low <= high <= 6
        assert SCRIPT.behaviour(name).faults == {}
        assert seeding.behaviour(name).delay_s == (0, 0)


def test_every_picture_is_used_once_and_drawn_alike_each_time():
    used = [question.picture for question in QUESTIONS if question.picture]
    drawn = {key: pictures.draw(key) for key in pictures.DRAWERS}

    assert sorted(used) == sorted(pictures.DRAWERS)
    assert all(pictures.draw(key) == png for key, png in drawn.items())
    assert all(png.startswith(b"\x89PNG") and len(png) < 200_000 for png in drawn.values())
    assert all(first == second or drawn[first] != drawn[second] for first, second in product(drawn, drawn))
