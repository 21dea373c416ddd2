"""Organisations and their members."""

from __future__ import annotations

from typing import Any

from syncline.accounts import organizations
from syncline.accounts.core import AccountError
from syncline.accounts.organizations import MEMBER, Organization
from syncline.accounts.users import User

from .asking import Asked, Endpoint, page
from .describing import describe_organization

_METADATA = ("public_metadata", "private_metadata")


def _list(asked: Asked) -> Any:
    search = asked.text("search", "", length=200)
    found = organizations.listed(asked.core, after=asked.after, limit=asked.limit + 1, search=search)
    return page([describe_organization(each) for each in found], asked.limit)


def _count(asked: Asked) -> Any:
    return {"count": organizations.count(asked.core)}


def _create(asked: Asked) -> Any:
    user = asked.user_of()
    slug = asked.text("slug", "", length=100)
    with asked.about("slug" if slug else "name"):
        made = organizations.create(asked.core, asked.text("name"), user.id, slug)
    found = organizations.require(asked.core, made.organization)
    _set_metadata(asked, found)
    asked.record("organization.created", user.id, organization=found.id)
    return describe_organization(organizations.require(asked.core, found.id))


def _show(asked: Asked) -> Any:
    return describe_organization(asked.organization())


def _update(asked: Asked) -> Any:
    found = asked.organization()
    if "name" in asked:
        with asked.about("name"):
            organizations.rename(asked.core, found.id, asked.text("name"))
    if "slug" in asked:
        with asked.about("slug"):
            organizations.set_slug(asked.core, found.id, asked.text("slug"))
    _set_metadata(asked, found)
    now = organizations.require(asked.core, found.id)
    asked.record("organization.updated", None, organization=found.id, fields=sorted(asked.given))
    return describe_organization(now)


def _set_metadata(asked: Asked, organization: Organization) -> None:
    for name in _METADATA:
        if name in asked:
            with asked.about(name):
                organizations.set_metadata(
                    asked.core, organization.id, name.removesuffix("_metadata"), asked.mapping(name)
                )


def _delete(asked: Asked) -> Any:
    found = asked.organization()
    organizations.delete(asked.core, found.id)
    asked.record("organization.deleted", None, organization=found.id)
    return {"id": found.id, "deleted": True}


def _members(asked: Asked) -> Any:
    found = organizations.members_page(
        asked.core, asked.organization().id, after=asked.after, limit=asked.limit + 1
    )
    return page(found, asked.limit)


def _add_member(asked: Asked) -> Any:
    found, user = asked.organization(), asked.user_of()
    if _role_of(asked, found, user) is not None:
        raise AccountError("error.member", status=409, field="user")
    with asked.about("role"):
        organizations.join(asked.core, found.id, user.id, asked.text("role", MEMBER))
    return _told(asked, "organizationMembership.created", found, user)


def _change_member(asked: Asked) -> Any:
    found, user = asked.organization(), _member(asked)
    with asked.about("role"):
        organizations.set_role(asked.core, found.id, user.id, asked.text("role"))
    return _told(asked, "organizationMembership.updated", found, user)


def _remove_member(asked: Asked) -> Any:
    found, user = asked.organization(), _member(asked)
    organizations.leave(asked.core, found.id, user.id)
    _told(asked, "organizationMembership.deleted", found, user)
    return {"id": user.id, "deleted": True}


def _member(asked: Asked) -> User:
    user = asked.user()
    if _role_of(asked, asked.organization(), user) is None:
        raise AccountError("error.no_user", status=404)
    return user


def _role_of(asked: Asked, organization: Organization, user: User) -> str | None:
    claim = organizations.claim(asked.core, organization.id, user.id)
    return None if claim is None else str(claim["rol"])


def _told(asked: Asked, event: str, organization: Organization, user: User) -> Any:
    role = _role_of(asked, organization, user)
    asked.record(event, user.id, organization=organization.id, role=role)
    return {"id": user.id, "name": user.name, "email": user.email, "role": role}


ENDPOINTS = (
    Endpoint("GET", "/organizations", _list, "those with `search` in name or slug", ("search", "after", "limit")),
    Endpoint(
        "POST",
        "/organizations",
        _create,
        "a new one, `user` its first administrator",
        ("name", "slug", "user", *_METADATA),
        201,
    ),
    Endpoint("GET", "/organizations/count", _count, "how many there are"),
    Endpoint("GET", "/organizations/{organization}", _show, "one, by id or slug"),
    Endpoint("PATCH", "/organizations/{organization}", _update, "changes what is given", ("name", "slug", *_METADATA)),
    Endpoint("DELETE", "/organizations/{organization}", _delete, "deletes one; its members stay users"),
    Endpoint("GET", "/organizations/{organization}/members", _members, "who is in it", ("after", "limit")),
    Endpoint(
        "POST", "/organizations/{organization}/members", _add_member, "one more, at once", ("user", "role"), 201
    ),
    Endpoint("PATCH", "/organizations/{organization}/members/{user}", _change_member, "another role", ("role",)),
    Endpoint("DELETE", "/organizations/{organization}/members/{user}", _remove_member, "takes one out"),
)  # fmt: skip
