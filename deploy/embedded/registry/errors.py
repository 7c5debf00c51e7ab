"""What the registry refuses, with the codes that clients of Confluent's API know."""


class ApiError(Exception):
    """`status` is the HTTP status, `code` the error_code of the body."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def subject_not_found(subject: str) -> ApiError:
    return ApiError(404, 40401, f"Subject '{subject}' not found.")


def version_not_found(version: object) -> ApiError:
    return ApiError(404, 40402, f"Version {version} not found.")


def schema_not_found() -> ApiError:
    return ApiError(404, 40403, "Schema not found")


def subject_not_soft_deleted(subject: str) -> ApiError:
    return ApiError(404, 40405, f"Subject '{subject}' was not deleted first before being permanently deleted")


def version_not_soft_deleted(subject: str, version: int) -> ApiError:
    return ApiError(404, 40407, f"Subject '{subject}' Version {version} was not deleted first before being permanently deleted")


def no_level_of_its_own(subject: str) -> ApiError:
    return ApiError(404, 40408, f"Subject '{subject}' does not have subject-level compatibility configured")


def incompatible(subject: str, reasons: list[str]) -> ApiError:
    return ApiError(409, 409, f"Schema being registered is incompatible with an earlier schema for subject '{subject}': {'; '.join(reasons)}")


def invalid_schema(message: str) -> ApiError:
    return ApiError(422, 42201, f"Invalid schema: {message}")


def invalid_version(version: str) -> ApiError:
    return ApiError(422, 42202, f"The specified version '{version}' is not a valid version id; use a number from 1 on, or 'latest'")


def invalid_level(level: object) -> ApiError:
    return ApiError(422, 42203, f"Invalid compatibility level '{level}'")
