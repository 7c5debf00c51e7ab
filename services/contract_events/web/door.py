"""The door as a web application: which path leads where, and how trouble is answered."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.contract_events.domain.approvals import ApprovalPolicy
from services.contract_events.ports import Outlet, OutletAway
from services.contract_events.web.hooks import Hooks, HookSettings
from services.contract_events.web.intake import Intake
from services.contract_events.web.limits import Limits, Turned
from shared.telemetry import logs

log = logs.get(__name__)
RETRY_AFTER_S = 2


def build_door(outlet: Outlet, policy: ApprovalPolicy, token: str, hooks: HookSettings, limits: Limits) -> Starlette:
    hook = Hooks(outlet, hooks, limits)
    return Starlette(
        routes=[
            Route("/hooks/docusign", hook.docusign, methods=["POST"]),
            Route("/hooks/ironclad", hook.ironclad, methods=["POST"]),
            Route("/intake/{kind}", Intake(outlet, policy, token, limits).__call__, methods=["POST"]),
            Route("/", _about),
        ],
        exception_handlers={Turned: _turned, OutletAway: _away},
    )


async def _about(request: Request) -> JSONResponse:
    return JSONResponse({"hooks": ["docusign", "ironclad"], "intake": ["clm", "accounts", "mappings", "ocds"]})


async def _turned(request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, Turned) else 500
    log.warning("turned_away", path=request.url.path, status=status, reason=str(error))
    # A sender that stalls is let go. One that is too big is heard out, unkept: cut off while it sends, it would not see the answer.
    closing = {"Connection": "close"} if status == 408 else {}
    return JSONResponse({"error": str(error)}, status, closing)


async def _away(request: Request, error: Exception) -> Response:
    log.warning("outlet_away", path=request.url.path, reason=str(error))
    return JSONResponse({"error": f"{error} Nothing is lost: send it again."}, 503, {"Retry-After": str(RETRY_AFTER_S)})
