"""Record -> JSON or YAML, with its ``schema`` field first where it has one."""

import json
from typing import Any


def plain(record: object) -> Any:
    """Nothing but dicts, lists, text, numbers and None; what is no number becomes None."""
    from pydantic_core import to_jsonable_python  # noqa: PLC0415 - only where data is asked for

    return to_jsonable_python(record, inf_nan_mode="null", serialize_unknown=False)


def to_json(record: object) -> str:
    """Strict JSON: no NaN in it."""
    return json.dumps(plain(record), indent=2, ensure_ascii=False, allow_nan=False)


def to_yaml(record: object) -> str:
    """The same in YAML, in the same order."""
    import yaml  # noqa: PLC0415 - the same

    return yaml.safe_dump(plain(record), sort_keys=False, allow_unicode=True)
