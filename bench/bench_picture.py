"""Bars on a logarithmic scale as SVG, drawn without any library, for bench/query."""
import math
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, TOP, STEP = 760, 264, 90, 48, 26


def bars(title, values, ours):
    """One bar for each name of `values` that is not None; those whose name begins with `ours` stand out."""
    values = {name: value for name, value in values.items() if value is not None}
    low = math.floor(math.log10(min(values.values())))
    high = math.ceil(math.log10(max(values.values())))
    height = TOP + STEP * len(values) + 30
    scale = (WIDTH - LEFT - RIGHT) / (high - low)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
             f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
             f'<text x="16" y="26" font-size="15" fill="#222222">{escape(title)}</text>']
    for power in range(low, high + 1):
        x = LEFT + (power - low) * scale
        lines.append(f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - 26}" stroke="#dddddd"/>')
        lines.append(f'<text x="{x:.1f}" y="{height - 10}" text-anchor="middle" fill="#666666">{10.0 ** power:,.6g}</text>')
    for i, (name, value) in enumerate(values.items()):
        y = TOP + i * STEP
        length = (math.log10(value) - low) * scale
        colour = "#1f6fb4" if name.startswith(ours) else "#9aa7b3"
        text = f"{value:.2f}" if value < 100 else f"{value:,.0f}"
        lines.append(f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end" fill="#222222">{escape(name)}</text>')
        lines.append(f'<rect x="{LEFT}" y="{y}" width="{max(length, 1):.1f}" height="18" fill="{colour}"/>')
        lines.append(f'<text x="{LEFT + length + 6:.1f}" y="{y + 14}" fill="#222222">{text}</text>')
    return "\n".join(lines) + "\n</svg>\n"
