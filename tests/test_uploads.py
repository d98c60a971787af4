"""Uploaded pictures: rewritten from pixels, or refused with a sentence; no file crashes or stalls the site."""

import hashlib
import io
import os
import struct
import time
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, PngImagePlugin

from hle_site import uploads
from hle_site.uploads import RefusedPicture, process

CANARY = b"CANARY-7f3a"


def saved(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, format=kind, **options)
    return out.getvalue()


def drawing(mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", (60, 40), "white")
    ImageDraw.Draw(image).ellipse((10, 10, 50, 30), fill="teal")
    return image.convert(mode)


def opened(picture: uploads.Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.bytes))


def png_claiming(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("kind", "options", "media_type", "extension"),
    [
        ("PNG", {}, "image/png", "png"),
        ("JPEG", {}, "image/jpeg", "jpg"),
        ("WEBP", {}, "image/jpeg", "jpg"),
        ("WEBP", {"lossless": True}, "image/png", "png"),
    ],
)
def test_picture_is_rewritten_and_named_by_its_hash(kind, options, media_type, extension):
    picture = process(saved(drawing(), kind, **options))

    assert (picture.media_type, picture.extension, picture.width, picture.height) == (media_type, extension, 60, 40)
    assert picture.sha256 == hashlib.sha256(picture.bytes).hexdigest()
    assert opened(picture).size == (60, 40)


def test_same_upload_gives_the_same_bytes():
    data = saved(drawing(), "PNG")

    assert process(data).bytes == process(data).bytes


def test_png_pixels_are_unchanged():
    picture = process(saved(drawing("RGBA"), "PNG"))

    assert opened(picture).tobytes() == drawing("RGBA").tobytes()


def test_transparent_webp_keeps_its_transparency():
    image = drawing("RGBA")
    image.putpixel((0, 0), (0, 0, 0, 0))

    picture = process(saved(image, "WEBP", lossless=True))

    assert (picture.media_type, opened(picture).getpixel((0, 0))[3]) == ("image/png", 0)


def test_metadata_is_gone():
    exif = Image.Exif()
    exif[0x010E] = CANARY.decode()
    exif.get_ifd(0x8825)[1] = CANARY.decode()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", CANARY.decode())
    jpeg = saved(drawing(), "JPEG", exif=exif, comment=CANARY, icc_profile=CANARY)
    png = saved(drawing(), "PNG", exif=exif, pnginfo=text, icc_profile=CANARY)

    assert CANARY in jpeg
    assert CANARY in png
    for data in (jpeg, png):
        picture = process(data)
        assert CANARY not in picture.bytes
        assert dict(opened(picture).getexif()) == {}
        assert {"exif", "icc_profile", "comment", "Comment"} & set(opened(picture).info) == set()


@pytest.mark.parametrize("tail", [CANARY, b"PK\x03\x04" + CANARY, b"%PDF-1.7" + CANARY, b"<script>" + CANARY])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_what_follows_the_picture_is_gone(kind, tail):
    assert CANARY not in process(saved(drawing(), kind) + tail).bytes


def test_turned_photograph_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6

    picture = process(saved(drawing(), "JPEG", exif=exif))

    assert (picture.width, picture.height) == (40, 60)


def test_print_colours_become_screen_colours():
    assert opened(process(saved(drawing("CMYK"), "JPEG"))).mode == "RGB"


def test_sixteen_bits_become_eight():
    deep = Image.new("I;16", (4, 4), 0x8000)

    image = opened(process(saved(deep, "PNG")))

    assert (image.mode, image.getpixel((0, 0))) == ("L", 128)


def test_indexed_picture_keeps_its_transparency():
    image = drawing("P")
    picture = process(saved(image, "PNG", transparency=image.getpixel((0, 0))))

    assert opened(picture).convert("RGBA").getpixel((0, 0))[3] == 0


def test_animations_are_refused():
    frames = {"save_all": True, "append_images": [Image.new("RGB", (60, 40), "red")]}

    for kind in ("PNG", "WEBP"):
        with pytest.raises(RefusedPicture, match="moves"):
            process(saved(drawing(), kind, **frames))


@pytest.mark.parametrize(
    "data",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<?xml version='1.0'?><svg/>",
        b"GIF89a" + b"\0" * 50,
        b"BM" + b"\0" * 50,
        b"II*\0" + b"\0" * 50,
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"RIFF\0\0\0\0WAVE",
        b"hello",
        b"\0",
    ],
)
def test_other_formats_are_refused_by_content(data):
    with pytest.raises(RefusedPicture, match="not a PNG, JPEG or WebP"):
        process(data)


def test_empty_file_is_refused():
    with pytest.raises(RefusedPicture, match="empty"):
        process(b"")


def test_large_file_is_refused_with_its_size():
    with pytest.raises(RefusedPicture, match=r"5\.1 MB; the limit is 5 MB"):
        process(b"\x89PNG\r\n\x1a\n" + b"\0" * 5_350_000)


@pytest.mark.parametrize(("width", "height"), [(5_001, 5_000), (50_000, 50_000), (2**31 - 1, 2**31 - 1)])
def test_bomb_is_refused_before_it_is_unpacked(width, height):
    start = time.monotonic()
    with pytest.raises(RefusedPicture):
        process(png_claiming(width, height))

    assert time.monotonic() - start < uploads.WALL_S


def test_real_bomb_is_refused_by_its_pixels():
    with pytest.raises(RefusedPicture, match="6000 by 6000 pixels; the limit is 25 million"):
        process(saved(Image.new("1", (6000, 6000)), "PNG"))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.2, 0.6])
def test_truncated_picture_is_refused(kind, share):
    noise = Image.effect_noise((200, 200), 80).convert("RGB")
    data = saved(noise, kind)

    with pytest.raises(RefusedPicture, match="damaged"):
        process(data[: int(len(data) * share)])


@pytest.mark.parametrize("magic", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\x10\0\0\0WEBPVP8 "])
def test_noise_behind_a_right_beginning_is_refused(magic):
    with pytest.raises(RefusedPicture, match="damaged"):
        process(magic + bytes(range(256)) * 40)


def test_decoder_that_hangs_is_stopped(monkeypatch):
    monkeypatch.setattr(uploads, "WALL_S", 0.001)

    with pytest.raises(RefusedPicture, match="too much time or memory"):
        process(saved(drawing(), "PNG"))


def _hostile_files() -> list[Path]:
    folder = Path(os.environ.get("HLE_SAMPLE_DATA", "/nonexistent")) / "hostile" / "images"
    return sorted(folder.iterdir()) if folder.is_dir() else []


@pytest.mark.skipif(not _hostile_files(), reason="HLE_SAMPLE_DATA names no folder with hostile/images")
@pytest.mark.parametrize("path", _hostile_files(), ids=lambda path: path.name)
def test_hostile_file_is_answered_in_time(path):
    start = time.monotonic()
    try:
        picture = process(path.read_bytes())
    except RefusedPicture:
        picture = None

    assert time.monotonic() - start < uploads.WALL_S
    assert picture is None or opened(picture).size == (picture.width, picture.height)
