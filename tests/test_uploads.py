"""Uploaded pictures: rewritten from pixels, or refused with a sentence; no file crashes or stalls the site."""

import hashlib
import io
import os
import random
import struct
import time
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat, PngImagePlugin

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


def chunk(name: bytes, body: bytes, *, check: int | None = None) -> bytes:
    """A chunk of a PNG, with a wrong check sum if given."""
    return (
        struct.pack(">I", len(body))
        + name
        + body
        + struct.pack(">I", zlib.crc32(name + body) if check is None else check)
    )


def png_claiming(width: int, height: int) -> bytes:
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


def png_with(*chunks: bytes) -> bytes:
    """A drawing with chunks between its header and its pixels."""
    data = saved(drawing(), "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg_with(*segments: bytes) -> bytes:
    """A drawing with segments after its beginning."""
    data = saved(drawing(), "JPEG")
    return data[:2] + b"".join(segments) + data[2:]


def interlaced() -> bytes:
    """A drawing of 8 by 8 in the seven passes of Adam7."""
    rows = [bytes([x * 30, y * 30, 99]) for y in range(8) for x in range(8)]
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    lines = [
        b"\0" + b"".join(rows[y * 8 + x] for x in range(left, 8, across))
        for left, top, across, down in passes
        for y in range(top, 8, down)
    ]
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 1)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"".join(lines)))
        + chunk(b"IEND", b"")
    )


BOMB = zlib.compress(b"\0" * 60_000_000)
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + CANARY + b"</x:xmpmeta>"
HTML = b"<!doctype html><script>alert('" + CANARY + b"')</script>"
REWRITTEN = {
    "HTML in a text chunk": png_with(chunk(b"tEXt", b"Comment\0" + HTML)),
    "HTML in a private chunk": png_with(chunk(b"htMl", HTML)),
    "XMP in a PNG": png_with(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)),
    "time in a PNG": png_with(chunk(b"tIME", b"\x07\xe0\1\1\1\1\1")),
    "ten thousand chunks": png_with(*[chunk(b"prIv", CANARY)] * 10_000),
    "XMP in a JPEG": jpeg_with(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)),
    "HTML in a comment of a JPEG": jpeg_with(segment(0xFE, HTML)),
    "many segments": jpeg_with(*[segment(0xEA, CANARY * 1000)] * 300),
    "Photoshop block": jpeg_with(segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04" + CANARY)),
    "small picture inside": jpeg_with(segment(0xE0, b"JFXX\0\x10" + saved(drawing(), "JPEG", comment=CANARY))),
    "WebP with metadata": saved(drawing(), "WEBP", xmp=XMP, icc_profile=CANARY),
    "progressive": saved(drawing(), "JPEG", progressive=True, comment=CANARY),
    "grey with transparency": saved(drawing("LA"), "PNG"),
    "black and white": saved(drawing("1"), "PNG"),
    "indexed with a table of transparency": saved(drawing("P"), "PNG", transparency=bytes(range(256))),
    "interlaced": interlaced(),
}  # fmt: skip


@pytest.mark.parametrize("data", REWRITTEN.values(), ids=REWRITTEN.keys())
def test_odd_picture_keeps_its_pixels_and_nothing_else(data):
    reference = Image.open(io.BytesIO(data)).convert("RGBA")

    picture = process(data)

    assert CANARY not in picture.bytes
    assert set(opened(picture).info) <= {"transparency", "jfif", "jfif_version", "jfif_unit", "jfif_density"}
    if picture.media_type == "image/png":
        assert opened(picture).convert("RGBA").tobytes() == reference.tobytes()
    else:
        assert ImageStat.Stat(ImageChops.difference(opened(picture), reference.convert("RGB"))).mean < [4.0] * 3


DAMAGED = {
    "wrong sum of the header": png_with()[:29] + b"\0\0\0\0" + png_with()[33:],
    "wrong sum of the pixels": png_with().replace(saved(drawing(), "PNG")[-20:-12], b"\1\2\3\4\5\6\7\x08"),
    "wrong sum of a chunk that is passed over": png_with(chunk(b"prIv", CANARY, check=1)),
    "place that is none": png_with(chunk(b"eXIf", b"Exif\0\0" + CANARY)),
    "no pixels": b"\x89PNG\r\n\x1a\n" + png_claiming(9, 9)[8:33] + chunk(b"IEND", b""),
    "chunk without end": png_with(struct.pack(">I", 2**31 - 1) + b"tEXt"),
    "profile that unpacks without end": png_with(chunk(b"iCCP", b"x\0\0" + BOMB)),
    "text that unpacks without end": png_with(chunk(b"zTXt", b"x\0\0" + BOMB)),
    "JPEG of 65535 by 65535": jpeg_with(segment(0xC0, b"\x08\xff\xff\xff\xff\x03\1\x11\0\2\x11\0\3\x11\0")),
    "JPEG of nothing": b"\xff\xd8\xff\xd9",
    "WebP of 16384 by 16384": b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0" + b"VP8 \0\0\0\0",
}  # fmt: skip


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_or_boundless_picture_is_answered_without_it(data):
    start = time.monotonic()
    try:
        answer = opened(process(data)).info
    except RefusedPicture as refusal:
        answer = str(refusal)

    assert time.monotonic() - start < uploads.WALL_S
    assert answer == {} or len(answer) > 30


def test_picture_that_grows_without_measure_is_stopped_in_its_own_process():
    noise = Image.frombytes("RGB", (2500, 300), random.Random(1).randbytes(2500 * 15 * 3) * 20)
    data = saved(noise, "WEBP", lossless=True, quality=0, method=0)

    answer, pixels = uploads._decode_apart(data, "WEBP", uploads.MAX_PIXELS, 3 * len(data))

    assert len(saved(noise, "PNG")) > 5 * len(data)
    assert (answer, pixels) == ({"refused": "detail"}, b"")
    with pytest.raises(RefusedPicture, match="more detail than the site can keep"):
        process(data, max_bytes=len(data))


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
