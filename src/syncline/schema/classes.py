"""The fields of the classes that can stand for objects: TypedDict, dataclass, msgspec.Struct, pydantic models."""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, Required, TypeAlias, cast, get_args, get_origin

import msgspec

from syncline.kernel.errors import SetupError

from .objects import TAG, RecordForm

_Build: TypeAlias = Callable[[dict[str, object]], object]


@dataclass(frozen=True, slots=True)
class ClassField:
    """A field as its class declares it; see RecordField."""

    name: str
    attribute: str
    hint: object
    required: bool
    present: bool = True


@dataclass(frozen=True, slots=True)
class ClassForm:
    form: RecordForm
    fields: tuple[ClassField, ...]
    build: _Build


def form_of(cls: type[object], where: str) -> ClassForm | None:
    """How a class is written as an object; None for a class that cannot be. Raises SetupError, naming `where`."""
    if typing.is_typeddict(cls):
        return _typed_dict(cls, where)
    if issubclass(cls, msgspec.Struct):
        return _struct(cls, where)
    if _is_pydantic_model(cls):
        return _pydantic_model(cls, where)
    if dataclasses.is_dataclass(cls):
        return _dataclass(cls, where)
    return None


def _hints(cls: type[object], where: str) -> dict[str, object]:
    try:
        return typing.get_type_hints(cls, None, {cls.__name__: cls}, include_extras=True)
    except NameError as error:
        raise SetupError(
            f"{where}: the name {error.name!r} in a type of {cls.__name__} is not defined",
            "import it at the top of the module (not under TYPE_CHECKING), or correct it",
        ) from None
    except (SyntaxError, TypeError, AttributeError) as error:
        raise SetupError(
            f"{where}: the types of {cls.__name__} cannot be read: {error}", "correct them"
        ) from None


def _typed_dict(cls: type[object], where: str) -> ClassForm:
    required_keys = cast("frozenset[str]", cls.__required_keys__)  # type: ignore[attr-defined]  # a TypedDict has it
    fields: list[ClassField] = []
    for name, hint in _hints(cls, where).items():
        # Under postponed annotations Python itself does not see Required and NotRequired; the hints tell.
        required = name in required_keys
        while (origin := get_origin(hint)) in _QUALIFIERS:
            if origin in (Required, NotRequired):
                required = origin is Required
            hint = get_args(hint)[0]
        fields.append(ClassField(name, name, hint, required, present=required))
    return ClassForm("TypedDict", tuple(fields), lambda fields: fields)


def _dataclass(cls: type[object], where: str) -> ClassForm:
    hints = _hints(cls, where)
    fields: list[ClassField] = []
    for field in dataclasses.fields(cast("Any", cls)):
        if not field.init:
            raise SetupError(
                f"{where}: {cls.__name__}.{field.name} is not an argument of its class (init=False)",
                "use a property, or leave init on",
            )
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        fields.append(ClassField(field.name, field.name, hints[field.name], required))
    return ClassForm("dataclass", tuple(fields), lambda fields: cls(**fields))


def _struct(cls: type[msgspec.Struct], where: str) -> ClassForm:
    config = cls.__struct_config__
    if config.array_like:
        raise SetupError(
            f"{where}: {cls.__name__} is array_like, and objects have named fields", "remove array_like=True"
        )
    try:
        infos = msgspec.structs.fields(cls)
    except NameError as error:
        raise SetupError(
            f"{where}: the name {error.name!r} in a type of {cls.__name__} is not defined",
            "import it at the top of the module (not under TYPE_CHECKING), or correct it",
        ) from None
    fields = [ClassField(info.encode_name, info.name, info.type, info.required) for info in infos]
    if config.tag is not None:
        fields.insert(0, ClassField(cast("str", config.tag_field), TAG, Literal[config.tag], required=True))

    def build(fields: dict[str, object]) -> object:
        fields.pop(TAG, None)
        return cls(**fields)

    return ClassForm("Struct", tuple(fields), build)


def _is_pydantic_model(cls: type[object]) -> bool:
    # Pydantic is optional: whoever defines a model has imported it.
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(cls, pydantic.BaseModel)


def _pydantic_model(cls: type[object], where: str) -> ClassForm:
    model = cast("Any", cls)  # the package may be missing when this file is checked
    fields: list[ClassField] = []
    for name, info in model.model_fields.items():
        if (
            info.alias is not None
            or info.validation_alias is not None
            or info.serialization_alias is not None
        ):
            raise SetupError(
                f"{where}: {cls.__name__}.{name} has an alias, and names are the same on the wire as in Python",
                "remove the alias",
            )
        # Its constraints are not in the annotation; the model checks them itself.
        fields.append(ClassField(name, name, info.annotation, info.is_required()))
    return ClassForm("pydantic model", tuple(fields), cast("_Build", model.model_validate))


#: Wrappers that say something about a key of a TypedDict, not about its values. ReadOnly exists from Python 3.13 on.
_QUALIFIERS: tuple[object, ...] = (Required, NotRequired, getattr(typing, "ReadOnly", Required))
