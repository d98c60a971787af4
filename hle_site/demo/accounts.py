"""The people of the demo: plainly invented, one per thing that a visitor may want to try, one password for all."""

from dataclasses import dataclass

DEMO_PASSWORD = "demo-only-password"  # noqa: S105 - printed on the first page of the demo

ALL_SUBJECTS = (
    "Math",
    "Biology/Medicine",
    "Computer Science/AI",
    "Physics",
    "Humanities/Social Science",
    "Chemistry",
    "Engineering",
    "Other",
)


@dataclass(frozen=True, kw_only=True)
class DemoPerson:
    """One account of the demo; a contributor needs no role, a researcher accepts the data licence instead."""

    key: str
    email: str
    name: str
    roles: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    affiliation: str = ""
    accepts_licence: bool = False
    try_this: str = ""


DEMO_PEOPLE = (
    DemoPerson(
        key="contributor1",
        email="contributor1@demo.invalid",
        name="Demo Contributor Ada",
        subjects=("Math", "Physics", "Humanities/Social Science", "Other"),
        affiliation="Demo University North",
        try_this="Write a question, test it against the simulated models, and answer a reviewer.",
    ),
    DemoPerson(
        key="contributor2",
        email="contributor2@demo.invalid",
        name="Demo Contributor Ben",
        subjects=("Computer Science/AI", "Biology/Medicine", "Chemistry", "Engineering"),
        affiliation="Demo Institute of the Fens",
        try_this="Revise the question about automata, for which changes were requested.",
    ),
    DemoPerson(
        key="reviewer1",
        email="reviewer1@demo.invalid",
        name="Demo Reviewer Chika",
        roles=("reviewer",),
        subjects=ALL_SUBJECTS,
        affiliation="Demo Polytechnic East",
        try_this="Take the next question from the pool: solve it, reveal the key, score it.",
    ),
    DemoPerson(
        key="reviewer2",
        email="reviewer2@demo.invalid",
        name="Demo Reviewer Dario",
        roles=("reviewer",),
        subjects=ALL_SUBJECTS,
        affiliation="Demo College by the Lake",
        try_this="Review a question that already has one review: it stays hidden until yours is in.",
    ),
    DemoPerson(
        key="senior",
        email="senior@demo.invalid",
        name="Demo Senior Reviewer Edda",
        roles=("senior_reviewer",),
        subjects=ALL_SUBJECTS,
        affiliation="Demo Academy South",
        try_this="Settle the disagreement about the calendar question, then recommend one in round 2.",
    ),
    DemoPerson(
        key="organiser1",
        email="organiser1@demo.invalid",
        name="Demo Organiser Farid",
        roles=("organiser",),
        affiliation="Demo Benchmark Office",
        try_this="Decide a question that waits for a decision, then freeze a release.",
    ),
    DemoPerson(
        key="organiser2",
        email="organiser2@demo.invalid",
        name="Demo Organiser Greta",
        roles=("organiser",),
        affiliation="Demo Benchmark Office",
        try_this="Publish the release that the other organiser froze: nobody may do both.",
    ),
    DemoPerson(
        key="auditor",
        email="auditor@demo.invalid",
        name="Demo Auditor Hana",
        roles=("auditor",),
        affiliation="Demo Audit Chamber",
        try_this="Follow one question through the audit log. You can change nothing.",
    ),
    DemoPerson(
        key="administrator",
        email="administrator@demo.invalid",
        name="Demo Administrator Ivo",
        roles=("administrator",),
        affiliation="Demo Benchmark Office",
        try_this="Manage accounts and roles. Questions stay closed to you.",
    ),
    DemoPerson(
        key="researcher",
        email="researcher@demo.invalid",
        name="Demo Researcher Jun",
        affiliation="Demo Laboratory West",
        accepts_licence=True,
        try_this="Download the published release and report an error in one of its questions.",
    ),
)
