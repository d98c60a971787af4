"""What the README says of the code is what the code says of itself."""

from pathlib import Path

from hle_site.management.commands import print_pipeline

ROOT = Path(__file__).resolve().parent.parent


def test_pipeline_figure_is_printed_by_the_code() -> None:
    text = (ROOT / "README.md").read_text()

    figure = text.split("<!-- pipeline -->\n")[1].split("<!-- /pipeline -->")[0]

    assert figure == print_pipeline.text()
