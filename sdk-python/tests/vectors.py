"""Runs `openapi/vectors/*.json`, the behaviour that every language shares, from Python.

A runner is a function from a case's `input` to what happened; `differences` compares that with `expect` by the rules of
`openapi/vectors/README.md`. What a program can see through the package is run through the package: `call` and `paging` make calls with the real
clients on a scripted server, `webhook` and `environment` use the public functions, and the kinds of errors are told from the exceptions'
classes. The rest (`backoff`, `base_url`, `form`, `redaction`, `request`, `retry_after`, `traceparent`) is inside the engine and is asked
of it directly.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import waypost
from waypost import _native, errors, oauth, webhooks
from waypost._call import EventOperation, ListOperation, Operation, Parameter, StreamOperation
from waypost._client import engine_client
from waypost.oauth import AsyncSignIn, DeviceProgress, SignIn

Outcome = dict[str, Any]

KINDS = {kind: word for word, kind in errors._OF_KIND.items()} | {
    errors.ValidationError: "unprocessable",
    errors.ClosedError: "config",
}


def folder() -> Path:
    """Where the vectors are: in the source tree, above the tests."""
    return Path(__file__).resolve().parents[2] / "openapi" / "vectors"


# --- `call`


def settings_of(client: Mapping[str, Any]) -> dict[str, Any]:
    """A case's `client` as a program would write it."""
    seconds = ("timeout_ms", "connect_timeout_ms", "deadline_ms", "backoff_base_ms", "backoff_cap_ms")
    made: dict[str, Any] = {"base_url": "https://api.example", "trace": client.get("trace", False)}
    for name, value in client.items():
        if name in seconds:
            made[name.removesuffix("_ms")] = value / 1000
        elif name in ("budget", "breaker") and isinstance(value, dict):
            made[name] = {
                part.removesuffix("_ms"): one / 1000 if part.endswith("_ms") else one for part, one in value.items()
            }
        elif name == "tokens":
            made[name] = oauth.TokenSet.from_dict(value)
        else:
            made[name] = value
    return made


def options_of(call: Mapping[str, Any]) -> Any:
    made: dict[str, Any] = {}
    for name in ("timeout_ms", "deadline_ms"):
        if name in call:
            made[name.removesuffix("_ms")] = call[name] / 1000
    for name in ("max_retries", "idempotency_key"):
        if name in call:
            made[name] = call[name]
    if "headers" in call:
        made["headers"] = dict(call["headers"])
    return made or None


def define(operation: Mapping[str, Any]) -> str:
    result = operation.get("result", "json")
    method = operation.get("method", "GET")
    described: dict[str, Any] = {
        "method": method,
        "path": "/v1/things",
        "parameters": [{"name": "Idempotency-Key", "in": "header", "required": False}],
        "body": "json" if method == "POST" else "none",
        "idempotency_key": operation.get("idempotency_key", False),
        "retry": operation.get("retry", "safe"),
        "security": [["bearer"], ["header:X-API-Key"]],
        "paginate": False,
        "result": ["application/x-ndjson", "text/csv"] if result == "bytes" else result,
        "status": 200,
    }
    mark = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:12]
    return _native.define(json.dumps({"id": f"things_do_{mark}", **described}).encode())


def reply(answer: Mapping[str, Any]) -> _native.Reply:
    headers = answer.get("headers", {})
    body = json.dumps(answer["json"], separators=(",", ":"), ensure_ascii=False) if "json" in answer else answer.get("body", "")
    return _native.Reply(
        answer.get("status", 200),
        list(headers.items()) if isinstance(headers, dict) else [tuple(pair) for pair in headers],
        body,
        after_ms=answer.get("after_ms", 0),
        body_after_ms=answer.get("body_after_ms", 0),
        failure=answer.get("failure"),
        bytes_sent=answer.get("bytes_sent", True),
        message=answer.get("message", "as the script has it"),
        body_failure=answer.get("body_failure"),
    )


