"""What one GraphQL request may ask: checked on the parsed document before it is validated, since
validation itself can be made slow (one field many times over costs it the square of that)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
)

_MANY = (dict, list)
INTROSPECTION = frozenset({"__schema", "__type"})


class Refused(GraphQLError):
    """An error that the caller may read, with its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, extensions={"code": code})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """``selections``: fields once all fragments are put in. ``cost``: a field costs one, those
    below a list as often as the list may be long. ``assumed``: length of a list without a page."""

    length: int = 16_384
    tokens: int = 1000
    operations: int = 5
    depth: int = 8
    aliases: int = 15
    directives: int = 20
    selections: int = 600
    duplicates: int = 10
    page: int = 100
    cost: int = 10_000
    assumed: int = 10
    values: int = 1000
    value_depth: int = 8
    introspection: bool = False


def _over(what: str, limit: int) -> Refused:
    return Refused("LIMIT_EXCEEDED", f"{what}: at most {limit}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A field that was asked for. ``size``: how many of it, or the variable that says it with the
    number that holds without; ``page``: whether that is a page."""

    size: int | tuple[str, int]
    page: bool
    below: tuple["Asked", ...]

    @property
    def fixed(self) -> bool:
        """Whether no variable has a say."""
        return isinstance(self.size, int) and all(one.fixed for one in self.below)

    def cost(self, variables: Mapping[str, Any], limits: Limits) -> int:
        """Raises Refused for a page that is too big."""
        size = self.size if isinstance(self.size, int) else self._said(variables, *self.size)
        if self.page and not 0 <= size <= limits.page:
            raise Refused("LIMIT_EXCEEDED", f"first: from 0 to {limits.page}")
        return 1 + max(1, size) * sum(one.cost(variables, limits) for one in self.below)

    @staticmethod
    def _said(variables: Mapping[str, Any], name: str, without: int) -> int:
        value = variables.get(name)
        if isinstance(value, list):
            return len(value)
        # JSON's 5.0 is an Int, and 1e999 is a number without end
        return int(min(value, 10**9)) if isinstance(value, int | float) else without


def total(asked: Iterable[Asked], variables: Mapping[str, Any], limits: Limits) -> int:
    """The cost of an operation; raises Refused for one that is too dear."""
    cost = sum(one.cost(variables, limits) for one in asked)
    if cost > limits.cost:
        raise _over(f"this costs {cost if cost < 10**9 else 'too much'}; cost", limits.cost)
    return cost


def check_values(values: Mapping[str, Any], limits: Limits) -> None:
    """Variables: neither many, nor long, nor deep."""
    if len(values) < limits.page and not any(isinstance(one, _MANY) for one in values.values()):
        return
    level, count, depth = list[Any]([values]), 0, 0
    while level:
        depth += 1
        if depth > limits.value_depth:
            raise _over("depth of the variables", limits.value_depth)
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                if len(value) > limits.page:
                    raise _over("length of a list", limits.page)
                below.extend(value)
        count += len(below)
        if count > limits.values:
            raise _over("values in the variables", limits.values)
        level = below


@dataclass
class Walk:
    """One document's way through the limits."""

    schema: GraphQLSchema
    limits: Limits
    fragments: dict[str, FragmentDefinitionNode] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)
    defaults: dict[str, ValueNode | None] = field(default_factory=dict)
    aliases: int = 0
    directives: int = 0
    selections: int = 0

    def document(self, document: DocumentNode) -> list[tuple[OperationDefinitionNode, list[Asked]]]:
        """Each operation with what it asks for; raises Refused."""
        operations = []
        for one in document.definitions:
            if isinstance(one, FragmentDefinitionNode):
                self.fragments[one.name.value] = one
            elif isinstance(one, OperationDefinitionNode):
                operations.append(one)
        if len(operations) > self.limits.operations:
            raise _over("operations", self.limits.operations)
        found = [(one, self._operation(one)) for one in operations]
        for name, fragment in self.fragments.items():  # validation reads unused ones, too
            if name not in self.met and not self.limits.introspection:
                self._below(fragment, None, 1, frozenset({name}), paged=False)
        return found

    def _operation(self, operation: OperationDefinitionNode) -> list[Asked]:
        self.defaults = {}
        for variable in operation.variable_definitions or ():
            self._directives(variable)
            self.defaults[variable.variable.name.value] = variable.default_value
            if variable.default_value is not None:
                self._value(variable.default_value, 1)
        parent = self.schema.get_root_type(operation.operation)
        return self._below(operation, parent, 1, frozenset(), paged=False)

    def _below(
        self, node: Any, parent: Any, depth: int, within: frozenset[str], *, paged: bool
    ) -> list[Asked]:
        """What one selection set asks for, its fragments put in."""
        if depth > self.limits.depth:
            raise _over("depth", self.limits.depth)
        names: Counter[str] = Counter()
        return [
            self._field(one, above, depth, inside, paged=paged)
            for one, above, inside in self._flat(node, parent, within)
            if self._counted(one, names)
        ]

    def _counted(self, one: FieldNode, names: Counter[str]) -> bool:
        name = (one.alias or one.name).value
        names[name] += 1
        if names[name] > self.limits.duplicates:
            raise _over(f"the field {name} in one place", self.limits.duplicates)
        self.aliases += one.alias is not None
        if self.aliases > self.limits.aliases:
            raise _over("aliases", self.limits.aliases)
        if one.name.value in INTROSPECTION:
            if not self.limits.introspection:
                raise Refused("INTROSPECTION_OFF", "the schema is not told here")
            return False
        return True

    def _flat(
        self, node: Any, parent: Any, within: frozenset[str]
    ) -> Iterable[tuple[FieldNode, Any, frozenset[str]]]:
        self._directives(node)
        for one in node.selection_set.selections if node.selection_set else ():
            self.selections += 1
            if self.selections > self.limits.selections:
                raise _over("fields and fragments", self.limits.selections)
            if isinstance(one, FieldNode):
                yield one, parent, within
            elif isinstance(one, InlineFragmentNode):
                yield from self._flat(one, self._typed(one, parent), within)
            elif isinstance(one, FragmentSpreadNode):
                yield from self._spread(one, parent, within)

    def _spread(
        self, one: FragmentSpreadNode, parent: Any, within: frozenset[str]
    ) -> Iterable[tuple[FieldNode, Any, frozenset[str]]]:
        self._directives(one)
        name = one.name.value
        if name in within:
            raise Refused("INVALID_REQUEST", f"the fragment {name} leads to itself")
        fragment = self.fragments.get(name)
        if fragment is not None:  # validation tells of one that is not there
            self.met.add(name)
            yield from self._flat(fragment, self._typed(fragment, parent), within | {name})

    def _typed(self, node: Any, parent: Any) -> Any:
        condition = node.type_condition
        return self.schema.get_type(condition.name.value) if condition else parent

    def _directives(self, node: Any) -> None:
        self.directives += len(node.directives or ())
        if self.directives > self.limits.directives:
            raise _over("directives", self.limits.directives)

    def _field(
        self, one: FieldNode, parent: Any, depth: int, within: frozenset[str], *, paged: bool
    ) -> Asked:
        for argument in one.arguments or ():
            self._value(argument.value, 1)
        known = parent.fields.get(one.name.value) if isinstance(parent, GraphQLObjectType) else None
        size, page = self._size(one, known, paged=paged) if known else (1, False)
        if one.selection_set is None:
            self._directives(one)
            return Asked(size, page, ())
        kind = get_named_type(known.type) if known else None
        return Asked(size, page, tuple(self._below(one, kind, depth + 1, within, paged=page)))

    def _size(
        self, one: FieldNode, known: GraphQLField, *, paged: bool
    ) -> tuple[int | tuple[str, int], bool]:
        """A page says how long it is; a list under it is that page; other lists are as long as
        the list that asks for them, or as long as is assumed."""
        given = {argument.name.value: argument.value for argument in one.arguments or ()}
        if "first" in known.args:
            default = known.args["first"].default_value
            without = default if isinstance(default, int) else self.limits.page
            return self._number(given.get("first"), without), True
        if not isinstance(get_nullable_type(known.type), GraphQLList) or paged:
            return 1, False
        for name, argument in known.args.items():
            if isinstance(get_nullable_type(argument.type), GraphQLList) and name in given:
                return self._number(given[name], self.limits.assumed), False
        return self.limits.assumed, False

    def _number(self, value: ValueNode | None, without: int) -> int | tuple[str, int]:
        if isinstance(value, VariableNode):
            default = self._number(self.defaults.get(value.name.value), without)
            return value.name.value, default if isinstance(default, int) else without
        if isinstance(value, IntValueNode):
            return int(value.value)
        return len(value.values) if isinstance(value, ListValueNode) else without

    def _value(self, value: ValueNode, depth: int) -> None:
        if depth > self.limits.value_depth:
            raise _over("depth of a value", self.limits.value_depth)
        if isinstance(value, ListValueNode):
            if len(value.values) > self.limits.page:
                raise _over("length of a list", self.limits.page)
            for one in value.values:
                self._value(one, depth + 1)
        elif isinstance(value, ObjectValueNode):
            for field in value.fields:
                self._value(field.value, depth + 1)


def parse_options(limits: Limits) -> dict[str, Any]:
    """What the parser itself refuses."""
    return {
        "max_source_length": limits.length,
        "max_lexical_tokens": limits.tokens,
        "max_comments": 100,
        "allow_empty_selection_sets": False,
    }
