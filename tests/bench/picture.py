"""Draws results as one SVG: for each benchmark a row of bars a figure, the median as a bar and the spread as a line. Nothing but text is needed."""

from collections.abc import Sequence
from html import escape
from typing import Any

WIDTH, ROW, LABEL, BAR = 960, 22, 320, 430
INK, OURS, THEIRS, SPREAD = "#1f2933", "#2563eb", "#9aa5b1", "#e12d39"
Figure = dict[str, Any]  # label, median, least, greatest, text, ours


def picture(results: Sequence[dict[str, Any]]) -> str:
    """The SVG's text. Bars of one benchmark share one scale; two benchmarks do not."""
    parts, y = [], 30
    for result in results:
        figures = FIGURES[result["benchmark"]](result)
        parts.append(_text(12, y, f"{result['benchmark']}. {result['title']} ({result['unit']}, {result['scale']})", bold=True))
        most = max(figure["greatest"] for figure in figures)
        for number, figure in enumerate(figures):
            parts += _row(figure, y + ROW * (number + 1), most)
        y += ROW * (len(figures) + 2)
    parts.append(_text(12, y, _where(results[0]["environment"])))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 20}" font-family="sans-serif" font-size="12">'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{y + 20}" fill="#ffffff"/>', *parts, "</svg>", ""])


def _row(figure: Figure, y: int, most: float) -> list[str]:
    length = BAR * figure["median"] / most
    least, greatest = (LABEL + BAR * figure[end] / most for end in ("least", "greatest"))
    return [
        _text(24, y, figure["label"]),
        f'<rect x="{LABEL}" y="{y - 12}" width="{length:.1f}" height="14" fill="{OURS if figure["ours"] else THEIRS}"/>',
        f'<line x1="{least:.1f}" x2="{greatest:.1f}" y1="{y - 5}" y2="{y - 5}" stroke="{SPREAD}" stroke-width="2"/>',
        _text(LABEL + BAR + 10, y, figure["text"]),
    ]


def _text(x: int, y: int, text: str, bold: bool = False) -> str:
    weight = "bold" if bold else "normal"
    return f'<text x="{x}" y="{y}" fill="{INK}" font-weight="{weight}">{escape(text)}</text>'


def _where(environment: dict[str, Any]) -> str:
    return f"{environment['at'][:10]}, {environment['cores']} cores, {environment['cpu']}, load before {environment['load_before'][0]}"


def _of_spread(label: str, spread: dict[str, Any], text: str, ours: bool) -> Figure:
    return {"label": label, "text": text, "ours": ours} | {name: spread[name] for name in ("median", "least", "greatest")}


def _durable(result: dict[str, Any]) -> list[Figure]:
    return [
        _of_spread(
            row["subject"],
            row["records_per_s"],
            f"{row['records_per_s']['median']:,.0f}" + (f", x {row['ratio']:.2f} of {row['target']:g}" if row["target"] else ""),
            row["target"] is None,
        )
        for row in result["rows"]
    ]


def _end_to_end(result: dict[str, Any]) -> list[Figure]:
    return [
        {
            "label": f"{row['rate']} contracts/s, p50 (line: to p99)",
            "median": row["p50"]["median"],
            "least": row["p50"]["median"],
            "greatest": row["p99"]["median"],
            "text": f"{row['p50']['median']:,.0f} ms = {row['p50_floors']['median']:.1f} floors",
            "ours": True,
        }
        for row in result["rows"]
    ]


def _growth(result: dict[str, Any]) -> list[Figure]:
    traces = {trace["contracts"]: trace["trace_p50_ms"] for trace in result["traces"]}
    return [
        _one(
            f"{row['contracts']:,} contracts in state",
            row["records_per_s"],
            f"{row['records_per_s']:,}, a trace in {traces[row['contracts']]:.1f} ms",
        )
        for row in result["rows"]
    ]


def _instances(result: dict[str, Any]) -> list[Figure]:
    rows = [(f"{row['instances']} instance(s)", row["records_per_s"]) for row in result["rows"]]
    return [_of_spread(label, spread, f"{spread['median']:,.0f}", True) for label, spread in rows]


def _start(result: dict[str, Any]) -> list[Figure]:
    return [_of_spread(row["what"], row["s"], f"{row['s']['median']:.1f} s", True) for row in result["rows"]]


def _one(label: str, value: float, text: str) -> Figure:
    return {"label": label, "median": value, "least": value, "greatest": value, "text": text, "ours": True}


def _trouble(result: dict[str, Any]) -> list[Figure]:
    return [
        _of_spread(f"{row['share']:.0%} trouble, {name}", row[name], f"{row[name]['median']:.1f} ms, x {row[f'{name}_ratio']:.2f}", True)
        for row in result["rows"]
        for name in ("p50", "p99")
    ]


def _slow_erp(result: dict[str, Any]) -> list[Figure]:
    """How much of the allowance each subject used, and what that cost the other tenants."""
    return [
        _of_spread(
            f"{row['subject']}, {phase}",
            used,
            f"{used['median']:.0%}, others' p99 x {row['others_p99_ratio'][phase]:,.2f}",
            row["subject"] == "Throughline",
        )
        for row in result["rows"]
        for phase, used in row["used"].items()
    ]


def _beside(result: dict[str, Any]) -> list[Figure]:
    """Ours first, then what it is measured by."""
    ours, theirs = result["rows"]
    text = f"{ours['records_per_s']['median']:,.0f}, x {result['ratio']:.2f} of {result['target']:g}"
    return [
        _of_spread(ours["subject"], ours["records_per_s"], text, True),
        _of_spread(theirs["subject"], theirs["records_per_s"], f"{theirs['records_per_s']['median']:,.0f}", False),
    ]


FIGURES = {1: _durable, 2: _slow_erp, 3: _trouble, 4: _end_to_end, 5: _beside, 6: _beside, 7: _growth, 8: _instances, 9: _start}
