"""Pages of releases for everybody: list, release, files, questions as released, reports. Organisers' pages are in `desk`."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from hle_site.accounts import actions as account_actions
from hle_site.accounts.enums import DocumentKind
from questions.enums import ItemChange, ReleaseStatus
from questions.models import Question, Release, ReleaseItem, Terms
from questions.querysets import PUBLISHED
from questions.releases import errata, files
from questions.releases.forms import ErratumForm, LicenceForm
from questions.releases.selection import EVER_PUBLISHED
from questions.releases.verification import MANIFEST, parquet_path
from questions.workflow import Refused

PER_PAGE = 30
MOST_CHANGES = 200
CONTENT_TYPES = {"md": "text/markdown; charset=utf-8", "json": "application/json", "jsonl": "application/x-ndjson"}


@login_not_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """All published releases with their size by category; for organisers also those in preparation."""
    visible = Release.objects.visible_to(request.user)
    published = visible.filter(status__in=EVER_PUBLISHED).order_by("-published_at", "-pk")
    page = Paginator(published, PER_PAGE).get_page(request.GET.get("page"))
    counts = category_counts(*page.object_list)
    context = {
        "page": page,
        "releases": [(release, counts.get(release.pk, [])) for release in page.object_list],
        "in_preparation": visible.filter(status__in=[ReleaseStatus.DRAFT, ReleaseStatus.FROZEN])[:PER_PAGE]
        if request.user.has_perm("questions.view_release_build")
        else [],
        "may_manage": request.user.has_perm("questions.manage_release"),
        "may_see_errata": request.user.has_perm("questions.view_release_build"),
    }
    return render(request, "releases/index.html", context)


def category_counts(*releases: Release) -> dict[Any, list[tuple[str, int]]]:
    """Return release id -> (category, public questions), most first, in one query."""
    rows = (
        ReleaseItem.objects.in_public()
        .filter(release__in=releases)
        .order_by()
        .values_list("release", "row__category")
        .annotate(count=Count("pk"))
    )
    found: dict[Any, list[tuple[str, int]]] = {}
    for release, category, count in sorted(rows, key=lambda row: (-row[2], row[1])):
        found.setdefault(release, []).append((category, count))
    return found


@login_not_required
@require_safe
def detail(request: HttpRequest, version: str) -> HttpResponse:
    """What a release is: card, files, changes, how to load it, and its questions by id."""
    release = find(request, version)
    if release.status not in EVER_PUBLISHED:
        return redirect("releases:prepare", version)
    return _detail(request, release, LicenceForm())


def _detail(request: HttpRequest, release: Release, form: LicenceForm, *, status: int = 200) -> HttpResponse:
    items = release.items.in_public().order_by("public_id").only("release", "public_id", "row", "row_hash")
    changes = release.items.exclude(change=ItemChange.SAME).filter(split="public").order_by("change", "public_id")
    context = {
        "release": release,
        "counts": category_counts(release).get(release.pk, []),
        "files": [*release.manifest.get("files", [])],
        "changes": changes[:MOST_CHANGES] if release.previous_id else [],
        "items": Paginator(items, PER_PAGE).get_page(request.GET.get("page")),
        "parquet": parquet_path(release.manifest.get("split", "test")).removeprefix("data/"),
        "may_download": may_read_files(request, release),
        "may_manage": request.user.has_perm("questions.manage_release"),
        **_licence_context(release, form),
    }
    return render(request, "releases/detail.html", context, status=status)


def _licence_context(release: Release, form: LicenceForm) -> dict[str, Any]:
    licence = Terms.objects.filter(kind=DocumentKind.DATA_LICENCE, version=release.licence_version).first()
    return {"licence": licence, "licence_form": form}


@require_POST
def accept(request: HttpRequest, version: str) -> HttpResponse:
    """Accept the licence of a release; from then on its questions are open to the account."""
    release = find(request, version)
    form = LicenceForm(request.POST)
    if not form.is_valid():
        return _ask_for_licence(request, release, form, status=400)
    account_actions.accept(user=request.user, kind=DocumentKind.DATA_LICENCE, version=release.licence_version)
    messages.success(request, _("You accepted the licence. You can download the files and read the questions now."))
    return redirect("releases:detail", version)


def _ask_for_licence(
    request: HttpRequest, release: Release, form: LicenceForm | None = None, *, status: int = 403
) -> HttpResponse:
    context = {"release": release, **_licence_context(release, form or LicenceForm())}
    return render(request, "releases/licence.html", context, status=status)


@login_not_required
@require_safe
def manifest(request: HttpRequest, version: str) -> HttpResponse:
    """The manifest as it lies beside the files; it names them and their checksums, no question."""
    release = find(request, version)
    if not release.built_at:
        raise Http404
    return _serve(request, release, MANIFEST, release.manifest_sha256)


@require_safe
def download(request: HttpRequest, version: str, path: str) -> HttpResponse:
    """One file of a release, for people who accepted the licence; only what the manifest names."""
    release = find(request, version)
    entry = files.entry_of(release, path)
    if entry is None:
        raise Http404
    if not request.user.has_perm("questions.download_release", release):
        return _ask_for_licence(request, release)
    if not may_read_files(request, release):
        return render(request, "releases/yanked.html", {"release": release}, status=403)
    return _serve(request, release, path, entry["sha256"])


def may_read_files(request: HttpRequest, release: Release) -> bool:
    """True when the files are open to the account: published ones under the licence, others to organisers and auditors.

    An organiser or auditor with a conflict in the release reads published files under the licence, like everybody.
    """
    needed = "download_release" if release.status in PUBLISHED else "download_unpublished"
    return bool(request.user.has_perm(f"questions.{needed}", release))


def _serve(request: HttpRequest, release: Release, path: str, sha256: str) -> HttpResponse:
    etag = quote_etag(sha256)
    if answered := get_conditional_response(request, etag=etag):
        return answered
    name = path.rpartition("/")[2]
    kind = CONTENT_TYPES.get(name.rpartition(".")[2], "application/octet-stream")
    response = FileResponse(files.open_file(release, path), as_attachment=True, filename=name, content_type=kind)
    response["ETag"], response["Cache-Control"] = etag, "private, no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_safe
def item(request: HttpRequest, version: str, public_id: str) -> HttpResponse:
    """One question as it was released, with a form to report an error."""
    release = find(request, version)
    found = _find_item(request, release, public_id)
    if not request.user.has_perm("questions.download_release", release):
        return _ask_for_licence(request, release)
    return _item(request, found, ErratumForm())


def _item(request: HttpRequest, found: ReleaseItem, form: ErratumForm, *, status: int = 200) -> HttpResponse:
    context = {
        "item": found,
        "release": found.release,
        "revision": found.revision,
        "form": form,
        "errata": errata.visible(found, user=request.user),
        "may_report": request.user.has_perm("questions.report_erratum"),
    }
    return render(request, "releases/item.html", context, status=status)


@require_safe
def picture(request: HttpRequest, version: str, public_id: str, which: str) -> HttpResponse:
    """The picture of a released question or of its rationale."""
    found = _find_item(request, find(request, version), public_id)
    attachment = found.image if which == "question" else found.rationale_image
    if attachment is None or not request.user.has_perm("questions.download_release", found.release):
        raise Http404
    response = FileResponse(attachment.file.open("rb"), content_type=attachment.media_type)
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_POST
def report(request: HttpRequest, version: str, public_id: str) -> HttpResponse:
    """Report that a released question is wrong."""
    found = _find_item(request, find(request, version), public_id)
    if not request.user.has_perm("questions.report_erratum"):
        return _ask_for_licence(request, found.release)
    form = ErratumForm(request.POST)
    if not form.is_valid():
        return _item(request, found, form, status=400)
    try:
        errata.report(item=found, text=form.cleaned_data["text"], by=request.user)
    except Refused as refusal:
        form.add_error("text", refusal.sentences)
        return _item(request, found, form, status=400)
    messages.success(request, _("Thank you. The organisers were told, and you will get an answer on the site."))
    return redirect("releases:item", version, public_id)


def find(request: HttpRequest, version: str) -> Release:
    """Return a release that the reader may know of, or 404."""
    visible = Release.objects.visible_to(request.user).select_related("previous", "frozen_by", "published_by")
    return get_object_or_404(visible, version=version)


def _find_item(request: HttpRequest, release: Release, public_id: str) -> ReleaseItem:
    """Return a question of the public split; before publication only to those who may read the question itself."""
    items = release.items.filter(split="public").select_related("release", "revision", "image", "rationale_image")
    found = get_object_or_404(items, public_id=public_id)
    is_open = release.status in EVER_PUBLISHED
    if not is_open and not Question.objects.visible_to(request.user).filter(pk=found.question_id).exists():
        raise Http404
    return found
