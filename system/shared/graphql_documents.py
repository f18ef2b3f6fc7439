"""Documents that were read, checked and validated once, and those that were refused."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from system.shared.graphql_limits import Asked, Limits, Refused, Walk, parse_options, total
from system.shared.graphql_plan import Plan, plan

KEPT = 200  # documents of each kind
KEPT_LENGTH = 256 * 1024  # characters of all texts of a kind
TOLD = 5  # errors of one document
RULES = (*specified_rules, OneOfInputValidationRule)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document; ``asked`` is empty when its cost is known to be small enough
    whatever the variables are."""

    kind: OperationType
    asked: tuple[Asked, ...]
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that may be run, or why not."""

    document: DocumentNode | None
    operations: Mapping[str | None, Operation]
    errors: tuple[GraphQLError, ...] = ()

    def operation(self, name: str | None) -> Operation:
        """The one that is meant; raises Refused."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name is None:
            raise Refused("INVALID_REQUEST", "operationName: which of the operations?")
        if name not in self.operations:
            raise Refused("INVALID_REQUEST", "operationName: there is no such operation")
        return self.operations[name]


class _Recent:
    """The documents used last, no more than that many and that long together."""

    def __init__(self, count: int, length: int) -> None:
        self._count, self._length, self._used = count, length, 0
        self._kept: OrderedDict[str, Prepared] = OrderedDict()

    def get(self, text: str) -> Prepared | None:
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
        return found

    def add(self, text: str, prepared: Prepared) -> None:
        self._kept[text] = prepared
        self._used += len(text)
        while len(self._kept) > self._count or self._used > self._length:
            self._used -= len(self._kept.popitem(last=False)[0])

    def remove(self, text: str) -> None:
        del self._kept[text]
        self._used -= len(text)

    def __len__(self) -> int:
        return len(self._kept)


class Documents:
    """Those asked for twice are kept apart from those seen once, so that a flood of new texts
    never drives out the ones in use; what was refused is kept too, since it costs as much."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, planned: bool) -> None:
        self._schema, self._limits, self._planned = schema, limits, planned
        self._used, self._seen = _Recent(KEPT, KEPT_LENGTH), _Recent(KEPT, KEPT_LENGTH)

    def __len__(self) -> int:
        return len(self._used) + len(self._seen)

    def prepared(self, text: str) -> Prepared:
        """From memory, or read now."""
        found = self._used.get(text)
        if found is not None:
            return found
        found = self._seen.get(text)
        if found is None:
            found = self._prepare(text)
            if len(text) <= self._limits.length:
                self._seen.add(text, found)
        elif not found.errors:
            self._seen.remove(text)
            self._used.add(text, found)
        return found

    def _prepare(self, text: str) -> Prepared:
        limits = self._limits
        try:
            # without locations: they would keep each token of the text in memory
            document = parse(text, no_location=True, **parse_options(limits))
            asked = Walk(self._schema, limits).document(document)
            unsure = [self._unsure(one) for _, one in asked]
        except GraphQLError as error:
            return Prepared(None, {}, (error,))
        errors = validate(
            self._schema, document, RULES, TOLD, hide_suggestions=not limits.introspection
        )
        if errors:
            return Prepared(None, {}, tuple(errors))
        operations = {
            operation.name.value if operation.name else None: Operation(
                operation.operation, costs, self._plan(document, operation)
            )
            for (operation, _), costs in zip(asked, unsure, strict=True)
        }
        return Prepared(document, operations)

    def _plan(self, document: DocumentNode, operation: OperationDefinitionNode) -> Plan | None:
        if not self._planned or operation.operation is not OperationType.QUERY:
            return None
        return plan(self._schema, document, operation)

    def _unsure(self, asked: list[Asked]) -> tuple[Asked, ...]:
        if not all(one.fixed for one in asked):
            return tuple(asked)
        total(asked, {}, self._limits)
        return ()
