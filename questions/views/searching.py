"""The search of the site: what the reader may read, newest first."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from questions import paging
from questions import search as searching
from questions.forms import SearchForm


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """What holds the words of the address."""
    form = SearchForm(request.GET)
    if not form.is_valid():
        return render(request, "questions/search.html", {"form": form}, status=400)
    text = form.cleaned_data["q"]
    if not text:
        return render(request, "questions/search.html", {"form": SearchForm()})
    found = searching.found(text, request.user)
    page = paging.page(found, request.GET)
    context = {
        "form": form,
        "text": text,
        "count": searching.count(found, page),
        "rows": searching.rows(page.items, text),
        "page": page,
    }
    return render(request, "questions/search.html", context)
