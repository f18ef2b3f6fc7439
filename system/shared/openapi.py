"""How a contract tells of refusals."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel


class ProblemBody(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def refusals(told: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """For FastAPI's ``responses``: each status with what it means here, as a problem document."""
    kind = {"application/problem+json": {"schema": ProblemBody.model_json_schema()}}
    return {status: {"description": words, "content": kind} for status, words in told.items()}