class Call:
    """One case of the runner `call`, with the sync or the async client."""

    def __init__(self, given: Mapping[str, Any], *, is_async: bool) -> None:
        self.given = given
        self.is_async = is_async
        self.operation = given.get("operation", {})
        self.id = define(self.operation)
        self.attempts: list[_native.Attempted] = []
        self.answers: list[Any] = []
        self.callers: dict[str, Any] = {}
        self.scripted = _native.Scripted(self.answer)

    store: Any = None

    def answer(self, attempted: _native.Attempted) -> _native.Reply:
        if not self.answers:
            raise AssertionError("the script has no further answer")
        self.attempts.append(attempted)
        return reply(self.answers.pop(0))

    def run(self) -> Outcome:
        settings = settings_of(self.given.get("client", {}))
        engine = engine_client(settings, (), {}, self.scripted, token_store=self.store)
        client = (waypost.AsyncClient if self.is_async else waypost.Client)._of(engine)
        return {"calls": [self.one(client, call) for call in self.given["calls"]]}

    def one(self, client: Any, call: Mapping[str, Any]) -> Outcome:
        self.scripted.advance(call.get("after_ms", 0))
        self.scripted.cancel_after(call.get("cancel_at_ms"))
        self.answers, self.attempts = list(call["answers"]), []
        mine = client
        if "api_key" in call:
            # As a program would: one client for each caller, kept.
            mine = self.callers.setdefault(call["api_key"], None) or client.with_options(api_key=call["api_key"])
            self.callers[call["api_key"]] = mine
        began = self.scripted.elapsed_ms
        try:
            told = self.ask(mine, options_of(call))
        except errors.WaypostError as error:
            told = failed(error)
        keys = [dict(one.headers).get("idempotency-key") for one in self.attempts]
        last = {name.lower(): value for name, value in self.attempts[-1].headers} if self.attempts else {}
        names = ("if-none-match", "idempotency-key", "traceparent", "authorization", "x-api-key")
        return {
            "sent": len(self.attempts),
            "waits_ms": self.scripted.waits_ms,
            "timeouts_ms": [one.timeout_ms for one in self.attempts],
            "elapsed_ms": self.scripted.elapsed_ms - began,
            "same_key": len(set(keys)) <= 1,
            "has_key": bool(keys) and all(keys),
            "sent_headers": {name: last.get(name) for name in names},
            **told,
        }

    def ask(self, client: Any, options: Any) -> Outcome:
        body: dict[str, Any] | None = {} if self.operation.get("method") == "POST" else None
        kind = self.operation.get("result", "json")
        taken = None if body is None else dict
        calls = client._caller
        if kind in ("bytes", "events"):
            if kind == "bytes":
                stream = calls.stream(StreamOperation(self.id, body=taken), (), body, options)
            else:
                stream = calls.events(EventOperation[Any](self.id, body=taken), (), body, options)
            return asyncio.run(self.opened(stream)) if self.is_async else self.head(stream)
        results = {"json": msgspec.Raw, "text": str, "none": None}
        operation: Operation[Any] = Operation(self.id, body=taken, result=results[kind])
        answered = calls.raw().call(operation, (), body, options)
        response = asyncio.run(answered) if self.is_async else answered
        return {**self.head(response), "body": response.body.decode(), "from_cache": response.from_cache}

    async def opened(self, stream: Any) -> Outcome:
        async with stream:
            return self.head(stream.head)

    def head(self, answer: Any) -> Outcome:
        return {
            "result": "ok",
            "status": answer.status,
            "body": {"stream": True},
            "from_cache": False,
            "request_id": answer.request_id,
            "headers": dict(answer.headers),
            "attempts": [attempt(one) for one in answer.attempts],
        }


def failed(error: errors.WaypostError) -> Outcome:
    problem = error.problem
    said = None
    if isinstance(error, errors.OAuthError) and (error.error or error.status):
        names = ("error", "error_description", "error_uri", "status")
        said = {name: getattr(error, name) for name in names}
    return {
        "oauth": said,
        "result": KINDS[type(error)],
        "status": error.status,
        # The kind is the exception's class, which Python prints before its text.
        "message": f"{KINDS[type(error)]}: {error}",
        "printed": f"{error} {error!r} {problem!r} {error.attempts!r} {error.excerpt} {error.__dict__!r}",
        "code": error.code,
        "title": problem and problem.title,
        "detail": problem and problem.detail,
        "errors": [one._asdict() for one in problem.errors] if problem else [],
        "extra": problem and problem.extra,
        "has_problem": problem is not None,
        "excerpt": error.excerpt,
        "request_id": error.request_id,
        "retry_after_s": None if error.retry_after is None else int(error.retry_after),
        "attempts": [attempt(one) for one in error.attempts],
    }


