# SPDX-License-Identifier: Apache-2.0
"""The report in Markdown."""
from perf.matrix import misses, pickers, stats, yardsticks

SLOWER = 1.05
OURS = ("io_uring", "epoll")
HEADS = {"io_uring": "ringpick io_uring", "epoll": "ringpick epoll", "bare": "bare here", "other": "other"}


class Figures:
    """values[figure][picker key]: a list with one value a run, None where a run failed."""

    def __init__(self):
        self.values = {}

    def add(self, key, picker, value):
        self.values.setdefault(key, {}).setdefault(picker, []).append(value)

    def of(self, key, picker):
        return self.values.get(key, {}).get(picker, [])

    def median(self, key, picker):
        return stats.median(self.of(key, picker))

    def ratio(self, key, picker, to="bare"):
        return stats.median_ratio(self.of(key, picker), self.of(key, to))

    def verdict(self, yardstick, picker):
        return yardsticks.verdict(yardstick, self.median(yardstick.key, picker))

    def ratio_verdict(self, yardstick, picker):
        return yardsticks.ratio_verdict(yardstick, self.ratio(yardstick.key, picker))


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head),
                      *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def times(ratio):
    return "" if ratio is None else f" x{ratio:.2f}"


def measured(figures):
    return [yardstick for yardstick in yardsticks.TABLE if yardstick.key in figures.values]


def main_table(figures, has_other):
    """Each cell: median (min..max) and the ratio to bare; verdicts by the figure and, in brackets, by the
    ratio."""
    head = ["", "unit", "upstream Go EPP", "bare then", "reach at least", "aim", HEADS["bare"],
            HEADS["io_uring"], "", HEADS["epoll"], "", "io_uring / epoll"]
    if has_other:
        head.append(HEADS["other"])
    rows = []
    for yardstick in measured(figures):
        key = yardstick.key
        row = [yardstick.text, yardstick.unit, yardstick.upstream or "-", stats.write(yardstick.bare),
               stats.write(yardstick.reach), stats.write(yardstick.aim),
               stats.write_with_spread(figures.of(key, "bare"))]
        for picker in OURS:
            by_ratio = figures.ratio_verdict(yardstick, picker)
            row += [stats.write_with_spread(figures.of(key, picker)) + times(figures.ratio(key, picker)),
                    figures.verdict(yardstick, picker) + (f" ({by_ratio})" if by_ratio != "-" else "")]
        ratio = None if is_difference(yardstick) else figures.ratio(key, "io_uring", "epoll")
        row.append("-" if ratio is None else f"{ratio:.2f}")
        if has_other:
            row.append(stats.write_with_spread(figures.of(key, "other")))
        rows.append(row)
    return table(head, rows)


def details_table(figures, has_other):
    """What is printed beside figures: "key.text"."""
    names = [name for name in ("bare", *OURS, "other") if name != "other" or has_other]
    rows = []
    for name in figures.values:
        key, dot, text = name.partition(".")
        if dot:
            rows.append([yardsticks.BY_KEY[key].text, text,
                         *(stats.write_with_spread(figures.of(name, picker)) for picker in names)])
    return table(["of", "", *(HEADS[name] for name in names)], rows) if rows else ""


def tally(figures):
    lines = []
    for picker in OURS:
        verdicts = [figures.verdict(yardstick, picker) for yardstick in measured(figures)]
        lines.append(f"{HEADS[picker]}: {verdicts.count('aim')} at the aim, {verdicts.count('held')} held, "
                     f"{verdicts.count('missed')} missed.")
    return "\n".join(lines) + "\n\n" + slower(figures)


def is_difference(yardstick):
    """A quotient of two such figures, which may be near zero, would say nothing."""
    return yardstick.unit.startswith("%") or yardstick.key in ("endpoint", "sse_chunk")


