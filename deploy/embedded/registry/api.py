"""Confluent's REST API over a store: routes, parameters, the shape of answers and errors."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from deploy.embedded.errors import StackError
from deploy.embedded.registry import errors
from deploy.embedded.registry.errors import ApiError
from deploy.embedded.registry.store import Store

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
MAX_BODY = 1 << 20
STORE: web.AppKey[Store] = web.AppKey("store", Store)
ROUTES = web.RouteTableDef()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(store: Store) -> web.Application:
    app = web.Application(client_max_size=MAX_BODY, middlewares=[_errors])
    app[STORE] = store
    app.add_routes(ROUTES)
    return app


@ROUTES.get("/")
async def root(request: web.Request) -> web.Response:
    return _json({})


@ROUTES.get("/schemas/types")
async def types(request: web.Request) -> web.Response:
    return _json(["AVRO"])


@ROUTES.get("/schemas/ids/{id}")
async def schema(request: web.Request) -> web.Response:
    return _json({"schema": request.app[STORE].schema(_id(request))})


@ROUTES.get("/schemas/ids/{id}/schema")
async def schema_text(request: web.Request) -> web.Response:
    return _text(request.app[STORE].schema(_id(request)))


@ROUTES.get("/schemas/ids/{id}/versions")
async def schema_versions(request: web.Request) -> web.Response:
    return _json(request.app[STORE].uses(_id(request), _flag(request, "deleted")))


@ROUTES.get("/schemas/ids/{id}/subjects")
async def schema_subjects(request: web.Request) -> web.Response:
    uses = request.app[STORE].uses(_id(request), _flag(request, "deleted"))
    return _json(list(dict.fromkeys(use["subject"] for use in uses)))


@ROUTES.get("/subjects")
async def subjects(request: web.Request) -> web.Response:
    return _json(request.app[STORE].subjects(_flag(request, "deleted"), request.query.get("subjectPrefix", "")))


@ROUTES.post("/subjects/{subject}")
async def look_up(request: web.Request) -> web.Response:
    return _json(request.app[STORE].look_up(_subject(request), await _schema(request), _flag(request, "deleted")))


@ROUTES.delete("/subjects/{subject}")
async def delete_subject(request: web.Request) -> web.Response:
    return _json(request.app[STORE].delete_subject(_subject(request), _flag(request, "permanent")))


@ROUTES.get("/subjects/{subject}/versions")
async def versions(request: web.Request) -> web.Response:
    return _json(request.app[STORE].version_numbers(_subject(request), _flag(request, "deleted")))


@ROUTES.post("/subjects/{subject}/versions")
async def register(request: web.Request) -> web.Response:
    return _json({"id": request.app[STORE].register(_subject(request), await _schema(request))})


@ROUTES.get("/subjects/{subject}/versions/{version}")
async def version(request: web.Request) -> web.Response:
    store = request.app[STORE]
    found = store.version(_subject(request), request.match_info["version"], _flag(request, "deleted"))
    return _json(store.describe(_subject(request), found))


@ROUTES.get("/subjects/{subject}/versions/{version}/schema")
async def version_text(request: web.Request) -> web.Response:
    store = request.app[STORE]
    return _text(store.schema(store.version(_subject(request), request.match_info["version"], _flag(request, "deleted")).schema_id))


@ROUTES.delete("/subjects/{subject}/versions/{version}")
async def delete_version(request: web.Request) -> web.Response:
    return _json(request.app[STORE].delete_version(_subject(request), request.match_info["version"], _flag(request, "permanent")))


@ROUTES.post("/compatibility/subjects/{subject}/versions")
@ROUTES.post("/compatibility/subjects/{subject}/versions/{version}")
async def check(request: web.Request) -> web.Response:
    reasons = request.app[STORE].violations_against(_subject(request), await _schema(request), request.match_info.get("version"))
    answer: dict[str, Any] = {"is_compatible": not reasons}
    return _json(answer | {"messages": reasons} if _flag(request, "verbose") else answer)


@ROUTES.get("/config")
async def level(request: web.Request) -> web.Response:
    return _json({"compatibilityLevel": request.app[STORE].state.level})


@ROUTES.put("/config")
@ROUTES.put("/config/{subject}")
async def set_level(request: web.Request) -> web.Response:
    body = await _body(request)
    return _json({"compatibility": request.app[STORE].set_level(request.match_info.get("subject"), body.get("compatibility"))})


@ROUTES.delete("/config")
@ROUTES.delete("/config/{subject}")
async def clear_level(request: web.Request) -> web.Response:
    return _json({"compatibilityLevel": request.app[STORE].clear_level(request.match_info.get("subject"))})


@ROUTES.get("/config/{subject}")
async def subject_level(request: web.Request) -> web.Response:
    store, subject = request.app[STORE], _subject(request)
    inherited = _flag(request, "defaultToGlobal")
    return _json({"compatibilityLevel": store.state.level_of(subject) if inherited else store.own_level(subject)})


@ROUTES.get("/mode")
async def mode(request: web.Request) -> web.Response:
    return _json({"mode": "READWRITE"})


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as problem:
        return _json({"error_code": problem.code, "message": problem.message}, problem.status)
    except StackError as problem:
        return _json({"error_code": 50001, "message": str(problem)}, 500)
    except web.HTTPRequestEntityTooLarge:
        return _json({"error_code": 413, "message": f"the body has more than {MAX_BODY} bytes; send less"}, 413)
    except web.HTTPException as problem:
        return _json({"error_code": problem.status, "message": f"HTTP {problem.status} {problem.reason}"}, problem.status)


def _json(content: Any, status: int = 200) -> web.Response:
    return web.json_response(content, status=status, content_type=MEDIA_TYPE)


def _text(schema: str) -> web.Response:
    return web.Response(text=schema, content_type=MEDIA_TYPE)


def _subject(request: web.Request) -> str:
    return request.match_info["subject"]


def _flag(request: web.Request, name: str) -> bool:
    return request.query.get(name, "false").lower() == "true"


def _id(request: web.Request) -> int:
    text = request.match_info["id"]
    if not text.isdecimal():
        raise ApiError(404, 404, f"HTTP 404 Not Found: '{text}' is no schema id")
    return int(text)


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise ApiError(400, 400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise ApiError(400, 400, "the body is not a JSON object")
    return body


async def _schema(request: web.Request) -> str:
    body = await _body(request)
    if body.get("schemaType", "AVRO") != "AVRO":
        raise errors.invalid_schema(f"this registry holds AVRO only, not {body['schemaType']}")
    if body.get("references"):
        raise errors.invalid_schema("this registry holds no references between schemas; send one schema with all its types inlined")
    if not isinstance(body.get("schema"), str):
        raise errors.invalid_schema("the body has no 'schema', the schema as a string")
    return str(body["schema"])
