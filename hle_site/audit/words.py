"""Acts of the log and the things that they were done to, in words. Codes stay what is stored, searched and chained."""

from __future__ import annotations

import re
from typing import Any

from django.apps import apps
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

_STATE = re.compile(r"[a-z_]+( [\d.]+)?")

# area -> its name and its acts; the code of an act is area.act
ACTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "question": (
        _("Questions"),
        {
            "create": _("Wrote a draft"),
            "read": _("Read the question"),
            "start_check": _("Started the model test"),
            "cancel_check": _("Stopped the model test"),
            "pass_check": _("Model test passed"),
            "fail_check": _("Model test failed"),
            "revise": _("Began a revision"),
            "keep_check": _("Kept the earlier test"),
            "submit_for_review": _("Submitted for review"),
            "request_changes": _("Requested changes"),
            "recommend": _("Passed on for a decision"),
            "approve": _("Approved"),
            "reject": _("Declined"),
            "desk_reject": _("Declined without review"),
            "mark_duplicate": _("Marked as duplicate"),
            "override_check": _("Let it pass although models solved it"),
            "reopen": _("Reopened"),
            "withdraw": _("Withdrew"),
            "retract": _("Retracted"),
        },
    ),
    "questions": (_("Imports"), {"import": _("Imported questions")}),
    "pair": (
        _("Near-duplicates"),
        {"dismiss": _("Judged two questions different"), "undo": _("Took that judgement back")},
    ),
    "check": (
        _("Model tests"),
        {
            "park": _("Parked the test"),
            "resume": _("Went on with the test"),
            "rejudge": _("Had answers judged again"),
            "substitute": _("Put a substitute model in"),
            "withdraw": _("Took the pass back"),
        },
    ),
    "prediction": (
        _("Models' answers"),
        {"read": _("Read a model's whole reply"), "judge": _("Judged a model's answer")},
    ),
    "contest": (
        _("Contests"),
        {
            "open": _("Contested a verdict"),
            "uphold": _("Upheld a contest"),
            "dismiss": _("Dismissed a contest"),
        },
    ),
    "key_alarm": (_("Alarms about a key"), {"clear": _("Cleared the alarm")}),
    "key": (_("Keys"), {"confirm": _("Confirmed the own key")}),
    "round": (
        _("Rounds"),
        {"open": _("Opened a round"), "settle": _("Settled a round"), "close": _("Closed a round")},
    ),
    "assignment": (
        _("Assignments"),
        {
            "take": _("Took a question to review"),
            "invite": _("Invited a reviewer"),
            "accept": _("Accepted an invitation"),
            "decline": _("Declined an invitation"),
            "hand_back": _("Handed a question back"),
            "expire": _("Let an invitation run out"),
            "invalidate": _("Ended an assignment"),
        },
    ),
    "solve": (
        _("Own answers"),
        {"record": _("Recorded an own answer"), "confirm": _("Compared an own answer by hand")},
    ),
    "review": (_("Reviews"), {"submit": _("Handed a review in")}),
    "comment": (_("Messages"), {"create": _("Wrote a message")}),
    "triage": (_("Questions to seniors"), {"ask": _("Asked a senior reviewer to look")}),
    "decision": (_("Decisions"), {"create": _("Decided")}),
    "appeal": (_("Appeals"), {"file": _("Appealed"), "decide": _("Answered an appeal")}),
    "retraction": (
        _("Retractions"),
        {"propose": _("Proposed a retraction"), "confirm": _("Confirmed a retraction")},
    ),
    "release": (
        _("Releases"),
        {
            "draft": _("Began a release"),
            "hold_back": _("Held a question back"),
            "take_in": _("Took a question in again"),
            "accept_duplicates": _("Accepted near-duplicates"),
            "freeze": _("Froze the release"),
            "build": _("Built the files"),
            "publish": _("Published the release"),
            "supersede": _("Replaced by a newer release"),
            "discard": _("Gave the release up"),
            "yank": _("Stopped the download"),
        },
    ),
    "erratum": (
        _("Errata"),
        {
            "report": _("Reported an error"),
            "answer": _("Answered a report"),
            "resolve": _("Corrected in a release"),
        },
    ),
    "provider": (
        _("Providers"),
        {
            "create": _("Added a provider"),
            "change": _("Changed a provider"),
            "terms": _("Recorded an agreement"),
            "test": _("Tested the connection"),
            "open_circuit": _("Left a failing provider alone"),
            "close_circuit": _("Asked the provider again"),
        },
    ),
    "model": (_("Models"), {"create": _("Added a model"), "change": _("Changed a model")}),
    "panel": (
        _("Panels"),
        {
            "load": _("Loaded a panel from a file"),
            "save": _("Saved a panel"),
            "use": _("Put a panel to use"),
        },
    ),
    "policy": (_("Policies"), {"create": _("Stored a policy")}),
    "budget": (
        _("Budgets"),
        {
            "set": _("Set a cap"),
            "stop": _("Stopped paid calls"),
            "go_on": _("Let paid calls go on"),
        },
    ),
    "ledger": (_("Costs"), {"reconcile": _("Settled a cost by hand")}),
    "role": (
        _("Roles"),
        {
            "propose": _("Proposed a role"),
            "grant": _("Gave a role"),
            "revoke": _("Took a role away"),
            "refuse": _("Refused a proposal"),
        },
    ),
    "conflict": (_("Conflicts of interest"), {"declare": _("Declared a conflict")}),
    "document": (_("Terms and licences"), {"accept": _("Accepted a document")}),
    "token": (_("API tokens"), {"create": _("Made a token"), "revoke": _("Revoked a token")}),
    "demo": (_("Demonstration"), {"seed": _("Filled in the example data")}),
}


def of_act(code: str) -> str:
    """Return an act in words, or its code when it has none."""
    area, _dot, act = code.partition(".")
    _name, acts = ACTS.get(area, ("", {}))
    return str(acts.get(act, code))


def of_object(kind: str) -> str:
    """Return what a kind of object such as `questions.question` is called."""
    try:
        return capfirst(str(apps.get_model(kind)._meta.verbose_name))
    except (LookupError, ValueError):
        return kind


def of_state(code: str) -> str:
    """Return a state such as `in_review` without its underscores; everything else stays as it is."""
    return code.replace("_", " ") if _STATE.fullmatch(code) else code


def choices() -> list[tuple[Any, Any]]:
    """Return all acts for a select: each area by the beginning of its codes, then its acts."""
    groups = [
        (name, [(f"{area}.", _("All of these")), *((f"{area}.{act}", words) for act, words in acts.items())])
        for area, (name, acts) in ACTS.items()
    ]
    return [("", _("Every act")), *groups]
