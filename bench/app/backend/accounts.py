"""Transfers: two reads by index and two patches, the transaction that budgets speak of."""

from __future__ import annotations

from syncline import AppError, MutationCtx, QueryCtx, gte, mutation, query

from .schema import Account


def account(ctx: QueryCtx | MutationCtx, number: int) -> Account:
    found = ctx.db.query(Account).where(number=number).unique()
    if found is None:
        raise AppError({"code": "unknown_account"})
    return found


@mutation
def transfer(ctx: MutationCtx, source: int, target: int, amount: int) -> None:
    giver = account(ctx, source)
    taker = account(ctx, target)
    # Balances may go below zero here: a refusal would make the contended run cheaper than the other.
    ctx.db.patch(giver, balance=giver.balance - amount)
    ctx.db.patch(taker, balance=taker.balance + amount)


@mutation
def open_many(ctx: MutationCtx, first: int, count: int, balance: int) -> None:
    """Accounts `first` to `first + count - 1`."""
    ctx.db.insert_many([
        Account(number=number, owner=f"owner {number}", balance=balance) for number in range(first, first + count)
    ])  # fmt: skip


@query
def total(ctx: QueryCtx, first: int, count: int) -> int:
    """The sum of the balances of `count` accounts from number `first`: transfers must not change it."""
    accounts = ctx.db.query(Account).where(number=gte(first)).take(count)
    return sum(found.balance for found in accounts)
