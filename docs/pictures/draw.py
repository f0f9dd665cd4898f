#!/usr/bin/env python3
"""Draws the pictures of the documents as SVG.

    docs/pictures/draw.py            both pictures
    docs/pictures/draw.py --check    exit 1 if a picture is behind what it shows

architecture.svg is drawn from the table in docs/architecture.md, explanation.svg from what the example `verify` says of
examples/data/signed.eml.
"""
import html, os, re, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
GROUPS = [  # colour, crates: as the workspace's manifest groups them
    ("#e8eef7", "syntax results dns"), ("#e6f4ea", "spf dkim arc dmarc"),
    ("#fdf1e0", "wire sasl smtp pop3"), ("#f3e8f7", "resolver queue gatepost"),
]


def arrows():
    """crate -> the crates of ours that it depends on."""
    text = open(os.path.join(ROOT, "docs/architecture.md")).read()
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", text, re.M)
    return {name: [word for word in cell.split() if word != "–"] for name, cell in rows}


def levels(graph):
    depth = {}

    def of(name):
        if name not in depth:
            depth[name] = 1 + max((of(other) for other in graph[name]), default=-1)
        return depth[name]
    for name in graph:
        of(name)
    return depth


def reduced(graph):
    """Without the arrows that others imply."""
    def reach(name):
        seen, todo = set(), list(graph[name])
        while todo:
            other = todo.pop()
            if other not in seen:
                seen.add(other)
                todo.extend(graph[other])
        return seen
    return {name: [one for one in over if not any(one in reach(other) for other in over if other != one)]
            for name, over in graph.items()}


def architecture():
    graph, colour = arrows(), {name: fill for fill, names in GROUPS for name in names.split()}
    depth = levels(graph)
    rows = [[name for name in graph if depth[name] == level] for level in range(max(depth.values()) + 1)]
    order = {name: place for place, name in enumerate("results dns resolver dkim spf arc dmarc syntax sasl pop3 smtp wire queue gatepost".split())}
    width, box, height, gap = 900, 110, 40, 100
    place, out, over = {}, [], reduced(graph)
    for level, names in enumerate(rows):
        names.sort(key=lambda name: order.get(name, 99))
        above = {over[name][0] for name in names if len(over[name]) == 1}
        for index, name in enumerate(names):
            x = width * (index + 1) / (len(names) + 1)
            if len(above) == len(names) > 1:  # each over a crate of its own: the arrows of others pass beside it
                x = place[over[name][0]][0]
            place[name] = (x, 30 + (len(rows) - 1 - level) * gap)
    for name, others in over.items():
        for other in others:
            (x1, y1), (x2, y2) = place[name], place[other]
            out.append(f'<path d="M{x1:.0f} {y1 + height:.0f} C{x1:.0f} {y1 + height + 30:.0f} {x2:.0f} {y2 - 30:.0f} {x2:.0f} {y2 - 2:.0f}" '
                       'fill="none" stroke="#8894a8" stroke-width="1.3" marker-end="url(#tip)"/>')
    for name, (x, y) in place.items():
        out.append(f'<rect x="{x - box / 2:.0f}" y="{y:.0f}" width="{box}" height="{height}" rx="7" fill="{colour[name]}" stroke="#5b6b86"/>'
                   f'<text x="{x:.0f}" y="{y + 25:.0f}" text-anchor="middle" font-size="14">{name}</text>')
    tip = ('<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
           '<path d="M0 0L8 4L0 8z" fill="#8894a8"/></marker></defs>')
    return svg(width, 30 + len(rows) * gap - gap + height + 30, tip + "\n" + "\n".join(out), "The crates of gatepost and what each depends on")


def explanation():
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    command = [os.path.join(target, "release/examples/verify"), "examples/data/signed.eml", "--ip", "192.0.2.10", "--helo", "mail.example.test",
               "--mail-from", "alice@example.test", "--zone", "examples/data/example.test.zone", "--clock", "1795000000"]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    lines, out = [line if len(line) < 119 else line[:117] + "…" for line in said.rstrip().replace("\t", "    ").split("\n")], []
    for index, line in enumerate(lines):
        shown = html.escape(line)
        shown = re.sub(r"(\[RFC[^\]]*\])", r'<tspan fill="#5b6b86">\1</tspan>', shown)
        shown = re.sub(r"\b(pass)\b", r'<tspan fill="#137333" font-weight="bold">\1</tspan>', shown)
        shown = re.sub(r"\b(fail|permerror|temperror)\b", r'<tspan fill="#b3261e" font-weight="bold">\1</tspan>', shown)
        out.append(f'<text x="16" y="{28 + index * 19}" font-size="13" xml:space="preserve">{shown}</text>')
    return svg(32 + 8 * max(map(len, lines)), 30 + 19 * len(lines), "\n".join(out), "What verify says of a signed message, and why")


def svg(width, height, body, title):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="{html.escape(FONT)}" '
            f'fill="#1f2a3d">\n<title>{html.escape(title)}</title>\n<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n')


def main():
    behind = []
    for name, draw in (("architecture.svg", architecture), ("explanation.svg", explanation)):
        path, picture = os.path.join(HERE, name), draw()
        if "--check" in sys.argv[1:]:
            if not os.path.exists(path) or open(path).read() != picture:
                behind.append(name)
        else:
            open(path, "w").write(picture)
            print("docs/pictures/" + name)
    if behind:
        sys.exit("behind what they show, run docs/pictures/draw.py: " + ", ".join(behind))


if __name__ == "__main__":
    main()
