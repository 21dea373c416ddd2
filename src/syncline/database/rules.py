"""Rules: what the caller of a public function may see and change, enforced by `ctx.db`.

A `Guard` holds the rules of all tables for one caller in one transaction. What a rule looks at is looked at through
the transaction, so that it is part of the read set: a membership that ends reruns the queries that it opened rows to.

Rules of this file: whoever is in doubt is refused; a row that is hidden looks exactly like one that does not exist.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, cast

from syncline.kernel.errors import ForbiddenError, SetupError, UnauthenticatedError
from syncline.kernel.identity import Identity
from syncline.schema import Access, Document, Members, OwnedBy, Private, PublicRead, Rules
from syncline.values import Value, decode_id, encode_key_part

from .catalog import Catalog, TableBinding
from .conditions import Condition
from .memberships import memberships_of
from .transaction import Transaction

_NULL = encode_key_part(None)


class RuleCaller(Protocol):
    """Who is asking."""

    @property
    def identity(self) -> Identity | None:
        """The signed-in user. Whoever looks has noted that the outcome depends on it."""
        ...

    def predicate_context(self) -> object:
        """What the predicates of `Rules` get as `ctx`: a context whose reads are not restricted."""
        ...


class Narrowing(NamedTuple):
    """What a rule adds to a query: rows in which `field` is one of `parts`. Without a field all rows may be seen.

    `kind` is the kind of the conditions that say so: "equal" or "contains"; with "id" the parts are internal ids. Where
    they cannot be ranges of an index, `TableRule.sees` decides about each row instead.
    """

    field: str | None
    kind: str = "equal"
    parts: Sequence[bytes] = ()
    #: Whether cursors are bound to the parts. They are where a position means something to one caller only.
    bound: bool = False


ALL = Narrowing(None)
NOTHING = Narrowing("", "nothing")


class TableRule(ABC):
    """The rule of one table for one caller, in one transaction."""

    #: The field with the owner's subject, in rules that know one.
    owner: str | None = None

    def __init__(self, guard: Guard, table: TableBinding) -> None:
        self.guard = guard
        self.table = table

    @abstractmethod
    def sees(self, document: Document) -> bool:
        """Whether a stored document exists for the caller."""

    @abstractmethod
    def narrow(self, conditions: Sequence[Condition]) -> Narrowing | None:
        """How to read only what the caller may see; None where each row must be asked about."""

    def fill(self, fields: dict[str, Value]) -> None:
        """Before an insert: set an owner that was left out."""
        if self.owner is not None and fields[self.owner] == "":
            fields[self.owner] = self.guard.require_subject()

    def refill(self, before: Mapping[str, Value], after: dict[str, Value]) -> None:
        """Before a replacement: set an owner that was left out."""
        if self.owner is not None and after[self.owner] == "":
            after[self.owner] = before[self.owner]

    @abstractmethod
    def check_insert(self, fields: Mapping[str, Value], document: Document) -> None:
        """Raise if the caller may not insert this."""

    @abstractmethod
    def check_update(
        self, before: Mapping[str, Value], after: Mapping[str, Value], old: Document, new: Document
    ) -> None:
        """Raise if the caller, who sees the document, may not change it so."""

    @abstractmethod
    def check_delete(self, document: Document) -> None:
        """Raise if the caller, who sees the document, may not delete it."""

    def forbidden(self, what: str) -> ForbiddenError:
        return ForbiddenError(f"{self.table.name}: {what}")


class Guard:
    """The rules of all tables for one caller, in one transaction."""

    __slots__ = ("_caller", "_rules", "catalog", "transaction")

    def __init__(self, caller: RuleCaller, transaction: Transaction, catalog: Catalog) -> None:
        self._caller = caller
        self._rules: dict[int, TableRule] = {}
        self.transaction = transaction
        self.catalog = catalog

    def rule(self, table: TableBinding) -> TableRule | None:
        """What binds the caller in this table; None: nothing does."""
        access = table.access
        if access is None:
            return None
        rule = self._rules.get(table.number)
        if rule is None:
            rule = self._rules[table.number] = _KINDS[type(access)](self, table)
        return rule

    def close(self) -> None:
        """The transaction is over: rules and guard need not hold each other any more."""
        self._rules.clear()

    @property
    def subject(self) -> str | None:
        """What owners' fields and memberships name whoever is signed in by."""
        return self.catalog.name_of(self._caller.identity)

    def require_subject(self) -> str:
        subject = self.subject
        if subject is None:
            raise UnauthenticatedError
        return subject

    def context(self) -> object:
        return self._caller.predicate_context()


