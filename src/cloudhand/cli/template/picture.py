"""A template as a picture: tasks below each other, with jumps at the right and errors at the left.

All jumps go forward, so those that overlap only need a lane of their own each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from cloudhand.cli.template.drawn import Drawn, drawn
from cloudhand.orchestration.flow import Edge, Way, edges
from cloudhand.orchestration.model import END, Template

_GAP = 40  # pixels between tasks; everything here is in pixels
_LINE, _CHARACTER = 17, 7.1  # of a text in a box
_SMALL = 6.2  # the width of a character of a label
_LANE = 22
_MARGIN = 24
_WIDTHS = range(220, 441)  # of boxes
_ROUND = 9  # of corners
_STYLE = """\
svg { font-family: ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
.paper { fill: #ffffff; } .box { fill: #f8fafc; stroke: #cbd5e1; } .deck { fill: #e2e8f0; }
.name { font-size: 14px; font-weight: 600; fill: #0f172a; }
.more { font-size: 12px; fill: #475569; } .label { font-size: 11px; fill: #475569; }
.way { fill: none; stroke: #64748b; stroke-width: 1.5; } .tip { fill: #64748b; }
.error { stroke: #dc2626; stroke-dasharray: 5 4; } .tip-error { fill: #dc2626; }
.label-error { font-size: 11px; fill: #dc2626; } .end { fill: #0f172a; }
.select { fill: #2563eb; } .call { fill: #0d9488; } .embedded { fill: #7c3aed; }
.wait { fill: #d97706; } .choice { fill: #db2777; } .person { fill: #ca8a04; }
.trigger { fill: #ea580c; }
@media (prefers-color-scheme: dark) {
  .paper { fill: #0f172a; } .box { fill: #1e293b; stroke: #475569; } .deck { fill: #334155; }
  .name { fill: #f1f5f9; } .more, .label { fill: #cbd5e1; } .way { stroke: #94a3b8; }
  .tip { fill: #94a3b8; } .end { fill: #f1f5f9; }
  .error { stroke: #f87171; } .tip-error, .label-error { fill: #f87171; }
}"""


@dataclass(frozen=True, kw_only=True)
class _Box:
    task: Drawn | None  # None: the end
    top: float
    height: float

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def deck(self) -> float:
        """How far the looped ones behind it stand out at the right, and below."""
        return 5 if self.task and self.task.looped else 0


@dataclass(frozen=True, kw_only=True)
class _Sheet:
    """Where everything stands."""

    boxes: Mapping[str, _Box]  # by the names of tasks, and ACS::END
    left: float  # of the boxes
    width: float  # of the boxes
    size: tuple[float, float]
    right_lanes: float  # where the first lane is
    jumps: Sequence[tuple[Edge, int]]  # with their lanes, at the right
    errors: Sequence[tuple[Edge, int]]  # at the left
    straight: Sequence[Edge]  # to the task below


def svg(template: Template) -> str:
    sheet = _laid_out(template)
    width, height = sheet.size
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<style>{_STYLE}</style>",
        f"<defs>{_tip('tip')}{_tip('tip-error')}</defs>",
        f'<rect class="paper" width="{width:.0f}" height="{height:.0f}" rx="12"/>',
        *_start(sheet),
        *(line for edge in sheet.straight for line in _down(sheet, edge)),
        *_at_the_side(sheet, sheet.jumps, right=True),
        *_at_the_side(sheet, sheet.errors, right=False),
        *(line for box in sheet.boxes.values() for line in _drawn_box(sheet, box)),
        "</svg>",
        "",
    ]
    return "\n".join(parts)


def _tip(name: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
        f' markerHeight="7" orient="auto"><path class="{name}" d="M0 0 8 4 0 8z"/></marker>'
    )


# Where everything stands


def _laid_out(template: Template) -> _Sheet:
    rows = {name: row for row, name in enumerate([*(one.name for one in template.tasks), END])}
    ways = edges(template)
    aside = [way for way in ways if way.way in (Way.ERROR, Way.CANCEL)]
    onward = [way for way in ways if way not in aside]
    straight = [way for way in onward if rows[way.target] == rows[way.source] + 1]
    jumps = _lanes([way for way in onward if way not in straight], rows)
    errors = _lanes(aside, rows)
    boxes = _boxes(template, jumps)
    texts = [text for box in boxes.values() if box.task for text in _texts(box.task)]
    widest = max(len(text) for text in texts) * _CHARACTER + 44
    width = min(max(widest, _WIDTHS[0]), _WIDTHS[-1])
    left = _MARGIN + (_count(errors) * _LANE + 44 if errors else 0)
    label = max((len(way.condition) * _SMALL for way, _ in jumps), default=0)
    right_lanes = left + width + label + 18
    right = right_lanes + (_count(jumps) * _LANE if jumps else 0)
    beside = [len(way.condition) * _SMALL / 2 for way in straight]
    right = max(right, left + width / 2 + max(beside, default=0) * 2 + 12)
    return _Sheet(
        boxes=boxes,
        left=left,
        width=width,
        size=(right + _MARGIN, boxes[END].bottom + _MARGIN),
        right_lanes=right_lanes,
        jumps=jumps,
        errors=errors,
        straight=straight,
    )


def _boxes(template: Template, jumps: Sequence[tuple[Edge, int]]) -> dict[str, _Box]:
    """Each is high enough for its text, and for the labels of the jumps at its side."""
    ends = _ends(jumps)
    found: dict[str, _Box] = {}
    top = _MARGIN + 14 + _GAP * 0.7
    for task in template.tasks:
        one = drawn(task)
        height = max(18 + len(_texts(one)) * _LINE, (ends[task.name] + 1) * _LINE)
        found[task.name] = _Box(task=one, top=top, height=height)
        top += height + _GAP
    found[END] = _Box(task=None, top=top, height=20)
    return found


def _ends(ways: Sequence[tuple[Edge, int]]) -> Counter[str]:
    """How many of the ways begin or end at each task."""
    return Counter(name for way, _ in ways for name in (way.source, way.target))


def _texts(task: Drawn) -> tuple[str, ...]:
    return (task.name, task.action, *task.notes)


def _lanes(ways: Sequence[Edge], rows: Mapping[str, int]) -> list[tuple[Edge, int]]:
    """Each with the first lane in which none that it overlaps goes; short ones go inside."""
    taken: list[list[tuple[int, int]]] = []
    found = []
    for way in sorted(ways, key=lambda way: rows[way.target] - rows[way.source]):
        span = rows[way.source], rows[way.target]
        lane = next((at for at, spans in enumerate(taken) if _free(span, spans)), len(taken))
        if lane == len(taken):
            taken.append([])
        taken[lane].append(span)
        found.append((way, lane))
    return sorted(found, key=lambda one: (rows[one[0].source], rows[one[0].target]))


def _free(span: tuple[int, int], spans: Sequence[tuple[int, int]]) -> bool:
    return all(span[1] < first or last < span[0] for first, last in spans)


def _count(ways: Sequence[tuple[Edge, int]]) -> int:
    return max((lane for _, lane in ways), default=-1) + 1


# How it is drawn


def _start(sheet: _Sheet) -> Iterator[str]:
    middle = sheet.left + sheet.width / 2
    first = next(iter(sheet.boxes.values()))
    yield f'<circle class="end" cx="{middle:.1f}" cy="{_MARGIN + 7}" r="7"/>'
    yield _line(f"M{middle:.1f} {_MARGIN + 14}V{first.top - 2:.1f}")


def _down(sheet: _Sheet, edge: Edge) -> Iterator[str]:
    middle = sheet.left + sheet.width / 2
    source, target = sheet.boxes[edge.source], sheet.boxes[edge.target]
    yield _line(f"M{middle:.1f} {source.bottom:.1f}V{target.top - 2:.1f}")
    if edge.condition:
        y = (source.bottom + target.top) / 2 + 3
        yield _label(middle + 8, y, edge.condition)


def _at_the_side(sheet: _Sheet, ways: Sequence[tuple[Edge, int]], *, right: bool) -> Iterator[str]:
    """Ways that leave and arrive at one side of the boxes, each at a height of its own."""
    ends = _ends(ways)
    used: Counter[str] = Counter()
    arrivals: dict[int, float] = {}
    # From below to above, what arrives from afar arrives highest.
    for at, (way, _) in sorted(enumerate(ways), key=lambda one: -one[0]):
        arrivals[at] = _height(sheet.boxes[way.target], used, ends, way.target)
    for at, (way, lane) in enumerate(ways):
        leaves = _height(sheet.boxes[way.source], used, ends, way.source)
        yield from _side_way(sheet, way, lane, (leaves, arrivals[at]), right=right)


def _height(box: _Box, used: Counter[str], ends: Mapping[str, int], name: str) -> float:
    used[name] += 1
    return box.top + box.height * used[name] / (ends[name] + 1)


def _side_way(
    sheet: _Sheet, way: Edge, lane: int, heights: tuple[float, float], *, right: bool
) -> Iterator[str]:
    sign = 1 if right else -1
    side = sheet.left + sheet.width if right else sheet.left
    lane_x = sheet.right_lanes + lane * _LANE if right else sheet.left - 44 - lane * _LANE
    source, target = heights
    box = sheet.boxes[way.target]
    out = box.deck if right else 0
    end = side + (2 + out) * sign if box.task else sheet.left + sheet.width / 2 + 12 * sign
    bend = lane_x - _ROUND * sign
    path = (
        f"M{side:.1f} {source:.1f}H{bend:.1f}Q{lane_x:.1f} {source:.1f} {lane_x:.1f}"
        f" {source + _ROUND:.1f}V{target - _ROUND:.1f}Q{lane_x:.1f} {target:.1f} {bend:.1f}"
        f" {target:.1f}H{end:.1f}"
    )
    yield _line(path, error=not right)
    if way.condition:
        yield _label(side + 6, source - 4, way.condition)
    elif not right:
        text = "error" if way.way is Way.ERROR else "cancel"
        yield _label(side - 6, source - 4, text, error=True)


def _line(path: str, *, error: bool = False) -> str:
    name, tip = ("way error", "tip-error") if error else ("way", "tip")
    return f'<path class="{name}" d="{path}" marker-end="url(#{tip})"/>'


def _label(x: float, y: float, text: str, *, error: bool = False) -> str:
    name, anchor = ("label-error", "end") if error else ("label", "start")
    return (
        f'<text class="{name}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _drawn_box(sheet: _Sheet, box: _Box) -> Iterator[str]:
    if box.task is None:
        middle, y = sheet.left + sheet.width / 2, box.top + 10
        yield f'<circle class="box" cx="{middle:.1f}" cy="{y:.1f}" r="10"/>'
        yield f'<circle class="end" cx="{middle:.1f}" cy="{y:.1f}" r="5.5"/>'
        return
    if box.deck:
        yield _rect("box deck", sheet.left + box.deck, box.top + box.deck, sheet.width, box.height)
    yield _rect("box", sheet.left, box.top, sheet.width, box.height)
    yield (
        f'<rect class="{box.task.kind}" x="{sheet.left + 10:.1f}" y="{box.top + 11:.1f}" width="4"'
        f' height="{box.height - 22:.1f}" rx="2"/>'
    )
    room = int((sheet.width - 44) / _CHARACTER)
    for at, text in enumerate(_texts(box.task)):
        shown = text if len(text) <= room else f"{text[: room - 1]}…"
        y = box.top + 21 + at * _LINE
        yield (
            f'<text class="{"more" if at else "name"}" x="{sheet.left + 24:.1f}" y="{y:.1f}">'
            f"{escape(shown)}</text>"
        )


def _rect(name: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="{name}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}"'
        f' height="{height:.1f}" rx="10"/>'
    )
