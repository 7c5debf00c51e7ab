"""The firm's rules: whose queue supplies what is missing, and what a mapping entry has to say."""

from collections.abc import Mapping

from services.master_data.domain.assess import Rules

QUEUES = {
    "account": "sales operations",
    "erp_route": "master data",
    "legal_entity": "master data",
    "resource_code": "resource management",
    "tax": "tax",
}
REQUIRED_VALUES: Mapping[str, tuple[str, ...]] = {
    "erp_route": ("tenant",),
    "legal_entity": ("code", "name", "subsidiary"),
    "resource_code": ("code",),
    "tax": ("treatment",),
}
NO_TAX = Rules()


def queue_of(key: str) -> str:
    """The support queue that supplies a wait key."""
    return QUEUES[key.partition(":")[0]]
