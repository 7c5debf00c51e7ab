"""How Salesforce says no: an array of errors, each with a message, a code and the fields concerned."""

import msgspec
from aiohttp import web


class SalesforceError(Exception):
    def __init__(self, status: int, code: str, message: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.fields = status, code, message, fields


def no_such_column(field: str, sobject: str) -> SalesforceError:
    return SalesforceError(400, "INVALID_FIELD", f"No such column '{field}' on sobject of type {sobject}")


def not_in_body(field: str) -> SalesforceError:
    return SalesforceError(400, "INVALID_FIELD", f"The {field} field should not be specified in the sobject data.")


def foreign_key_not_found(value: object, field: str, sobject: str) -> SalesforceError:
    return SalesforceError(400, "INVALID_FIELD", f"Foreign key external ID: {value} not found for field {field} in entity {sobject}")


def read_only(fields: list[str]) -> SalesforceError:
    message = (
        f"Unable to create/update fields: {', '.join(fields)}. Please check the security settings of this field "
        "and verify that it is read/write for your profile or permission set."
    )
    return SalesforceError(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message, tuple(fields))


def required_missing(fields: list[str]) -> SalesforceError:
    return SalesforceError(400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(fields)}]", tuple(fields))


def too_long(label: str, field: str, text: str, length: int) -> SalesforceError:
    return SalesforceError(400, "STRING_TOO_LONG", f"{label}: data value too large: {text} (max length={length})", (field,))


def bad_picklist_value(label: str, field: str, text: str) -> SalesforceError:
    message = f"{label}: bad value for restricted picklist field: {text}"
    return SalesforceError(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, (field,))


def out_of_range(label: str, field: str, text: str) -> SalesforceError:
    message = f"{label}: value outside of valid range on numeric field: {text}"
    return SalesforceError(400, "NUMBER_OUTSIDE_VALID_RANGE", message, (field,))


def not_of_type(kind: str, value: object) -> SalesforceError:
    return SalesforceError(400, "JSON_PARSER_ERROR", f"Cannot deserialize instance of {kind} from value {str(value)[:100]}")


def malformed_reference(label: str, field: str, value: object) -> SalesforceError:
    return SalesforceError(400, "MALFORMED_ID", f"{label}: id value of incorrect type: {value}", (field,))


def bad_reference(field: str) -> SalesforceError:
    return SalesforceError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (field,))


def malformed_id(value: str) -> SalesforceError:
    return SalesforceError(400, "MALFORMED_ID", f"malformed id {value}")


def not_found(message: str = "The requested resource does not exist") -> SalesforceError:
    return SalesforceError(404, "NOT_FOUND", message)


def duplicate(field: str, known_id: str) -> SalesforceError:
    message = f"duplicate value found: {field} duplicates value on record with id: {known_id}"
    return SalesforceError(400, "DUPLICATE_VALUE", message)


def invalid_session() -> SalesforceError:
    return SalesforceError(401, "INVALID_SESSION_ID", "Session expired or invalid")


def answer(error: SalesforceError) -> web.Response:
    told: dict[str, object] = {"message": error.message, "errorCode": error.code}
    if error.fields:
        told["fields"] = error.fields
    return web.Response(body=msgspec.json.encode([told]), status=error.status, content_type="application/json")
