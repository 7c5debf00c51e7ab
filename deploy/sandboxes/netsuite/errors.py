"""How NetSuite says no: one shape for every refusal, with a code, a sentence and the path of what is wrong."""

import msgspec
from aiohttp import web

_RFC = "https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html"
_TITLES = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed", 413: "Request Entity Too Large", 429: "Bad Request"}
_SECTIONS = {400: "#sec10.4.1", 401: "#sec10.4.2", 404: "#sec10.4.5", 405: "#sec10.4.6", 413: "#sec10.4.14"}

_ACCESSING = "Error while accessing a resource. "


class NetSuiteError(Exception):
    """A refusal. `where` is the name of the locator (o:errorPath, o:errorUrl, o:errorHeader, o:errorQueryParam) and its value."""

    def __init__(self, status: int, code: str, detail: str, where: tuple[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.where = status, code, detail, where


def user_error(detail: str, path: str | None = None) -> NetSuiteError:
    return NetSuiteError(400, "USER_ERROR", _ACCESSING + detail, ("o:errorPath", path) if path else None)


def missing_values(labels: list[str]) -> NetSuiteError:
    return user_error("Please enter value(s) for: " + ", ".join(labels))


def bad_reference(field: str, value: str, path: str) -> NetSuiteError:
    return NetSuiteError(400, "INVALID_KEY_OR_REF", f"{_ACCESSING}Invalid {field} reference key {value}.", ("o:errorPath", path))


def unknown_field(record: str, path: str) -> NetSuiteError:
    detail = f"Invalid content in the request body. Field '{path}' is not a field of record '{record}'."
    return NetSuiteError(400, "INVALID_CONTENT", detail, ("o:errorPath", path))


def unsupported_field(record: str, path: str) -> NetSuiteError:
    detail = f"Invalid content in the request body. Field '{path}' of record '{record}' is not supported in REST web services."
    return NetSuiteError(400, "INVALID_CONTENT", detail, ("o:errorPath", path))


def bad_value(path: str) -> NetSuiteError:
    detail = f"Invalid value for the resource or sub-resource field '{path}'. Provide a valid value."
    return NetSuiteError(400, "INVALID_CONTENT", detail, ("o:errorPath", path))


def bad_body() -> NetSuiteError:
    return NetSuiteError(400, "INVALID_CONTENT", "Invalid content in the request body.")


def bad_id(text: str) -> NetSuiteError:
    detail = f"Invalid value '{text}' for the resource ID. An external ID has letters, digits, underscores and hyphens, after 'eid:'."
    return NetSuiteError(400, "INVALID_ID", detail, ("o:errorUrl", text))


def bad_query(parameter: str, detail: str) -> NetSuiteError:
    return NetSuiteError(400, "INVALID_PARAMETER", detail, ("o:errorQueryParam", parameter))


def no_such_record_type(name: str) -> NetSuiteError:
    return NetSuiteError(404, "NOT_FOUND", f"Record type '{name}' does not exist.", ("o:errorUrl", name))


def no_such_instance() -> NetSuiteError:
    return NetSuiteError(404, "NONEXISTENT_ID", "The record instance does not exist. Provide a valid record instance ID.")


def invalid_login() -> NetSuiteError:
    detail = "Invalid login attempt. For more details, see the Login Audit Trail in the NetSuite UI at Setup > Users/Roles > View Login Audit Trail."
    return NetSuiteError(401, "INVALID_LOGIN", detail)


def concurrency_exceeded() -> NetSuiteError:
    return NetSuiteError(429, "CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded. Request blocked.")


def answer(error: NetSuiteError) -> web.Response:
    told = {"detail": error.detail, "o:errorCode": error.code}
    if error.where is not None:
        told[error.where[0]] = error.where[1]
    body = {
        "type": _RFC + _SECTIONS.get(error.status, ""),
        "title": _TITLES.get(error.status, "Error"),
        "status": error.status,
        "o:errorDetails": [told],
    }
    return web.Response(body=msgspec.json.encode(body), status=error.status, content_type="application/vnd.oracle.resource+json")
