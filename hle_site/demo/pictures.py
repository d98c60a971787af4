"""The demo's pictures, drawn by program: `draw(key)` returns the same PNG bytes every time.

The data behind each picture is a constant here, so that a test can work out the answer from what is drawn.
"""

import io
import math
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

Point = tuple[float, float]
Node = tuple[int, int]

WIDTH = 900
OVERSAMPLING = 3  # drawn large and reduced: Pillow's lines have no smooth edges of their own
PAPER, INK, MUTED, GRID = "#fbfaf6", "#1d2733", "#66717e", "#d8dbdf"
BLUE, RED, GREEN = "#2457a6", "#b3362b", "#2f6f4f"


class Lattice(NamedTuple):
    """Paths run right and up from a start to its end; `removed` points may not be entered."""

    width: int
    height: int
    removed: frozenset[Node]
    starts: tuple[Node, Node]
    ends: tuple[Node, Node]


class Benzenoid(NamedTuple):
    """Atoms by place, bonds by atom numbers, and the bond that is drawn bold."""

    atoms: tuple[Point, ...]
    bonds: tuple[tuple[int, int], ...]
    marked: tuple[int, int]


LATTICE = Lattice(6, 5, frozenset({(2, 2), (4, 3), (3, 1)}), ((0, 1), (1, 0)), ((5, 5), (6, 4)))
INTERVAL_MAP = (1, 3, 5, 2, 4, 0)  # heights of f at 0, 1, ..., 5; straight between them
NETWORK = (
    *(("A", "B", 1), ("A", "C", 2), ("B", "C", 2), ("B", "D", 3), ("C", "E", 3), ("C", "D", 3), ("D", "E", 2)),
    *(("D", "F", 2), ("E", "F", 2), ("E", "G", 4), ("F", "H", 4), ("G", "H", 1), ("F", "G", 4)),
)
NETWORK_PLACES = dict(
    zip(
        "ABCDEFGH",
        ((110, 300), (250, 120), (270, 450), (450, 170), (470, 430), (610, 290), (740, 480), (800, 190)),
        strict=True,
    )
)
BRIDGE = {"source": 12, "top left": 1, "top right": 10, "middle": 3, "bottom left": 6, "bottom right": 2}
EUTECTIC = {"temperature": 580, "solid_1": 15, "liquid": 60, "solid_2": 90, "alloy": 30, "melts_a": 960, "melts_b": 820}
HEXAGONS = ((0, 0), (1, 0), (0, 1), (2, -1), (3, -1), (-1, 1))
MARKED_BOND = 18  # place in the sorted list of bonds


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size * OVERSAMPLING)


