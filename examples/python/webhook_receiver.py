"""A FastAPI program that receives Waypost's webhooks: verifies each delivery, takes each once, and asks the API about what it hears.

Run it: `WAYPOST_BASE_URL=… WAYPOST_API_KEY=… WEBHOOK_SECRET=whsec_… uvicorn webhook_receiver:app`
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import waypost
from fastapi import FastAPI, HTTPException, Request
from waypost import errors, webhooks


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """One client for the life of the program."""
    async with waypost.AsyncClient() as client:
        app.state.waypost = client
        app.state.seen = set[str]()
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks", status_code=204)
async def receive(request: Request) -> None:
    """Takes a delivery."""
    # The bytes that came, before anything parses them: the signature is over them.
    body = await request.body()
    try:
        delivery = webhooks.verify(body, request.headers, os.environ["WEBHOOK_SECRET"])
    except errors.WebhookError as error:
        raise HTTPException(400, detail=error.message) from None

    # A delivery may come more than once; its id tells.
    seen: set[str] = request.app.state.seen
    if delivery.id in seen:
        return

    event = delivery.json()
    client: waypost.AsyncClient = request.app.state.waypost
    wallet = await client.wallets.get(event["data"]["wallet_id"])
    print(f"{event['type']}: {wallet.name} now holds {wallet.balance / 100:.2f} {wallet.currency}")
    # Noted when the work is done, so that one that failed half-way is done again.
    seen.add(delivery.id)
