"""Objects against the types of the Kubernetes client, which are made from its OpenAPI."""

from typing import Any

from pydantic import ValidationError


def faults(found: dict[str, Any]) -> list[str]:
    """Fields that there are not, that are of another type, or that are missing."""
    from kubernetes.client import models

    version = found["apiVersion"].rpartition("/")[2].upper()
    model = getattr(models, f"{version}{found['kind']}")
    try:
        model.model_validate(found)
    except ValidationError as error:
        name = f"{found['kind']}/{found['metadata']['name']}"
        return [f"{name} {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
    return []