class Sheet:
    """A page of WIDTH x `height` units, drawn at OVERSAMPLING times that size."""

    def __init__(self, height: int) -> None:
        self.size = (WIDTH, height)
        self.image = Image.new("RGB", (WIDTH * OVERSAMPLING, height * OVERSAMPLING), PAPER)
        self.pen = ImageDraw.Draw(self.image)

    def line(self, points: Iterable[Point], colour: str = INK, width: float = 3) -> None:
        places = [_enlarged(point) for point in points]
        self.pen.line(places, fill=colour, width=round(width * OVERSAMPLING), joint="curve")
        for place in places:
            self._disc(place, width * OVERSAMPLING / 2, colour)

    def dashes(self, start: Point, end: Point, colour: str = MUTED, width: float = 2, dash: float = 9) -> None:
        length = math.dist(start, end)
        for step in range(int(length / dash / 2) + 1):
            from_, to = 2 * step * dash / length, min((2 * step + 1) * dash / length, 1)
            if from_ < to:
                self.line((_between(start, end, from_), _between(start, end, to)), colour, width)

    def arrow(self, start: Point, end: Point, colour: str = INK, width: float = 3) -> None:
        angle, head = math.atan2(end[1] - start[1], end[0] - start[0]), 13
        wings = [(end[0] - head * math.cos(angle + a), end[1] - head * math.sin(angle + a)) for a in (0.42, -0.42)]
        self.line((start, _between(start, end, 1 - 8 / math.dist(start, end))), colour, width)
        self.pen.polygon([_enlarged(end), *map(_enlarged, wings)], fill=colour)

    def dot(self, place: Point, radius: float, colour: str = INK, fill: str | None = None, width: float = 3) -> None:
        self._disc(_enlarged(place), radius * OVERSAMPLING, colour)
        if fill:
            self._disc(_enlarged(place), (radius - width) * OVERSAMPLING, fill)

    def box(self, corner: Point, opposite: Point, colour: str = INK, fill: str = PAPER, width: float = 3) -> None:
        places = (_enlarged(corner), _enlarged(opposite))
        self.pen.rectangle(places, fill=fill, outline=colour, width=round(width * OVERSAMPLING))

    def text(self, place: Point, text: str, size: int = 24, colour: str = INK, anchor: str = "mm") -> None:
        self.pen.text(_enlarged(place), text, fill=colour, font=_font(size), anchor=anchor)

    def label(self, place: Point, text: str, size: int = 24, colour: str = INK) -> None:
        """Write on a patch of paper, so that lines below do not cross the letters."""
        left, top, right, bottom = self.pen.textbbox(_enlarged(place), text, font=_font(size), anchor="mm")
        pad = 5 * OVERSAMPLING
        self.pen.rectangle((left - pad, top - pad, right + pad, bottom + pad), fill=PAPER)
        self.text(place, text, size, colour)

    def png(self) -> bytes:
        reduced = self.image.reduce(OVERSAMPLING)
        ImageDraw.Draw(reduced).rectangle((0, 0, self.size[0] - 1, self.size[1] - 1), outline=GRID)
        file = io.BytesIO()
        reduced.save(file, "PNG")
        return file.getvalue()

    def _disc(self, centre: Point, radius: float, colour: str) -> None:
        x, y = centre
        self.pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _enlarged(point: Point) -> Point:
    return point[0] * OVERSAMPLING, point[1] * OVERSAMPLING


def _between(start: Point, end: Point, share: float) -> Point:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _lattice() -> Sheet:
    sheet, step = Sheet(700), 112

    def place(node: Node) -> Point:
        return 114 + node[0] * step, 620 - node[1] * step

    nodes = [(x, y) for x in range(LATTICE.width + 1) for y in range(LATTICE.height + 1)]
    kept = [node for node in nodes if node not in LATTICE.removed]
    for x, y in kept:
        for neighbour in ((x + 1, y), (x, y + 1)):
            if neighbour in kept:
                sheet.line((place((x, y)), place(neighbour)), GRID, 4)
    for node in kept:
        sheet.dot(place(node), 6, MUTED)
    for node in LATTICE.removed:
        (x, y), arm = place(node), 14
        sheet.line(((x - arm, y - arm), (x + arm, y + arm)), RED, 5)
        sheet.line(((x - arm, y + arm), (x + arm, y - arm)), RED, 5)
    for nodes_, letter, colour in ((LATTICE.starts, "S", BLUE), (LATTICE.ends, "T", GREEN)):
        for number, node in enumerate(nodes_, start=1):
            sheet.dot(place(node), 26, colour)
            sheet.text(place(node), f"{letter}{number}", 24, PAPER)
    return sheet


def _interval_map() -> Sheet:
    sheet, step, last = Sheet(820), 132, len(INTERVAL_MAP) - 1

    def place(x: float, y: float) -> Point:
        return 122 + x * step, 730 - y * step

    for tick in range(last + 1):
        sheet.line((place(tick, 0), place(tick, last)), GRID, 2)
        sheet.line((place(0, tick), place(last, tick)), GRID, 2)
        sheet.text((place(tick, 0)[0], 764), str(tick), 24, MUTED)
        sheet.text((88, place(0, tick)[1]), str(tick), 24, MUTED)
    sheet.arrow(place(0, 0), place(last + 0.4, 0))
    sheet.arrow(place(0, 0), place(0, last + 0.35))
    sheet.text((place(last + 0.4, 0)[0] + 22, 730), "x", 28)
    sheet.text((place(0, 0)[0] + 46, place(0, last + 0.3)[1]), "f(x)", 28)
    vertices = [place(x, y) for x, y in enumerate(INTERVAL_MAP)]
    sheet.line(vertices, BLUE, 5)
    for vertex in vertices:
        sheet.dot(vertex, 9, BLUE)
    return sheet


