"""Charts as SVG made at the server: no library, no inline style, and a table behind each for those who see no picture.

Lines are told apart by their dashes as well as by their colours, and states by their patterns.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import htpy as h
from htpy import Element, Node

from services.console.web.parts.pieces import table

_NOWHERE: Final = "not known"


class Line(NamedTuple):
    """One line of a chart; its kind gives colour and dashes."""

    name: str
    kind: str
    values: Sequence[float | None]
    """None where nothing is known: the line has a gap there."""


class _Frame(NamedTuple):
    """How large a picture is, and the margins within."""

    kind: str
    width: int
    height: int
    left: int
    ticks: int
    """Labels below it."""


_FRAMES: Final = (_Frame("wide", 500, 200, 56, 5), _Frame("narrow", 340, 200, 52, 3))
"""One for each width of window; CSS shows one of them."""
_TOP: Final = 10
_BOTTOM: Final = 26
_RIGHT: Final = 12
_BAND: Final = 26


def _nice(top: float) -> float:
    """Return the next round number."""
    if top <= 0:
        return 1.0
    step = 1.0
    while step * 10 <= top:
        step *= 10
    while step > top:
        step /= 10
    return next(step * by for by in (1, 2, 2.5, 5, 10) if step * by >= top)


def lines(
    title: str,
    name: str,
    slots: Sequence[str],
    found: Sequence[Line],
    spell: Callable[[float], str],
    least: float = 0.0,
) -> Element:
    """Return a chart of lines.

    Args:
        title: What it shows.
        name: Its id.
        slots: What stands below each value.
        found: The lines, four at most.
        spell: Writes a value with its unit.
        least: By how much two levels differ at least, such as 1 for what is counted.
    """
    top = _nice(max((value for line in found for value in line.values if value is not None), default=0.0))
    said = "; ".join(f"{line.name} {_last(line, spell)}" for line in found)
    return h.figure(".chart", id=name)[
        h.figcaption[
            h.h2[title],
            h.ul(".legend")[
                [
                    h.li[
                        h.svg(".key", viewBox="0 0 24 8", aria_hidden="true")[
                            h.line(class_=f"line {line.kind}", x1="0", x2="24", y1="4", y2="4")
                        ],
                        line.name, " ", h.b[_last(line, spell)],
                    ]
                    for line in found
                ]
            ],
        ],
        [_plot(frame, f"{title}: {said}", slots, found, _levels(top, least), spell) for frame in _FRAMES],
        _behind(title, name, slots, found, spell),
    ]  # fmt: skip


def _last(line: Line, spell: Callable[[float], str]) -> str:
    value = next((value for value in reversed(line.values) if value is not None), None)
    return _NOWHERE if value is None else spell(value)


def _levels(top: float, least: float) -> list[float]:
    """Return at which values lines are drawn, from 0 to the top."""
    parts = 4 if f"{top:e}".startswith("2.0") else 5
    if least:
        parts = max(1, min(parts, int(top / least)))
    return [top * part / parts for part in range(parts + 1)]


def _plot(
    frame: _Frame,
    label: str,
    slots: Sequence[str],
    found: Sequence[Line],
    levels: Sequence[float],
    spell: Callable[[float], str],
) -> Element:
    inside, deep = frame.width - frame.left - _RIGHT, frame.height - _TOP - _BOTTOM

    def x(at: int) -> float:
        return round(frame.left + inside * at / max(1, len(slots) - 1), 1)

    def y(value: float) -> float:
        return round(_TOP + deep * (1 - value / levels[-1]), 1)

    return _picture(frame, frame.height, label)[
        [
            h.line(".axis", x1=str(frame.left), x2=str(frame.width - _RIGHT), y1=str(y(at)), y2=str(y(at)))
            for at in levels
        ],
        [
            h.text(".tick", x=str(frame.left - 6), y=str(y(at) + 4), text_anchor="end")[spell(at)]
            for at in levels
        ],
        _below(frame, slots, x),
        [h.path(class_=f"line {line.kind}", d=_path(line.values, x, y)) for line in found],
        [
            h.circle(class_=f"dot {line.kind}", cx=str(x(at)), cy=str(y(value)), r="2.5")
            for line in found
            for at, value in enumerate(line.values)
            if value is not None and _is_alone(line.values, at)
        ],
        [_slot(at, slots, found, x, deep, spell) for at in range(len(slots))],
    ]  # fmt: skip


def _picture(frame: _Frame, height: int, label: str) -> Element:
    return h.svg(class_=f"plot {frame.kind}", viewBox=f"0 0 {frame.width} {height}", role="img", aria_label=label)


def _below(frame: _Frame, slots: Sequence[str], x: Callable[[int], float]) -> list[Element]:
    every = max(1, -(-len(slots) // frame.ticks))
    return [
        h.text(".tick", x=str(x(at)), y=str(frame.height - 8), text_anchor="start" if at == 0 else "middle")[slots[at]]
        for at in range(0, len(slots), every)
    ]


def _path(values: Sequence[float | None], x: Callable[[int], float], y: Callable[[float], float]) -> str:
    found, pen = [], "M"
    for at, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        found.append(f"{pen}{x(at)},{y(value)}")
        pen = "L"
    return "".join(found)


def _is_alone(values: Sequence[float | None], at: int) -> bool:
    """Check whether a value has no neighbour to draw a line to."""
    return all(not 0 <= near < len(values) or values[near] is None for near in (at - 1, at + 1))


def _slot(
    at: int, slots: Sequence[str], found: Sequence[Line], x: Callable[[int], float], deep: int,
    spell: Callable[[float], str],
) -> Element:  # fmt: skip
    """Return what is said where the pointer rests."""
    wide = x(1) - x(0) if len(slots) > 1 else 1.0
    told = ", ".join(f"{line.name} {_said(line.values[at], spell)}" for line in found)
    return h.rect(".slot", x=str(round(x(at) - wide / 2, 1)), y=str(_TOP), width=str(round(wide, 1)), height=str(deep))[
        h.title[f"{slots[at]}: {told}"]
    ]


def _said(value: float | None, spell: Callable[[float], str]) -> str:
    return _NOWHERE if value is None else spell(value)


def _behind(
    title: str, name: str, slots: Sequence[str], found: Sequence[Line], spell: Callable[[float], str]
) -> Element:
    """Return the numbers as a table, the newest first."""
    rows = [
        h.tr[
            h.th(".name", scope="row")[slots[at]],
            [h.td(".num", data_label=line.name)[_said(line.values[at], spell)] for line in found],
        ]
        for at in reversed(range(len(slots)))
    ]
    names = [line.name for line in found]
    return _as_table(name, table(title, ("Time", *names), rows, numbers=names))


def _as_table(name: str, inside: Node) -> Element:
    return h.details(".more", id=f"{name}-table")[h.summary["Show as a table"], inside]


def bands(
    title: str, name: str, slots: Sequence[str], found: Mapping[str, Sequence[str]], words: Mapping[str, str]
) -> Element:
    """Return states over time, a band each.

    Args:
        title: What it shows.
        name: Its id.
        slots: What stands below each state.
        found: By name, the state in each slot; empty where it is not known.
        words: What a state is called, by state.
    """
    rows = [
        h.tr[
            h.th(".name", scope="row")[slots[at]],
            [h.td(data_label=row)[words.get(states[at], _NOWHERE)] for row, states in found.items()],
        ]
        for at in reversed(range(len(slots)))
    ]
    return h.figure(".chart", id=name)[
        h.figcaption[
            h.h2[title],
            h.ul(".legend")[
                [
                    h.li[
                        h.svg(".key", viewBox="0 0 24 8", aria_hidden="true")[_pieces("key", [state], 0, 24, 0, 8)],
                        word,
                    ]
                    for state, word in words.items()
                ]
            ],
        ],
        [_bands(frame, title, slots, found, words) for frame in _FRAMES],
        _as_table(name, table(title, ("Time", *found), rows)),
    ]


def _bands(
    frame: _Frame, title: str, slots: Sequence[str], found: Mapping[str, Sequence[str]], words: Mapping[str, str]
) -> Element:
    height = _BAND * 2 * len(found) + _BOTTOM
    inside = frame.width - 2 * _RIGHT

    def x(at: int) -> float:
        return round(_RIGHT + inside * at / len(slots), 1)

    said = "; ".join(f"{row} {words.get(states[-1], _NOWHERE)}" for row, states in found.items())
    every = max(1, -(-len(slots) // frame.ticks))
    return _picture(frame, height, f"{title}: {said}")[
        [
            [
                h.text(".name", x=str(_RIGHT), y=str(_BAND * 2 * number + 16))[row],
                _pieces(row, states, _RIGHT, inside, _BAND * 2 * number + 24, _BAND - 8, slots, words),
            ]
            for number, (row, states) in enumerate(found.items())
        ],
        [
            h.text(".tick", x=str(x(at)), y=str(height - 8))[slots[at]]
            for at in range(0, len(slots), every)
        ],
    ]  # fmt: skip


def _pieces(
    row: str, states: Sequence[str], left: int, width: int, y: int, height: int,
    slots: Sequence[str] = (), words: Mapping[str, str] | None = None,
) -> list[Element]:  # fmt: skip
    """Return a band: one piece as long as a state lasts, with stripes that tell it apart without its colour."""
    found: list[Element] = []
    first = 0
    for at in range(1, len(states) + 1):
        if at < len(states) and states[at] == states[first]:
            continue
        state = states[first] or "none"
        x0, x1 = (round(left + width * place / len(states), 1) for place in (first, at))
        told = f"{row}: {(words or {}).get(state, _NOWHERE)} from {slots[first]}" if slots else None
        found.append(
            h.g(class_=f"band {state}")[
                h.title[told] if told else None,
                h.rect(x=str(x0), y=str(y), width=str(round(x1 - x0, 1)), height=str(height)),
                h.path(d=_stripes(state, x0, x1, y, height)),
            ]
        )
        first = at
    return found


def _stripes(state: str, x0: float, x1: float, y: int, height: int) -> str:
    """Return a pattern: none where all is well, upright lines for a pause, a line through for what is not known."""
    if state == "paused":
        places = [round(x0 + 2 + 6 * number, 1) for number in range(int((x1 - x0) // 6))]
        return "".join(f"M{place},{y}V{y + height}" for place in places)
    return "" if state == "running" else f"M{x0},{y + height / 2}H{x1}"