class _HiddenRule(TableRule):
    """`private`."""

    def sees(self, document: Document) -> bool:
        return False

    def narrow(self, conditions: Sequence[Condition]) -> Narrowing:
        return NOTHING

    def check_insert(self, fields: Mapping[str, Value], document: Document) -> None:
        raise self.forbidden("the table is private: only internal functions write to it")

    def check_update(
        self, before: Mapping[str, Value], after: Mapping[str, Value], old: Document, new: Document
    ) -> None:
        raise self.forbidden("the table is private: only internal functions write to it")

    def check_delete(self, document: Document) -> None:
        raise self.forbidden("the table is private: only internal functions write to it")


class _PublicReadRule(TableRule):
    """`public_read(owner)`: everybody sees everything, owners change their own."""

    def __init__(self, guard: Guard, table: TableBinding) -> None:
        super().__init__(guard, table)
        self._owner = self.owner = cast("PublicRead | OwnedBy", table.access).owner

    def sees(self, document: Document) -> bool:
        return True

    def narrow(self, conditions: Sequence[Condition]) -> Narrowing | None:
        return ALL

    def check_insert(self, fields: Mapping[str, Value], document: Document) -> None:
        if fields[self._owner] != self.guard.require_subject():
            raise self.forbidden(
                f"`{self._owner}` must be the caller{self._named()}: nobody can insert for somebody else"
            )

    def check_update(
        self, before: Mapping[str, Value], after: Mapping[str, Value], old: Document, new: Document
    ) -> None:
        if before[self._owner] != self.guard.require_subject():
            raise self.forbidden("only its owner can change a document")
        if after[self._owner] != before[self._owner]:
            raise self.forbidden(f"`{self._owner}` says whose the document is, and cannot be changed")

    def _named(self) -> str:
        several = self.guard.catalog.several_issuers
        return ", named by token_identifier since there are several issuers" if several else ""

    def check_delete(self, document: Document) -> None:
        if getattr(document, self._owner) != self.guard.require_subject():
            raise self.forbidden("only its owner can delete a document")


class _OwnedRule(_PublicReadRule):
    """`owned_by(owner)`."""

    def sees(self, document: Document) -> bool:
        subject = self.guard.subject
        return subject is not None and getattr(document, self._owner) == subject

    def narrow(self, conditions: Sequence[Condition]) -> Narrowing | None:
        subject = self.guard.subject
        if subject is None:
            return NOTHING
        part = self.table.codec.key_part(self._owner, subject)
        for condition in conditions:
            if condition.field == self._owner:
                if condition.kind != "equal":
                    return None
                return ALL if condition.start == part else NOTHING
        return Narrowing(self._owner, "equal", (part,), bound=True)