def _network() -> Sheet:
    sheet = Sheet(600)
    for start, end, _ in NETWORK:
        sheet.line((NETWORK_PLACES[start], NETWORK_PLACES[end]), MUTED, 4)
    for start, end, weight in NETWORK:
        sheet.label(_between(NETWORK_PLACES[start], NETWORK_PLACES[end], 0.5), str(weight), 28)
    for name, place in NETWORK_PLACES.items():
        sheet.dot(place, 30, BLUE, PAPER, 4)
        sheet.text(place, name, 28, BLUE)
    return sheet


def _bridge() -> Sheet:
    sheet = Sheet(640)
    top, left, right, bottom = (560, 80), (330, 320), (790, 320), (560, 560)
    arms = (("top left", top, left), ("top right", top, right), ("middle", left, right))
    for name, start, end in (*arms, ("bottom left", left, bottom), ("bottom right", right, bottom)):
        sheet.line((start, end))
        _resistor(sheet, start, end)
        x, y = _between(start, end, 0.5)
        across = {"middle": (0, -42)}.get(name, (-92 if "left" in name else 92, -26 if "top" in name else 26))
        sheet.text((x + across[0], y + across[1]), f"{BRIDGE[name]} ohm", 28)
    sheet.line((top, (130, 80), (130, 302)))
    sheet.line(((130, 338), (130, 560), bottom))
    sheet.line(((86, 302), (174, 302)), INK, 4)
    sheet.line(((106, 338), (154, 338)), INK, 8)
    sheet.text((60, 284), "+", 32)
    sheet.text((222, 320), f"{BRIDGE['source']} V", 28)
    for name, place, shift in (("P", left, (-34, 0)), ("Q", right, (34, 0))):
        sheet.dot(place, 9, BLUE)
        sheet.text((place[0] + shift[0], place[1]), name, 30, BLUE)
    for place in (top, bottom):
        sheet.dot(place, 7)
    return sheet


def _resistor(sheet: Sheet, start: Point, end: Point) -> None:
    """Draw the box of a resistor half-way along a wire."""
    length, half = math.dist(start, end), 17
    along = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
    (x, y), (ax, ay) = _between(start, end, 0.5), along
    corners = [(x + s * 48 * ax - t * half * ay, y + s * 48 * ay + t * half * ax) for s, t in _CORNERS]
    sheet.pen.polygon([_enlarged(corner) for corner in corners], fill=PAPER)
    sheet.line((*corners, corners[0]))