def attempt(one: errors.Attempt) -> Outcome:
    return {
        "number": one.number,
        "delay_ms": round(one.delay * 1000, 3),
        "duration_ms": round(one.duration * 1000, 3),
        "status": one.status,
        "cause": one.cause,
        "request_id": one.request_id,
    }


# --- `tokens`


class Store:
    """A token store as a case describes it; one of an async client is asked with `await`."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        self.kept = described.get("kept")
        self.fails = described.get("fails", ())

    def able(self, verb: str) -> None:
        if verb in self.fails:
            raise OSError("as the case has it")

    def load(self) -> oauth.TokenSet | None:
        self.able("load")
        return None if self.kept is None else oauth.TokenSet.from_dict(self.kept)

    def save(self, tokens: oauth.TokenSet) -> None:
        self.able("save")
        self.kept = tokens.to_dict()

    def clear(self) -> None:
        self.able("clear")
        self.kept = None


class AsyncStore(Store):
    async def load(self) -> oauth.TokenSet | None:  # type: ignore[override]
        return super().load()

    async def save(self, tokens: oauth.TokenSet) -> None:  # type: ignore[override]
        super().save(tokens)

    async def clear(self) -> None:  # type: ignore[override]
        super().clear()


class TokenCall(Call):
    """One case of the runner `tokens`."""

    def __init__(self, given: Mapping[str, Any], *, is_async: bool) -> None:
        super().__init__(given, is_async=is_async)
        if "store" in given:
            self.store = (AsyncStore if is_async else Store)(given["store"])
        self.requests: list[Outcome] = []

    def answer(self, attempted: _native.Attempted) -> _native.Reply:
        if attempted.operation != "oauth_token":
            return super().answer(attempted)
        if not self.requests and "kept_at_refresh" in self.present:
            self.store.kept = self.present["kept_at_refresh"]
        headers = dict(attempted.headers)
        self.requests.append(
            {"url": attempted.url, "authorization": headers.get("authorization"), "body": attempted.body.decode()}
        )
        if not self.token_answers:
            raise AssertionError("the script has no further answer")
        return reply(self.token_answers.pop(0))

    def one(self, client: Any, call: Mapping[str, Any]) -> Outcome:
        self.present, self.requests = call, []
        self.token_answers = list(call.get("token_answers", ()))
        if "kept" in call:
            self.store.kept = call["kept"]
        told = super().one(client, call)
        return {**told, "token_requests": self.requests, "store": self.store and self.store.kept}


def tokens(given: Mapping[str, Any]) -> Outcome:
    """With the sync client, and a store of plain functions."""
    return TokenCall(given, is_async=False).run()


def tokens_async(given: Mapping[str, Any]) -> Outcome:
    """With the async client, and a store of coroutine functions."""
    return TokenCall(given, is_async=True).run()


def call(given: Mapping[str, Any]) -> Outcome:
    """With the sync client."""
    return Call(given, is_async=False).run()


def call_async(given: Mapping[str, Any]) -> Outcome:
    """With the async client."""
    return Call(given, is_async=True).run()


# --- `paging`


class Listed(msgspec.Struct):
    """A page of anything."""

    data: list[Any]
    next_cursor: Any = None
    has_more: Any = None


LIST: ListOperation[Any] = ListOperation("wallets_list", parameters=(Parameter("cursor"),), result=Listed)


def _paged(given: Mapping[str, Any]) -> tuple[_native.Scripted, list[Any]]:
    pages = list(given["pages"])
    asked: list[Any] = []

    def answer(attempted: _native.Attempted) -> _native.Reply:
        query = attempted.url.partition("?")[2]
        asked.append(dict(part.split("=") for part in query.split("&") if part).get("cursor"))
        page = pages.pop(0)
        return _native.Reply(200, [("content-type", "application/json")], page if isinstance(page, str) else json.dumps(page))

    return _native.Scripted(answer), asked


def paging(given: Mapping[str, Any]) -> Outcome:
    """A list that a program goes through, page by page and to its end."""
    scripted, asked = _paged(given)
    client = waypost.Client._of(engine_client({"base_url": "https://api.example", "api_key": "k"}, (), {}, scripted))
    items, end, message = 0, "end", ""
    try:
        for page in client._caller.list(LIST, (given.get("cursor"),)).pages():
            items += len(page.data)
    except errors.WaypostError as error:
        end, message = KINDS[type(error)], str(error)
    return {"asked": asked, "items": items, "end": end, "stops": True, "message": message}


def paging_async(given: Mapping[str, Any]) -> Outcome:
    """The same, awaited."""
    scripted, asked = _paged(given)
    client = waypost.AsyncClient._of(engine_client({"base_url": "https://api.example", "api_key": "k"}, (), {}, scripted))

    async def walk() -> Outcome:
        items, end, message = 0, "end", ""
        try:
            async for page in client._caller.list(LIST, (given.get("cursor"),)).pages():
                items += len(page.data)
        except errors.WaypostError as error:
            end, message = KINDS[type(error)], str(error)
        return {"asked": asked, "items": items, "end": end, "stops": True, "message": message}

    return asyncio.run(walk())


# --- `webhook`


def webhook(given: Mapping[str, Any]) -> Outcome:
    """Signing and verifying by the public functions."""
    body = given["body"].encode()
    try:
        if "sign" in given:
            signature = webhooks.sign(body, given["secrets"], id=given["sign"]["id"], timestamp=given["sign"]["timestamp"])
            return {"signature": signature, "refused": None}
        delivery = webhooks.verify(
            body, given["headers"], given["secrets"], now=given["now"], tolerance=given.get("tolerance_s", 300)
        )
    except errors.WebhookError as error:
        return {"refused": error.reason, "message": str(error), "id": None, "timestamp": None}
    return {"refused": None, "id": delivery.id, "timestamp": delivery.timestamp}


# --- `sign_in`


def _metadata(given: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of the server of a case."""
    members: dict[str, Any] = {
        "issuer": given.get("base_url", "https://auth.example").rstrip("/"),
        "authorization_endpoint": "https://auth.example/oauth/authorize",
        "token_endpoint": "https://auth.example/oauth/token",
        "device_authorization_endpoint": "https://auth.example/oauth/device_authorization",
        "authorization_response_iss_parameter_supported": True,
        **given.get("metadata", {}),
    }
    return {name: value for name, value in members.items() if value is not None}


