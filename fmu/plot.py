"""A run as a page: one chart a variable, drawn as SVG; the page needs nothing from elsewhere."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

from dtdl.errors import InputUnreadable
from fmu.description import Variable

_WIDTH, _HEIGHT = 860, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 16, 12, 26
_POINTS: Final = 2000
_MOST_CHARTS: Final = 200
_STYLE: Final = """
:root{color-scheme:light dark;--ink:#222;--soft:#8888;--line:#0b6bcb}
@media (prefers-color-scheme:dark){:root{--ink:#ddd;--line:#6db3ff}}
body{font:14px system-ui,sans-serif;color:var(--ink);max-width:900px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.3rem}h2{font-size:1rem;margin:1.2rem 0 .2rem}p{margin:.2rem 0}
svg{width:100%;height:auto;display:block}text{font-size:11px;fill:var(--ink)}
.grid{stroke:var(--soft);stroke-width:.5}.curve{fill:none;stroke:var(--line);stroke-width:1.5}
#at{position:sticky;top:0;background:Canvas;padding:.2rem 0;min-height:1.2em}
"""
_SCRIPT: Final = """
const at=document.getElementById('at');
for(const svg of document.querySelectorAll('svg')){const [a,b,l,w]=svg.dataset.x.split(' ').map(Number);
const xy=svg.querySelector('.curve').getAttribute('points').split(' ').map(p=>p.split(',').map(Number));
const [lo,hi,top,h]=svg.dataset.y.split(' ').map(Number);
svg.addEventListener('mousemove',e=>{const p=svg.createSVGPoint();p.x=e.clientX;p.y=e.clientY;
const x=p.matrixTransform(svg.getScreenCTM().inverse()).x;let n=xy[0];
for(const q of xy)if(Math.abs(q[0]-x)<Math.abs(n[0]-x))n=q;
at.textContent='t = '+(a+(n[0]-l)/w*(b-a)).toPrecision(6)+' s: '+svg.dataset.name+' = '
+(lo+(top+h-n[1])/h*(hi-lo)).toPrecision(6)+' '+svg.dataset.unit;});}
"""


class Column(NamedTuple):
    """One recorded variable: what it is, and its values, one a communication point."""

    variable: Variable
    values: Sequence[Any]


def write_plot(path: Path, title: str, time_s: Sequence[float], columns: Sequence[Column]) -> None:
    """Writes the page.

    Args:
        path: The ``.html`` to write.
        title: What ran.
        time_s: Communication points in seconds.
        columns: What is drawn; texts, binaries and arrays are named only.

    Raises:
        InputUnreadable: The file cannot be written.
    """
    drawn = [column for column in columns if column.values and all(map(_is_number, column.values))]
    left_out = [column.variable.name for column in columns if column not in drawn] + [
        column.variable.name for column in drawn[_MOST_CHARTS:]
    ]
    charts = "\n".join(_chart(time_s, column) for column in drawn[:_MOST_CHARTS])
    rest = f"<p>Not drawn: {html.escape(', '.join(left_out))}</p>" if left_out else ""
    span = (
        f"{time_s[0]:g} s to {time_s[-1]:g} s, {len(time_s)} communication points" if time_s else "nothing was recorded"
    )
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style>"
        f'<h1>{html.escape(title)}</h1><p>{span}</p><p id="at"></p>{charts}{rest}<script>{_SCRIPT}</script></html>\n'
    )
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputUnreadable(f"{path}: {error.strerror}", action="Give a file that can be written.") from error


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _chart(time_s: Sequence[float], column: Column) -> str:
    variable = column.variable
    points = _thinned([(t, float(v)) for t, v in zip(time_s, column.values, strict=True) if math.isfinite(v)])
    heading = f"<h2>{html.escape(variable.name)}{f' [{html.escape(variable.unit)}]' if variable.unit else ''}</h2>"
    if variable.description:
        heading += f"<p>{html.escape(variable.description)}</p>"
    if not points:
        return heading + "<p>No finite value.</p>"
    begin, end = time_s[0], max(time_s[-1], time_s[0] + 1e-12)
    low, high = min(v for _, v in points), max(v for _, v in points)
    if high - low <= 1e-12 * max(abs(high), abs(low), 1e-300):
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(t: float) -> float:
        return _LEFT + (t - begin) / (end - begin) * width

    def y(v: float) -> float:
        return _TOP + (high - v) / (high - low) * height

    grid = "".join(
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(v):.1f}" y2="{y(v):.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{y(v) + 4:.1f}" text-anchor="end">{v:.5g}</text>'
        for v in _ticks(low, high, 4)
    ) + "".join(
        f'<line class="grid" x1="{x(t):.1f}" x2="{x(t):.1f}" y1="{_TOP}" y2="{_TOP + height}"/>'
        f'<text x="{x(t):.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{t:.6g}</text>'
        for t in _ticks(begin, end, 8)
    )
    held = variable.variability != "continuous"
    path = " ".join(f"{a:.2f},{b:.2f}" for a, b in _corners([(x(t), y(v)) for t, v in points], held=held))
    name, unit = html.escape(variable.name, quote=True), html.escape(variable.unit, quote=True)
    return (
        f'{heading}<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{name}" data-name="{name}" '
        f'data-unit="{unit}" data-x="{begin!r} {end!r} {_LEFT} {width}" data-y="{low!r} {high!r} {_TOP} {height}">'
        f'{grid}<polyline class="curve" points="{path}"/></svg>'
    )


def _corners(points: list[tuple[float, float]], *, held: bool) -> list[tuple[float, float]]:
    """A discrete variable is drawn as steps."""
    if not held:
        return points
    corners = points[:1]
    for (_, before), (at, after) in pairwise(points):
        corners += [(at, before), (at, after)]
    return corners


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `_POINTS` points; of each bucket the least and the greatest, so that no peak is lost."""
    if len(points) <= _POINTS:
        return points
    size = math.ceil(2 * len(points) / _POINTS)
    kept: list[tuple[float, float]] = []
    for k in range(0, len(points), size):
        part = points[k : k + size]
        ends = {min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])}
        kept += sorted(ends)
    return kept


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers between two."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= raw)
    first = math.ceil(low / step)
    count = math.floor(high / step) - first + 1
    return [(first + k) * step for k in range(max(count, 0))]