class _MembersRule(TableRule):
    """`members(group, via=, field=)`. Groups are compared as parts of index keys."""

    def __init__(self, guard: Guard, table: TableBinding) -> None:
        super().__init__(guard, table)
        access = cast("Members", table.access)
        self._group = access.group
        self._is_list = table.codec.is_list(access.group)
        self._access = access
        self._epoch = -1
        self._mine: frozenset[bytes] = frozenset()

    def _memberships(self) -> frozenset[bytes]:
        """The caller's groups, with what this transaction has written."""
        epoch = self.guard.transaction.rule_epoch
        if self._epoch != epoch:
            subject = self.guard.subject
            self._mine = (
                frozenset()
                if subject is None
                else memberships_of(subject, self._access, self.guard.transaction, self.guard.catalog)
            )
            self._epoch = epoch
        return self._mine

    def sees(self, document: Document) -> bool:
        mine = self._memberships()
        if not mine:
            return False
        if self._group == "id":
            return decode_id(document.id)[1] in mine
        value = getattr(document, self._group)
        key_part = self.table.codec.key_part
        if self._is_list:
            return any(key_part(self._group, item, element=True) in mine for item in value or ())
        return key_part(self._group, value) in mine

    def narrow(self, conditions: Sequence[Condition]) -> Narrowing | None:
        mine = self._memberships()
        if self._group == "id":
            return Narrowing("id", "id", sorted(mine))
        kind = "contains" if self._is_list else "equal"
        for condition in conditions:
            if condition.field == self._group:
                if condition.kind == kind and condition.start in mine:
                    return ALL
                # A row may be in another group, too, unless it has only one.
                return NOTHING if condition.kind == kind == "equal" else None
        # Sorted: cursors and read sets must not depend on the order of a set.
        return Narrowing(self._group, kind, sorted(mine))

    def check_insert(self, fields: Mapping[str, Value], document: Document) -> None:
        self.guard.require_subject()
        groups = frozenset[bytes]() if self._group == "id" else self._groups(fields)
        if not groups or not groups <= self._memberships():
            raise self._not_a_member()

    def check_update(
        self, before: Mapping[str, Value], after: Mapping[str, Value], old: Document, new: Document
    ) -> None:
        if self._group == "id":
            return
        mine = self._memberships()
        groups = self._groups(after)
        if not groups & mine or not groups - self._groups(before) <= mine:
            raise self._not_a_member()

    def check_delete(self, document: Document) -> None:
        """Whoever sees a row may delete it."""

    def _groups(self, fields: Mapping[str, Value]) -> frozenset[bytes]:
        value = fields[self._group]
        items = cast("list[Value]", value or []) if self._is_list else [value]
        return frozenset(map(encode_key_part, items)) - {_NULL}

    def _not_a_member(self) -> ForbiddenError:
        if self._group == "id":
            return self.forbidden("nobody is a member of it yet: an internal function must insert it")
        return self.forbidden(f"`{self._group}` must name groups that the caller is a member of")


class _PredicateRule(TableRule):
    """`Rules(...)`."""

    def __init__(self, guard: Guard, table: TableBinding) -> None:
        super().__init__(guard, table)
        self._rules = cast("Rules", table.access)
        self._context: object = None

    def sees(self, document: Document) -> bool:
        try:
            return self._holds("read", self._rules.read, document)
        except UnauthenticatedError:
            return False

    def narrow(self, conditions: Sequence[Condition]) -> Narrowing | None:
        return NOTHING if self._rules.read is None else None

    def check_insert(self, fields: Mapping[str, Value], document: Document) -> None:
        if not self._holds("insert", self._rules.insert, document):
            raise self.forbidden("the caller may not insert this document")

    def check_update(
        self, before: Mapping[str, Value], after: Mapping[str, Value], old: Document, new: Document
    ) -> None:
        if not self._holds("update", self._rules.update, old, new):
            raise self.forbidden("the caller may not change this document so")

    def check_delete(self, document: Document) -> None:
        if not self._holds("delete", self._rules.delete, document):
            raise self.forbidden("the caller may not delete this document")

    def _holds(self, name: str, predicate: Callable[..., object] | None, *documents: Document) -> bool:
        if predicate is None:
            return False
        if self._context is None:
            self._context = self.guard.context()
        held = predicate(self._context, *documents)
        if held is True or held is False:
            return held
        raise SetupError(
            f"{self.table.cls.__name__}.access: {name}= returned {held!r} for a row of {self.table.name}",
            "a rule returns True or False: compare with `is not None`, or write bool(...)",
        )


_KINDS: Mapping[type[Access], type[TableRule]] = {
    OwnedBy: _OwnedRule,
    PublicRead: _PublicReadRule,
    Members: _MembersRule,
    Private: _HiddenRule,
    Rules: _PredicateRule,
}