_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def _benzenoid() -> Sheet:
    sheet, scale = Sheet(640), 84
    molecule = benzenoid()
    xs, ys = zip(*molecule.atoms, strict=True)
    middle = ((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2)

    def place(atom: int) -> Point:
        x, y = molecule.atoms[atom]
        return WIDTH / 2 + (x - middle[0]) * scale, 320 + (y - middle[1]) * scale

    for a, b in molecule.bonds:
        sheet.line((place(a), place(b)), INK, 4)
    a, b = molecule.marked
    sheet.line((place(a), place(b)), RED, 13)
    return sheet


def benzenoid() -> Benzenoid:
    """Work out atoms and bonds of the drawn benzenoid from the places of its hexagons."""
    number: dict[Point, int] = {}
    bonds = set()
    for q, r in HEXAGONS:
        centre = (math.sqrt(3) * (q + r / 2), 1.5 * r)
        angles = [math.radians(60 * corner + 30) for corner in range(7)]
        ring = [(round(centre[0] + math.cos(a), 3) + 0.0, round(centre[1] + math.sin(a), 3) + 0.0) for a in angles]
        atoms = [_numbered(corner, number) for corner in ring]
        bonds |= {(min(pair), max(pair)) for pair in pairwise(atoms)}
    ordered = tuple(sorted(bonds))
    return Benzenoid(tuple(number), ordered, ordered[MARKED_BOND])


def _numbered(corner: Point, number: dict[Point, int]) -> int:
    """Return the number of the atom at this corner; corners computed from two hexagons differ by rounding."""
    known = next((atom for place, atom in number.items() if math.dist(place, corner) < 0.01), None)
    return number.setdefault(corner, len(number)) if known is None else known


def _eutectic() -> Sheet:
    sheet, data = Sheet(720), EUTECTIC
    hottest, coldest = 1000, 300

    def place(percent: float, temperature: float) -> Point:
        return 130 + percent * 6.6, 630 - (temperature - coldest) / (hottest - coldest) * 570

    for tick in range(300, 1001, 100):
        sheet.line((place(-1, tick), place(0, tick)), INK, 2)
        sheet.text((112, place(0, tick)[1]), str(tick), 22, MUTED, "rm")
    for tick in range(0, 101, 10):
        sheet.line((place(tick, coldest), (place(tick, coldest)[0], 638)), INK, 2)
        sheet.text((place(tick, 0)[0], 660), str(tick), 22, MUTED)
    sheet.box(place(0, hottest), place(100, coldest))
    solid_1, liquid, solid_2 = (place(data[name], data["temperature"]) for name in ("solid_1", "liquid", "solid_2"))
    melts_a, melts_b = place(0, data["melts_a"]), place(100, data["melts_b"])
    sheet.line(_curve(melts_a, liquid, 26), BLUE, 4)
    sheet.line(_curve(melts_b, liquid, 14), BLUE, 4)
    sheet.line(_curve(melts_a, solid_1, 18), BLUE, 4)
    sheet.line(_curve(melts_b, solid_2, 8), BLUE, 4)
    sheet.line(_curve(solid_1, place(4, coldest), -10), BLUE, 4)
    sheet.line(_curve(solid_2, place(97, coldest), -6), BLUE, 4)
    sheet.line((solid_1, solid_2), BLUE, 4)
    for name, point, shift in (
        ("solid_1", solid_1, (26, -22)),
        ("liquid", liquid, (0, 28)),
        ("solid_2", solid_2, (-26, -22)),
    ):
        sheet.dashes(point, (point[0], place(0, coldest)[1]), GRID)
        sheet.dot(point, 7, BLUE)
        sheet.label((point[0] + shift[0], point[1] + shift[1]), str(data[name]), 22, BLUE)
    sheet.dashes(place(data["alloy"], hottest), place(data["alloy"], coldest), RED, 3)
    sheet.label(place(data["alloy"], 965), "alloy X", 24, RED)
    sheet.label((place(46, 0)[0], liquid[1]), f"{data['temperature']} °C", 22, BLUE)
    regions = (("L", 64, 800), ("S1 + L", 22, 680), ("L + S2", 82, 645), ("S1 + S2", 46, 440), ("S1", 5, 640))
    for name, percent, temperature in (*regions, ("S2", 95.5, 545)):
        sheet.text(place(percent, temperature), name, 28)
    sheet.text((WIDTH / 2 + 10, 692), "weight % B", 26)
    sheet.text((130, 36), "°C", 24, MUTED, "rm")
    return sheet


def _curve(start: Point, end: Point, bend: float) -> list[Point]:
    """Return a gentle arc between two points whose middle lies `bend` units off the straight line."""
    length = math.dist(start, end)
    nx, ny = (end[1] - start[1]) / length, (start[0] - end[0]) / length
    side = 1 if ny < 0 else -1
    shares = [step / 40 for step in range(41)]
    straight = [_between(start, end, share) for share in shares]
    lifts = [side * bend * 4 * share * (1 - share) for share in shares]
    return [(x + nx * lift, y + ny * lift) for (x, y), lift in zip(straight, lifts, strict=True)]


DRAWERS: dict[str, Callable[[], Sheet]] = {
    "lattice": _lattice,
    "interval-map": _interval_map,
    "network": _network,
    "bridge": _bridge,
    "benzenoid": _benzenoid,
    "eutectic": _eutectic,
}


def draw(key: str) -> bytes:
    """Return the PNG of one picture; the same bytes at every call.  Raises KeyError for an unknown key."""
    return DRAWERS[key]().png()
