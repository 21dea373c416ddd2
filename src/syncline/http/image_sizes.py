"""Images in other sizes: `?width=200`, `?height=`, `?fit=cover`, `?format=webp`. Made by Pillow, in a thread."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from syncline.files import FileService
from syncline.functions.storage import Located
from syncline.kernel.limits import Limits

from .replies import Refusal

_MOST_PIXELS_WIDE: Final = 4096
_FORMATS: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF"}
_NAMES: Final = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
#: As many at once: each holds the decoded image.
_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    width: int | None
    height: int | None
    cover: bool
    content_type: str | None

    @classmethod
    def of(cls, query: dict[str, str]) -> Wanted | None:
        """None when the file is wanted as it is. Raises Refusal."""
        if not query.keys() & {"width", "height", "format"}:
            return None
        kind = query.get("format")
        if kind is not None and kind not in _NAMES:
            raise Refusal(400, "BadImageSize", f"`format` is one of {', '.join(_NAMES)}")
        fit = query.get("fit", "inside")
        if fit not in ("inside", "cover"):
            raise Refusal(
                400, "BadImageSize", "`fit` is inside (nothing is cut off) or cover (the size is filled)"
            )
        made = cls(_side(query, "width"), _side(query, "height"), fit == "cover", _NAMES.get(kind or ""))
        if made.cover and not (made.width and made.height):
            raise Refusal(400, "BadImageSize", "fit=cover needs both `width` and `height`")
        return made

    @property
    def tag(self) -> str:
        """For the ETag."""
        return (
            f"{self.width or 0}x{self.height or 0}{'c' if self.cover else ''}{(self.content_type or '')[6:]}"
        )


@dataclass(frozen=True, slots=True)
class Image:
    content: bytes
    content_type: str


class ImageSizes:
    """Makes images and keeps the latest, up to a limit of bytes. Used from threads."""

    def __init__(self, files: FileService, limits: Limits) -> None:
        self._files = files
        self._limits = limits
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, Wanted], Image] = OrderedDict()
        self._bytes = 0

    def make(self, file: Located, wanted: Wanted) -> Image:
        """The image as it is wanted. Blocks. Raises Refusal for what is no image, or too large a one."""
        with self._lock:
            known = self._kept.get((file.blob, wanted))
            if known is not None:
                self._kept.move_to_end((file.blob, wanted))
                return known
        kind = (file.content_type or "").partition(";")[0].strip().lower()
        if kind not in _FORMATS:
            raise Refusal(415, "NotAnImage", "only JPEG, PNG, WebP and GIF images can be had in other sizes")
        if file.size > self._limits.image_bytes:
            raise _too_large(self._limits)
        with self._turns:
            content = b"".join(self._files.vault.read(file.blob, file.size))
            image = _resized(content, wanted.content_type or kind, wanted, self._limits)
        self._keep((file.blob, wanted), image)
        return image

    def _keep(self, key: tuple[str, Wanted], image: Image) -> None:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = image
                self._bytes += len(image.content)
            while self._bytes > self._limits.image_cache_bytes and self._kept:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= len(dropped.content)


def _resized(content: bytes, content_type: str, wanted: Wanted, limits: Limits) -> Image:
    try:
        from PIL import Image as Pillow
        from PIL import ImageOps
    except ImportError:
        raise Refusal(
            501, "NoImages", 'images in other sizes need Pillow: pip install "syncline[images]"'
        ) from None
    try:
        # The named formats only: Pillow knows many more, some of them rarely looked at.
        with Pillow.open(io.BytesIO(content), formats=list(_FORMATS.values())) as opened:
            if opened.width * opened.height > limits.image_pixels:
                raise _too_large(limits)
            image = ImageOps.exif_transpose(opened)
            assert image is not None
            width, height = wanted.width or image.width, wanted.height or image.height
            if wanted.cover:
                image = ImageOps.fit(image, (width, height))
            else:
                # The side that was not named follows; nothing is made larger than it is.
                bounds = (wanted.width or _MOST_PIXELS_WIDE * 16, wanted.height or _MOST_PIXELS_WIDE * 16)
                image.thumbnail(bounds)
            target = _FORMATS[content_type]
            if target == "JPEG" and image.mode not in ("RGB", "L"):
                image = image.convert("RGB")
            output = io.BytesIO()
            image.save(output, target)
    except Refusal:
        raise
    except Exception:
        # Whatever a broken image makes Pillow raise: it is the file that is wrong.
        raise Refusal(422, "BadImage", "the file is not an image that can be read") from None
    return Image(output.getvalue(), content_type)


def _side(query: dict[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:6]) <= _MOST_PIXELS_WIDE:
        raise Refusal(400, "BadImageSize", f"`{name}` is a number of pixels from 1 to {_MOST_PIXELS_WIDE}")
    return int(text[:6])


def _too_large(limits: Limits) -> Refusal:
    text = f"image pixels: images of more than {limits.image_pixels:,} are not resized, nor files over {limits.image_bytes:,} bytes"
    return Refusal(413, "ImageTooLarge", text)
