"""Draw which wing imports which, as the SVG that PyPI's page has in the place of README's mermaid diagram.

`readme.py` writes it to `nbs/images/wings.svg`. The card has its own light background, so it can be read on any page.
"""

from html import escape

ROW, BOX, HIGH, SIDE, EDGE = 70, 530, 48, 165, 14  # Pixels: a row, width and height of a box, beside it, around all
BEND, PORT = 28, 7  # Pixels: how far an arrow bends for each row, and between two ends at one box
COLOURS = "#8a6d00", "#0f6f6f", "#0b63a8", "#a33c00", "#1f7a3a", "#7a3fa0", "#b01c54", "#2f4fa8", "#4a5560", "#4a5560"
STYLE = """text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #3d4650; }
  .name { font-weight: 650; font-size: 15px; } path { fill: none; stroke-width: 1.6; }"""


def box(place: int, name: str, about: str) -> str:
    "One wing, with its description."
    x, y = EDGE + SIDE, EDGE + place * ROW
    return (f'<rect x="{x}" y="{y}" width="{BOX}" height="{HIGH}" rx="8" fill="#fff" stroke="{COLOURS[place]}"/>'
            f'<text class="name" x="{x + 14}" y="{y + 20}" style="fill:{COLOURS[place]}">{escape(name)}</text>'
            f'<text x="{x + 14}" y="{y + 38}">{escape(about)}</text>')


def arrow(one: int, other: int, ports: dict) -> str:
    "The arrow between the wings at two places: straight to the next one, else around the boxes between them."
    look = f'stroke="{COLOURS[one]}" marker-end="url(#end{one})"'
    if other == one + 1:
        x, y = EDGE + SIDE + BOX / 2, EDGE + one * ROW + HIGH
        return f'<path d="M{x:g} {y}V{y + ROW - HIGH - 6}" {look}/>'
    way = -1 if one % 2 else 1
    x = EDGE + SIDE + (BOX if way > 0 else 0)
    start = EDGE + one * ROW + HIGH - 8 - PORT * ports.setdefault((one, "out"), 0)
    end = EDGE + other * ROW + 8 + PORT * ports.setdefault((other, way), 0)
    ports[one, "out"] += 1
    ports[other, way] += 1
    bend = x + way * BEND * (other - one)
    return f'<path d="M{x} {start}C{bend} {start} {bend} {end} {x + way * 6} {end}" {look}/>'


def drawing(found: dict[str, set[str]], about: dict[str, str]) -> str:
    "The picture of `found`, which has the wings from the top down, each with those that it imports."
    names = [*found]
    if len(names) > len(COLOURS): raise ValueError(f"there are colours for {len(COLOURS)} wings, not {len(names)}")
    width, height, ports = BOX + 2 * SIDE + 2 * EDGE, len(names) * ROW - ROW + HIGH + 2 * EDGE, {}
    pairs = [(names.index(name), n) for name in names for n, other in enumerate(names) if other in found[name]]
    ends = [f'<marker id="end{n}" viewBox="0 0 8 8" refX="2" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
            f'<path d="M0 0L8 4L0 8z" style="fill:{colour};stroke:none"/></marker>' for n, colour in enumerate(COLOURS)]
    imports = {name: ", ".join(sorted(found[name], key=names.index)) for name in names if found[name]}
    told = "; ".join(f"{name} imports {those}" for name, those in imports.items())
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             f'viewBox="0 0 {width} {height}" role="img">', f"<title>{escape(told)}</title>", f"<style>{STYLE}</style>",
             f"<defs>{''.join(ends)}</defs>",
             f'<rect x="1" y="1" width="{width - 2}" height="{height - 2}" rx="10" fill="#f5f7f9" stroke="#c4cad2"/>',
             *(arrow(*pair, ports) for pair in pairs), *(box(n, name, about[name]) for n, name in enumerate(names))]
    return "\n".join([*parts, "</svg>"]) + "\n"
