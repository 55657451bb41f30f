"""Plots as SVG, written by hand: pairs of bars, and lines over a logarithmic axis."""
import html
import math
import re

OURS, PEER, INK, FAINT = "#1f6feb", "#b0883b", "#24292f", "#d0d7de"
WIDTH = 860
FONT = 'font-family="system-ui, sans-serif" font-size="12"'


def shown(value):
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def text(x, y, words, anchor="start", fill=INK, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" font-weight="{weight}">'
            f"{html.escape(words)}</text>")


def rect(x, y, width, height, fill):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height}" rx="2" fill="{fill}"/>'


def svg(height, title, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
            f'height="{height}" role="img" {FONT}><title>{html.escape(title)}</title>'
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>' + "\n".join(parts) + "</svg>\n")


def bars(title, rows):
    """Each measure with two bars, each pair to its own scale."""
    left, right, step = 330, 240, 44
    room = WIDTH - left - right
    parts = [text(16, 24, title, weight="bold"), rect(left, 34, 12, 10, OURS), text(left + 18, 43, "ours"),
             rect(left + 70, 34, 12, 10, PEER), text(left + 88, 43, "peer (bars to scale within each pair)")]
    y = 62
    for row in rows:
        most = max(row["ours"], row["peer"]) or 1
        mark = {True: "✓", False: "✗", None: ""}[row["met"]]
        goal = f"goal {row['goal']} {mark}" if row["goal"] else ""
        parts += [text(left - 10, y + 12, row["case"], "end"), text(left - 10, y + 27, row["metric"], "end", "#57606a"),
                  rect(left, y, room * row["ours"] / most, 14, OURS),
                  rect(left, y + 16, room * row["peer"] / most, 14, PEER),
                  text(left + room * row["ours"] / most + 6, y + 11, shown(row["ours"])),
                  text(left + room * row["peer"] / most + 6, y + 27, shown(row["peer"])),
                  text(WIDTH - 10, y + 11, f"× {shown(row['ratio'])}" if row["ratio"] is not None else "", "end"),
                  text(WIDTH - 10, y + 27, goal, "end", "#cf222e" if row["met"] is False else "#57606a")]
        y += step
    return svg(y + 4, title, parts)


def lines(title, series, x_name, y_name):
    """`series`: name -> [(x, y)]; both axes logarithmic."""
    left, top, bottom, right, height = 80, 60, 50, 210, 420
    points = [point for line in series.values() for point in line if point[1]]
    x_low, x_high = (math.log10(f(p[0] for p in points)) for f in (min, max))
    y_low = math.floor(math.log10(min(p[1] for p in points)))
    y_high = math.ceil(math.log10(max(p[1] for p in points)) + 1e-9)
    x_high, y_high = max(x_high, x_low + 0.1), max(y_high, y_low + 1)

    def at(x, y):
        return (left + (math.log10(x) - x_low) / (x_high - x_low) * (WIDTH - left - right),
                height - bottom - (math.log10(y) - y_low) / (y_high - y_low) * (height - top - bottom))
    parts = [text(16, 24, title, weight="bold"), text(left, 48, y_name, fill="#57606a"),
             text((left + WIDTH - right) / 2, height - 10, x_name, "middle", "#57606a")]
    for power in range(y_low, y_high + 1):
        _, y = at(points[0][0], 10 ** power)
        parts += [f'<line x1="{left}" y1="{y:.1f}" x2="{WIDTH - right}" y2="{y:.1f}" stroke="{FAINT}"/>',
                  text(left - 8, y + 4, f"{10 ** power:,}", "end")]
    for value in sorted({point[0] for point in points}):
        x, _ = at(value, 10 ** y_low)
        parts.append(text(x, height - bottom + 18, f"{value:,}", "middle"))
    colors = [OURS, PEER, "#1a7f37", "#8250df", "#cf222e", "#57606a", "#0a7ea4", "#bf3989"]
    ends = []
    for (name, line), color in zip(series.items(), colors):
        placed = [at(*point) for point in sorted(line) if point[1]]
        parts.append('<polyline fill="none" stroke-width="2" stroke="%s" points="%s"/>' %
                     (color, " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)))
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in placed]
        ends.append([placed[-1][1] + 4, name, color])
    ends.sort()
    for before, after in zip(ends, ends[1:]):  # names do not lie on one another
        after[0] = max(after[0], before[0] + 15)
    parts += [text(WIDTH - right + 10, y, name, fill=color) for y, name, color in ends]
    return svg(height, title, parts)


def in_flight_lines(result):
    series = {}
    for row in result["rows"]:
        found = re.match(r"(\d+) in flight(?:, (.*))?$", row["case"])
        if not found or row["metric"] != "throughput" or row["ours"] is None:
            continue
        peer = {1: "NATS service"}.get(row["row"], f"{found[2]}")
        method = "event.get" if row["row"] == 1 else "event.propose"
        if row["row"] == 2:
            peer = f"Redis alone, {found[2]}"
        if row["row"] in (1, 2):
            ours = series.setdefault(f"{method}, ours", [])
            if int(found[1]) not in [x for x, _ in ours]:
                ours.append((int(found[1]), row["ours"]))
        series.setdefault(f"{method}, {peer}", []).append((int(found[1]), row["peer"]))
    return series


def write_all(result, titles, directory):
    for number, title in titles.items():
        rows = [row for row in result["rows"] if row["row"] == number and row["ours"] is not None]
        if rows:
            (directory / f"row-{number}.svg").write_text(bars(f"Row {number}: {title}", rows))
    series = in_flight_lines(result)
    if series:
        (directory / "in-flight.svg").write_text(
            lines("Throughput by requests in flight", series, "in flight", "requests/s"))
