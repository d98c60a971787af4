"""Pictures that people upload: recognised by content, decoded in a limited process, written anew from their pixels.

What comes back holds pixels only: no metadata, no trailing data, nothing that another parser could read differently.
It is PNG or JPEG, which every model and every reader of a release takes; WebP becomes one of them.
Run as a script this file is that process: the picture on standard input, a line of JSON and the new picture on standard output.
"""

import contextlib
import hashlib
import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 25_000_000
MEMORY_BYTES = 512 * 1024 * 1024
CPU_S = 5
WALL_S = 6
JPEG_QUALITY = 90
GROWTH = 3  # times max_bytes that the new picture may have: photographs grow when they are written anew

_MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg"}
_EXTENSIONS = {"PNG": "png", "JPEG": "jpg"}


class RefusedPicture(ValueError):
    """The upload is no picture that the site takes; the message says why and what to do."""


class Picture(NamedTuple):
    """A picture as the site keeps it, named by the hash of its own bytes."""

    bytes: bytes
    media_type: str
    width: int
    height: int
    sha256: str
    extension: str


def recognise(data: bytes) -> str | None:
    """Return PNG, JPEG or WEBP by the first bytes, whatever the file is called; None for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return None


def process(data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Picture:
    """Return the picture written anew from its pixels. Raises RefusedPicture with a sentence for its uploader."""
    if not data:
        raise RefusedPicture(_("This file is empty. Choose a PNG, JPEG or WebP picture."))
    if len(data) > max_bytes:
        sizes = {"size": f"{len(data) / 1024**2:.1f}", "limit": f"{max_bytes / 1024**2:g}"}
        raise RefusedPicture(_("This file has %(size)s MB; the limit is %(limit)s MB. Make it smaller.") % sizes)
    kind = recognise(data)
    if kind is None:
        raise RefusedPicture(_("This file is not a PNG, JPEG or WebP picture. Save it as one of these and try again."))
    answer, pixels = _decode_apart(data, kind, max_pixels, GROWTH * max_bytes)
    if "refused" in answer:
        raise RefusedPicture(_sentence(answer, max_pixels))
    return Picture(
        pixels,
        _MEDIA_TYPES[answer["kind"]],
        answer["width"],
        answer["height"],
        hashlib.sha256(pixels).hexdigest(),
        _EXTENSIONS[answer["kind"]],
    )


def _sentence(answer: dict, max_pixels: int) -> str:
    size = {
        "width": answer.get("width", 0),
        "height": answer.get("height", 0),
        "limit": f"{max_pixels / 1e6:g}",
    }
    return {
        "animated": _("This picture moves. Choose a still picture, or save one frame of it."),
        "large": _("This picture has %(width)s by %(height)s pixels; the limit is %(limit)s million. Make it smaller.")
        % size,
        "detail": _("This picture has more detail than the site can keep. Make it smaller and try again."),
        "effort": _("This picture needs too much time or memory to read. Save it anew or make it smaller."),
    }.get(answer["refused"], _("This picture is damaged or incomplete. Open it, save it anew and try again."))


def _decode_apart(data: bytes, kind: str, max_pixels: int, most_bytes: int) -> tuple[dict, bytes]:
    """Return the answer of the decoding process and the new picture; a process that dies or hangs is an answer too."""
    command = [sys.executable, "-I", __file__, kind, str(max_pixels), str(most_bytes)]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and file, the data on standard input only
            command, input=data, capture_output=True, timeout=WALL_S, cwd="/", env={"LC_ALL": "C.UTF-8"}, check=False
        )
    except subprocess.TimeoutExpired:
        return {"refused": "effort"}, b""
    if done.returncode < 0:  # ended by a signal: out of time, or a crash of a decoder
        return {"refused": "effort"}, b""
    line, _newline, pixels = done.stdout.partition(b"\n")
    try:
        return json.loads(line), pixels
    except ValueError:
        return {"refused": "damaged"}, b""


# --- the decoding process ---


def _limit_this_process() -> None:
    import resource  # not on Windows

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


class _TooMuchDetail(Exception):
    pass


class _Bounded(io.BytesIO):
    """A file that stops its writer at so many bytes: a small WebP may become a PNG a hundred times as large."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def write(self, part: Any) -> int:
        """Write, or stop the writer."""
        if self.tell() + len(part) > self.most:
            raise _TooMuchDetail
        return super().write(part)


def _rewrite(data: bytes, kind: str, max_pixels: int, most_bytes: int) -> tuple[dict, bytes]:
    """Return what the file holds, and its first picture upright, in 8 bits, without anything but pixels."""
    from PIL import Image, ImageOps  # in the limited process only

    Image.MAX_IMAGE_PIXELS = None  # the limit below is ours
    with Image.open(io.BytesIO(data), formats=[kind]) as image:
        width, height = image.size
        if width * height > max_pixels:
            return {"refused": "large", "width": width, "height": height}, b""
        # a JPEG may carry a preview or a depth map as further pictures: that is no animation
        if kind != "JPEG" and getattr(image, "n_frames", 1) > 1:
            return {"refused": "animated"}, b""
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        plain = _eight_bits(image, keeps_palette=kind == "PNG")
    is_photograph = kind == "JPEG" or (kind == "WEBP" and b"VP8L" not in data and plain.mode == "RGB")
    if is_photograph and plain.mode not in {"L", "RGB"}:
        plain = plain.convert("RGB")
    target = "JPEG" if is_photograph else "PNG"
    options = {"quality": JPEG_QUALITY, "subsampling": 0} if is_photograph else {"compress_level": 6}
    plain.info = {key: value for key, value in plain.info.items() if key == "transparency"}
    out = _Bounded(most_bytes)
    plain.save(out, format=target, **options)
    return {"kind": target, "width": plain.width, "height": plain.height}, out.getvalue()


def _eight_bits(image: "Image", *, keeps_palette: bool) -> "Image":
    """Return the picture in a mode that every browser and model reads."""
    if image.mode.startswith("I;16") or image.mode in {"I", "F"}:
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode in {"1", "L", "LA", "RGB", "RGBA"} or (image.mode == "P" and keeps_palette):
        return image
    has_alpha = image.mode in {"PA", "La", "RGBa"} or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB")


def _main() -> None:
    with contextlib.suppress(ImportError):
        _limit_this_process()
    data, kind, limits = sys.stdin.buffer.read(), sys.argv[1], map(int, sys.argv[2:])
    try:
        answer, pixels = _rewrite(data, kind, *limits)
    except _TooMuchDetail:
        answer, pixels = {"refused": "detail"}, b""
    except MemoryError:
        answer, pixels = {"refused": "effort"}, b""
    except Exception:  # noqa: BLE001 - decoders raise anything at broken files; the one answer is the same
        answer, pixels = {"refused": "damaged"}, b""
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + pixels)


if __name__ == "__main__":
    _main()
