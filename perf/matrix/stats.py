# SPDX-License-Identifier: Apache-2.0
"""Medians, spreads and how figures are written."""
import statistics


def median(values):
    """None if nothing was measured."""
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def spread(values):
    """(min, max), or None if nothing was measured."""
    values = [value for value in values if value is not None]
    return (min(values), max(values)) if values else None


def median_ratio(values, references):
    """Median of value / reference run by run: what disturbed a run disturbed both."""
    pairs = zip(values, references)
    return median([value / reference for value, reference in pairs
                   if value is not None and reference])


def percent_more(value, reference):
    return (value / reference - 1) * 100


def write(value):
    """Three significant digits; thousands with commas."""
    if value is None:
        return "-"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 1:
        return f"{value:.2f}"
    return f"{value:.2g}" if size >= 0.0001 else "0"


def write_with_spread(values):
    """'24.1 (23.0..25.9)', without the spread if there is one run only."""
    low_high = spread(values)
    if low_high is None:
        return "-"
    text = write(median(values))
    if len([value for value in values if value is not None]) > 1:
        text += f" ({write(low_high[0])}..{write(low_high[1])})"
    return text