class _Script:
    """What stands for sockets, clock and randomness of a sign-in."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.answers = [*given.get("discovery", [{"json": _metadata(given)}]), *given["answers"]]
        self.requests: list[Outcome] = []
        self.waits: list[float] = []
        self.random = ["dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "af0ifjsldkj"]

    def client(self, origin: str) -> Any:
        settings = {"base_url": origin, "max_retries": 0, "budget": False, "cache": False, "pacing": False, "trace": False}
        return engine_client(settings, (), {}, _native.Scripted(self._answer))

    def _answer(self, request: _native.Attempted) -> _native.Reply:
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True)) if request.method == "POST" else None
        authorization = dict(request.headers).get("authorization")
        self.requests.append({"method": request.method, "url": request.url, "form": form, "authorization": authorization})
        return reply(self.answers.pop(0))

    def now(self) -> float:
        return 1_700_000_000 + sum(self.waits)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)


def _sign_in(given: Mapping[str, Any], asynchronous: bool) -> Outcome:
    script = _Script(given)
    progress: list[Outcome] = []
    opened: str | None = None

    class Sync(SignIn):
        _client = staticmethod(script.client)
        _now = staticmethod(script.now)
        _random = staticmethod(script.random.pop)
        _sleep = staticmethod(script.wait)

    class Async(AsyncSignIn):
        _client = staticmethod(script.client)
        _now = staticmethod(script.now)
        _random = staticmethod(script.random.pop)

        async def _sleep(self, seconds: float) -> None:
            script.wait(seconds)

    settings = {
        "base_url": given.get("base_url", "https://auth.example"),
        "client_id": given.get("client_id", "ocl_1"),
        "client_secret": given.get("client_secret"),
        "scope": given.get("scope"),
        "environment": {},
    }

    def show(told: DeviceProgress) -> None:
        shown = told._asdict()
        progress.append({**shown, "wait_ms": shown.pop("wait") * 1000})

    redirect_uri = "http://127.0.0.1:4711/callback"

    async def run() -> Any:
        nonlocal opened
        made = Async(**settings)
        if given["flow"] == "device":
            return await made.with_device(show)
        code = await made.begin(redirect_uri)
        opened = code.url
        return await code.finish(given.get("redirect", ""))

    def run_sync() -> Any:
        nonlocal opened
        made = Sync(**settings)
        if given["flow"] == "device":
            return made.with_device(show)
        code = made.begin(redirect_uri)
        opened = code.url
        return code.finish(given.get("redirect", ""))

    try:
        tokens = asyncio.run(run()) if asynchronous else run_sync()
        more = {"result": "ok", "tokens": json.loads(tokens.to_json()), "printed": repr(tokens)}
    except errors.WaypostError as error:
        more = {
            "result": KINDS[type(error)],
            "error": getattr(error, "error", None),
            "description": getattr(error, "error_description", None),
            "uri": getattr(error, "error_uri", None),
            "status": error.status,
            "message": str(error),
            "printed": f"{error} {error!r} {error.__dict__}",
        }
    return {"requests": script.requests, "progress": progress, "waits_ms": [wait * 1000 for wait in script.waits], "opened": opened, **more}


def sign_in(given: Mapping[str, Any]) -> Outcome:
    return _sign_in(given, False)


def sign_in_async(given: Mapping[str, Any]) -> Outcome:
    return _sign_in(given, True)


# --- the engine's own


def engine(runner: str) -> Callable[[Mapping[str, Any]], Outcome]:
    """A runner that is inside the engine."""

    def run(given: Mapping[str, Any]) -> Outcome:
        outcome: Outcome = json.loads(_native.policy(runner, json.dumps(given).encode()))
        return outcome

    return run


RUNNERS: dict[str, tuple[Callable[[Mapping[str, Any]], Outcome], ...]] = {
    "call": (call, call_async),
    "tokens": (tokens, tokens_async),
    "paging": (paging, paging_async),
    "sign_in": (sign_in, sign_in_async),
    "webhook": (webhook,),
    **{
        name: (engine(name),)
        for name in ("backoff", "base_url", "environment", "form", "redaction", "request", "retry_after", "traceparent")
    },
}


def differences(expect: Any, actual: Any, place: str = "") -> list[str]:
    """What was expected and did not happen."""
    if isinstance(expect, dict):
        if expect.keys() & {"min", "max"} and isinstance(actual, (int, float)) and not isinstance(actual, bool):
            low, high = expect.get("min", actual), expect.get("max", actual)
            return [] if low <= actual <= high else [f"{place}: expected {expect}, got {actual}"]
        if expect.keys() & {"mentions", "omits"} and isinstance(actual, str):
            missing = [f"{place}: does not mention {word!r}: {actual!r}" for word in expect.get("mentions", ()) if word not in actual]
            return missing + [f"{place}: mentions {word!r}: {actual!r}" for word in expect.get("omits", ()) if word in actual]
        if not isinstance(actual, Mapping):
            return [f"{place}: expected {expect}, got {actual!r}"]
        found: list[str] = []
        for name, member in expect.items():
            at = f"{place}/{name}"
            found += differences(member, actual[name], at) if name in actual else [f"{at}: there is no such outcome"]
        return found
    if isinstance(expect, list):
        if not isinstance(actual, (list, tuple)) or len(actual) != len(expect):
            return [f"{place}: expected {expect}, got {actual!r}"]
        return [line for index, one in enumerate(expect) for line in differences(one, actual[index], f"{place}/{index}")]
    if isinstance(expect, bool) or isinstance(actual, bool):
        return [] if expect is actual else [f"{place}: expected {expect!r}, got {actual!r}"]
    same = type(expect) is type(actual) or (isinstance(expect, (int, float)) and isinstance(actual, (int, float)))
    return [] if same and expect == actual else [f"{place}: expected {expect!r}, got {actual!r}"]
