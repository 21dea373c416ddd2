"""What must be true of an `access` declaration for the database to enforce it, checked when the schema loads."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import iscoroutinefunction

from syncline.kernel.errors import SetupError

from .access import Members, OwnedBy, PublicRead, Rules
from .containers import UnionNode
from .definition import MISSING
from .mismatch import did_you_mean
from .nodes import StrNode, TypeNode
from .scalars import IdNode
from .tables import TableSpec, element_of


def check_access(specs: Iterable[TableSpec], system: Iterable[TableSpec] = ()) -> None:
    """Raise SetupError for the first rule that cannot be enforced. `system`: tables of Syncline, for memberships."""
    specs = tuple(specs)
    for spec in specs:
        match spec.access:
            case OwnedBy(owner):
                _check_owner(spec, owner, "owned_by")
                _check_index(spec, owner)
            case PublicRead(owner):
                _check_owner(spec, owner, "public_read")
            case Members() as access:
                _check_members(spec, access, (*specs, *system))
            case Rules() as access:
                _check_predicates(spec, access)
            case _:
                pass


def _check_owner(spec: TableSpec, owner: str, rule: str) -> None:
    field = spec.by_name.get(owner)
    where = f"{_class(spec)}.access"
    if field is None:
        raise _no_field(spec, owner, rule)
    if not isinstance(field.node.bare(), StrNode):
        raise SetupError(
            f"{where}: {rule}({owner!r}) compares the field with the caller's subject, which is a str, but "
            f"{_class(spec)}.{owner} is {field.node.describe()}",
            f"write {owner}: str; for other ways to say who owns a row there are members(...) and Rules(...)",
        )
    if field.default not in (MISSING, ""):
        raise SetupError(
            f"{where}: {_class(spec)}.{owner} has the default {field.default!r}, so that rows would belong to whoever "
            "has that subject",
            f'write {owner}: str = "", which inserts fill with the caller, or give it no default',
        )


def _check_index(spec: TableSpec, field: str, *, each: bool = False) -> None:
    for index in spec.indexes:
        if index.fields[0] == field and index.each == each:
            return
    wanted = f'Index("{field}", each=True)' if each else f'Index("{field}")'
    raise SetupError(
        f"{_class(spec)}.access needs an index that begins with `{field}`: without one every list would read the rows of "
        "everybody",
        f"add by_{field} = {wanted} to {_class(spec)}",
    )


def _check_members(spec: TableSpec, access: Members, specs: tuple[TableSpec, ...]) -> None:
    where = f"{_class(spec)}.access"
    memberships = next((other for other in specs if access.via in other.indexes), None)
    if memberships is None:
        raise SetupError(
            f"{where}: via={access.via!r} is no index of a table of this application",
            'name the index as an attribute of its class: members("team", via=TeamMember.by_user, field="team")',
        )
    subject = access.via.fields[0]
    if access.via.each or not isinstance(memberships.by_name[subject].node.bare(), StrNode):
        raise SetupError(
            f"{where}: via must begin with a field that holds the member's subject, a str, but {_class(memberships)}."
            f"{access.via.name} begins with {subject}: {memberships.by_name[subject].node.describe()}",
            f'add by_user = Index("user_id") to {_class(memberships)}, with user_id: str, and name it as via',
        )
    group = memberships.by_name.get(access.field)
    if group is None:
        raise _no_field(memberships, access.field, "members", where=where)
    theirs = _single(group.node)
    if access.group == "id":
        mine: TypeNode = IdNode(spec.name, _class(spec))
    elif access.group in spec.by_name:
        mine = _single(element_of(spec.by_name[access.group].node) or spec.by_name[access.group].node)
    else:
        raise _no_field(spec, access.group, "members")
    if mine.describe() != theirs.describe():
        raise SetupError(
            f"{where}: {_class(spec)}.{access.group} is compared with {_class(memberships)}.{access.field}, but one is "
            f"{mine.describe()} and the other {theirs.describe()}",
            "give both the same type",
        )
    if access.group != "id":
        _check_index(spec, access.group, each=element_of(spec.by_name[access.group].node) is not None)


def _single(node: TypeNode) -> TypeNode:
    """The type of a value that is there, without constraints."""
    bare = node.bare()
    return bare.members[0] if isinstance(bare, UnionNode) and len(bare.members) == 1 else bare


def _check_predicates(spec: TableSpec, access: Rules) -> None:
    predicates = {
        "read": access.read,
        "insert": access.insert,
        "update": access.update,
        "delete": access.delete,
    }
    for name, predicate in predicates.items():
        if predicate is not None and (not callable(predicate) or iscoroutinefunction(predicate)):
            raise SetupError(
                f"{_class(spec)}.access: {name}={predicate!r} is not a plain function",
                f"write {name}=lambda ctx, {'old, new' if name == 'update' else 'doc'}: ..., which returns True or False",
            )
    if access.read is None and len(set(predicates.values())) > 1:
        raise SetupError(
            f"{_class(spec)}.access: Rules(...) without read= hides all rows, so that nobody can change one",
            "add read=...; for a table that only internal functions use write access = private",
        )


def _no_field(spec: TableSpec, name: str, rule: str, *, where: str = "") -> SetupError:
    return SetupError(
        f"{where or _class(spec) + '.access'}: {_class(spec)} has no field `{name}`{did_you_mean(name, spec.by_name)}",
        f"{rule}(...) names a field of its class",
    )


def _class(spec: TableSpec) -> str:
    return spec.cls.__name__
