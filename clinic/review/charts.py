"""Charts as plain SVG that reads aloud and needs no script: a bar per value, its number beside it. Colours are the style sheet's."""

from typing import Sequence, Tuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT, FOOT, TOP = 640, 180, 22, 18


def columns(title: str, rows: Sequence[Tuple[str, int]], every: int = 1) -> SafeString:
    """Columns from left to right, labelled at every so-manieth."""
    most = max((value for _, value in rows), default=0) or 1
    step = WIDTH / max(1, len(rows))
    bars, labels = [], []
    for number, (label, value) in enumerate(rows):
        height = (HEIGHT - FOOT - TOP) * value / most
        bars.append((f"{number * step + step * 0.12:.1f}", f"{HEIGHT - FOOT - height:.1f}", f"{step * 0.76:.1f}", f"{height:.1f}", label, value))
        if number % every == 0:
            labels.append((f"{number * step + step / 2:.1f}", HEIGHT - 6, label))
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}"><line class="axis" x1="0" x2="{}" y1="{}" y2="{}"></line>'
        '<text class="most" x="0" y="12">{}</text>{}{}</svg>',
        WIDTH,
        HEIGHT,
        f"{title}. Highest: {most}. The numbers are in the table below.",
        WIDTH,
        HEIGHT - FOOT,
        HEIGHT - FOOT,
        f"{most:,}",
        format_html_join("", '<rect class="bar" x="{}" y="{}" width="{}" height="{}" rx="2"><title>{}: {}</title></rect>', bars),
        format_html_join("", '<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>', labels),
    )


def bars(title: str, rows: Sequence[Tuple[str, int]]) -> SafeString:
    """Bars from top to bottom with their names."""
    most = max((value for _, value in rows), default=0) or 1
    line = 30
    drawn = []
    for number, (label, value) in enumerate(rows):
        width = 300 * value / most
        drawn.append((number * line + 20, label[:44], 330, number * line + 5, f"{width:.1f}", f"{335 + width:.1f}", number * line + 20, f"{value:,}"))
    return format_html(
        '<svg class="chart" viewBox="0 0 700 {}" role="img" aria-label="{}">{}</svg>',
        max(line, len(rows) * line),
        f"{title}. The numbers are in the table below.",
        format_html_join(
            "",
            '<text class="name" x="322" y="{}" text-anchor="end">{}</text><rect class="bar" x="{}" y="{}" width="{}" height="20" rx="2"></rect>'
            '<text class="value" x="{}" y="{}">{}</text>',
            drawn,
        ),
    )