def slower(figures):
    """Where io_uring is dearer than epoll by more than the runs' noise lets one doubt."""
    found = []
    for yardstick in measured(figures):
        ratio = None if is_difference(yardstick) else figures.ratio(yardstick.key, "io_uring", "epoll")
        if ratio and (1 / ratio if yardstick.is_rate else ratio) > SLOWER:
            found.append(f"{yardstick.text} ({ratio:.2f})")
    return f"io_uring is dearer than epoll by more than {SLOWER - 1:.0%} in: {'; '.join(found) or 'none'}.\n"


def misses_text(figures):
    parts = []
    for yardstick in measured(figures):
        missed = [HEADS[picker] for picker in OURS if figures.verdict(yardstick, picker) == "missed"]
        if missed:
            reason = misses.REASONS.get(yardstick.key, "Not explained yet.")
            parts.append(f"- **{yardstick.text}** ({', '.join(missed)}): {reason}")
    return "\n".join(parts) + "\n" if parts else "None.\n"


def plain_table(figures):
    """For the terminal: figure, io_uring, epoll, bare, reach, verdicts."""
    lines = [f"{'':52} {'io_uring':>10} {'x bare':>6} {'epoll':>10} {'x bare':>6} {'bare':>10} "
             f"{'reach':>8} {'aim':>8}  verdict"]
    for yardstick in measured(figures):
        key = yardstick.key
        cells = []
        for picker in OURS:
            ratio = figures.ratio(key, picker)
            cells += [f"{stats.write(figures.median(key, picker)):>10}",
                      f"{'' if ratio is None else f'{ratio:.2f}':>6}"]
        verdicts = " / ".join(dict.fromkeys(figures.verdict(yardstick, picker) for picker in OURS))
        lines.append(f"{f'{yardstick.text}, {yardstick.unit}'[:52]:52} {' '.join(cells)} "
                     f"{stats.write(figures.median(key, 'bare')):>10} {stats.write(yardstick.reach):>8} "
                     f"{stats.write(yardstick.aim):>8}  {verdicts}")
    return "\n".join(lines)


def commands_text(commands):
    lines = [f"# {row}\n{line}" for row, known in commands.items() for line in known]
    return "\n".join(lines) + "\n"


def write(facts, mode, runs_text, figures, bed, command, has_other):
    """The whole report."""
    config = pickers.CONFIG.read_text()
    own = "\n".join(line for line in bed.problems) or "None."
    remarks = "\n".join(f"- {line}" for line in bed.remarks) or "None."
    return f"""# What ringpick costs

Written by `{command}` ({mode}: {runs_text}). Medians, in brackets the smallest and the largest run, `x` the
median of the ratios to the bare server run by run. Rows are interleaved: each run of a row takes all servers
in turn. A verdict says whether the median meets "reach at least" (held) or "aim"; the one in brackets judges
the ratio to bare by the ratio of the yardsticks, which is the fairer one on another machine.

## The machine

{table(["", ""], facts)}
## How

Server CPU is that of all of its processes (schedstat), unless the row says worker. The server is pinned to one
core; `ringpick-bench`, model servers and, where the row says so, `ringpick-control` to the other. Pools of
three are `ringpick-sim`, larger ones and 1.8 KB or 42 KB pages `ringpick-pages`. "Bare" is `ringpick-bare`:
constant bytes, no JSON, no pick. TLS, 4 connections x 8 streams in a closed loop unless said. Streams/s of
one core is what scraping leaves of the core, divided by a stream's cost in the worker: the rate seen, and
the client's share, stand beside it. N workers are compared with N ringpicks of one worker on the same cores
at the same time, because a busier core wakes up less often and would look cheaper.

```
ringpick --config-file config/samples/istio-howto.yaml --endpoints-file POOL --grpc-port=N \\
    --grpc-health-port=N --metrics-port=N --workers=1 --v=2 --io-backend=io_uring|epoll --drain-timeout=0s \\
    --refresh-metrics-interval=50ms
```

with

```
{config}```

## Figures

{main_table(figures, has_other)}
{tally(figures)}
## Beside the figures

{details_table(figures, has_other)}
## Misses

{misses_text(figures)}
## Wrong or failed streams

{own}

Of other pickers, and remarks:

{remarks}

## Commands

```
{commands_text(bed.commands)}```
"""
