"""The words of pages and mails, in the languages that there are."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from syncline.kernel.errors import SetupError
from syncline.schema.mismatch import did_you_mean

FOLDER = Path(__file__).parent / "pages" / "texts"
DEFAULT = "en"
#: From so many seconds on people are told minutes.
_IN_MINUTES = 120


class Texts:
    """Texts by language and name. What a language lacks is said in English."""

    def __init__(self, overrides: Mapping[str, Mapping[str, str]]) -> None:
        self._texts = {language: dict(texts) for language, texts in _shipped().items()}
        for language, texts in overrides.items():
            for name, text in texts.items():
                self._check(language, name, text)
            self._texts.setdefault(language, {}).update(texts)

    def _check(self, language: str, name: str, text: str) -> None:
        """Raises SetupError for a text that no page would show, or not as it is meant."""
        where = f"Accounts(texts={{{language!r}: {{{name!r}: ...}}}})"
        shipped = self._texts[DEFAULT].get(name)
        if shipped is None:
            raise SetupError(
                f"{where}: there is no text of this name{did_you_mean(name, self._texts[DEFAULT])}",
                "the names are those in syncline/accounts/pages/texts/en.toml",
            )
        try:
            unknown = _places(text) - _places(shipped)
        except ValueError as error:
            raise SetupError(f"{where}: {error}", "write {{ and }} for braces that are meant") from None
        if unknown:
            known = ", ".join(f"{{{each}}}" for each in sorted(_places(shipped))) or "none"
            raise SetupError(
                f"{where}: nothing fills {{{min(unknown)}}}", f"the places of this text: {known}"
            )

    @property
    def languages(self) -> list[str]:
        return sorted(self._texts)

    @property
    def names(self) -> list[str]:
        """Of all texts."""
        return sorted(self._texts[DEFAULT])

    def language_names(self) -> list[tuple[str, str]]:
        """Languages, and what each calls itself."""
        return [(code, self._texts[code].get("language", code)) for code in self.languages]

    def get(self, language: str, name: str, **values: object) -> str:
        """The text, its `{places}` filled in. A name that does not exist is its own text.

        From two minutes on a wait in `seconds` is said in minutes, where there are such words: `error.too_many_minutes`.
        """
        seconds = values.get("seconds")
        if isinstance(seconds, int) and seconds >= _IN_MINUTES and self.has(f"{name}_minutes"):
            name, values = f"{name}_minutes", {**values, "minutes": -(-seconds // 60)}
        text = self._texts.get(language, {}).get(name) or self._texts[DEFAULT].get(name, name)
        return text.format_map(_Values(values)) if "{" in text else text

    def has(self, name: str) -> bool:
        return name in self._texts[DEFAULT]

    def choose(self, accepted: str) -> str:
        """The language for a request with this `Accept-Language`."""
        for language in _by_preference(accepted):
            for candidate in (language, language.partition("-")[0]):
                if candidate in self._texts:
                    return candidate
        return DEFAULT


class _Values(dict[str, object]):
    """Values of a text. Texts can be edited by people: a place that nobody fills stays as it is."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def _places(text: str) -> set[str]:
    """The names in braces. Raises ValueError for braces that are not closed."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@cache
def _shipped() -> dict[str, dict[str, str]]:
    return {
        file.stem: dict(_flattened(tomllib.loads(file.read_text("utf-8")), ""))
        for file in sorted(FOLDER.glob("*.toml"))
    }


def _flattened(table: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType] - any TOML
        else:
            yield f"{prefix}{name}", str(value)


def _by_preference(accepted: str) -> list[str]:
    found: list[tuple[float, str]] = []
    for part in accepted[:500].split(",")[:20]:
        language, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            continue
        if language and weight > 0:
            found.append((-weight, language.lower()))
    return [language for _, language in sorted(found, key=lambda pair: pair[0])]
