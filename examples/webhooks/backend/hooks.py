import json
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from syncline import ActionCtx, route

from . import events
from .signatures import BadSignatureError, check_stripe, check_svix


@route("/webhooks/stripe", methods=["POST"], anonymous=True)
async def stripe(ctx: ActionCtx, request: Request) -> Response:
    """Events of Stripe. The signature is over the raw body: read it before it is parsed."""
    body = await request.body()
    try:
        check_stripe(body, request.headers, ctx.env["STRIPE_WEBHOOK_SECRET"], ctx.now)
    except BadSignatureError as error:
        return PlainTextResponse(str(error), 400)
    event: dict[str, Any] = json.loads(body)
    summary = str(event["data"]["object"].get("id", ""))
    await ctx.run(events.record, sender="stripe", event_id=event["id"], kind=event["type"], summary=summary)
    return Response(status_code=204)


@route("/webhooks/users", methods=["POST"], anonymous=True)
async def users(ctx: ActionCtx, request: Request) -> Response:
    """Events about users, from a sender that signs as Svix does."""
    body = await request.body()
    try:
        check_svix(body, request.headers, ctx.env["USERS_WEBHOOK_SECRET"], ctx.now)
    except BadSignatureError as error:
        return PlainTextResponse(str(error), 400)
    event: dict[str, Any] = json.loads(body)
    await ctx.run(
        events.record,
        sender="users",
        event_id=request.headers["svix-id"],
        kind=event["type"],
        summary=str(event["data"].get("id", "")),
    )
    return Response(status_code=204)
