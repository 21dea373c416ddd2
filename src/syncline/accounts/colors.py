"""Which texts can be read on the colours of a theme."""

from __future__ import annotations


def on_color(color: str) -> str | None:
    """White or nearly black, whichever is read better on a colour such as `#4f46e5`. None for one by name or function."""
    digits = color.removeprefix("#")
    if len(digits) in (3, 4):
        digits = "".join(each * 2 for each in digits)
    if not color.startswith("#") or len(digits) not in (6, 8):
        return None
    channels = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    # The relative luminance of WCAG; contrast with white and with black is the same at 0.179.
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    luminance = sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "#fff" if luminance < 0.179 else "#101018"
