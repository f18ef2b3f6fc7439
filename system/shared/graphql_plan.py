"""Queries made into plain calls once, for services whose queries are short and many.

graphql-core decides anew for each field of each request what kind of thing it is; a plan decided
that when its document was read (46 us for a card in place of 356, without HTTP and database). It
knows how to succeed and nothing else: whatever it meets that it does not know (an error, a null
where none may be), graphql-core runs the query from the start and its answer holds. So a plan is
only for a schema whose queries may be run twice.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Undefined,
    ValueNode,
    VariableNode,
    coerce_input_value,
    get_named_type,
    is_input_type,
    is_required_argument,
    type_from_ast,
)
from graphql.execution.values import coerce_argument
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types import Info
from strawberry.types.field import StrawberryField


class Unplanned(Exception):
    """There is no plan for this."""


@dataclass(frozen=True, slots=True)
class Run:
    """One request; stands for what resolvers look at of graphql-core's own."""

    context: dict[str, Any]
    variables: Mapping[str, Any]


Done = Callable[[Any, Run], Any]  # of a value, what is answered
Step = Callable[[Any, Run], Any]  # of a source, a field's part of the answer


@dataclass(frozen=True, slots=True)
class _Way:
    """How to come from one to the other; ``waits``: it returns something to wait for."""

    go: Callable[[Any, Run], Any]
    waits: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """One operation."""

    variables: tuple[tuple[str, GraphQLInputType], ...]
    way: _Way

    async def run(self, variables: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
        """The data; raises Unplanned, or whatever a resolver raises."""
        values = {}
        for name, kind in self.variables:
            if name in variables:
                value = values[name] = coerce_input_value(variables[name], kind)
                if value is Undefined:
                    raise Unplanned
            elif isinstance(kind, GraphQLNonNull):
                raise Unplanned
        data = self.way.go(None, Run(context, values))
        found: dict[str, Any] = await data if self.way.waits else data
        return found


def plan(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
) -> Plan | None:
    """None for what is better left to graphql-core."""
    fragments = {
        one.name.value: one
        for one in document.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    root = schema.query_type
    assert root is not None
    try:
        way = _Planner(fragments).object(root, [operation.selection_set])
        return Plan(tuple(_variables(schema, operation)), way)
    except Unplanned:
        return None


def _variables(
    schema: GraphQLSchema, operation: OperationDefinitionNode
) -> Iterator[tuple[str, GraphQLInputType]]:
    for one in operation.variable_definitions or ():
        kind = type_from_ast(schema, one.type)
        if one.default_value is not None or not is_input_type(kind):
            raise Unplanned
        yield one.variable.name.value, kind


@dataclass(frozen=True)
class _Planner:
    fragments: Mapping[str, FragmentDefinitionNode]

    def object(self, kind: GraphQLObjectType, sets: list[SelectionSetNode]) -> _Way:
        """All fields that are asked of it, wherever they stand in the document."""
        asked: dict[str, list[FieldNode]] = {}
        for one in sets:
            self._collect(one, asked)
        steps = {name: self._step(kind, nodes) for name, nodes in asked.items()}
        if any(step.waits for step in steps.values()):
            return _Way(_waiting_object(steps), waits=True)
        calls = tuple((name, step.go) for name, step in steps.items())
        return _Way(lambda source, run: {name: go(source, run) for name, go in calls}, waits=False)

    def _collect(self, selections: SelectionSetNode, asked: dict[str, list[FieldNode]]) -> None:
        for one in selections.selections:
            if one.directives:
                raise Unplanned
            if isinstance(one, FieldNode):
                asked.setdefault((one.alias or one.name).value, []).append(one)
            elif isinstance(one, InlineFragmentNode):
                self._collect(one.selection_set, asked)
            elif isinstance(one, FragmentSpreadNode):  # no interfaces and unions: each fits
                self._collect(self.fragments[one.name.value].selection_set, asked)

    def _step(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> _Way:
        name = nodes[0].name.value
        if name == "__typename":
            return _Way(lambda _source, _run: kind.name, waits=False)
        known = kind.fields.get(name)
        ours = known.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF) if known else None
        if known is None or not isinstance(ours, StrawberryField):
            raise Unplanned
        read = _read(known, ours, nodes[0])
        done = self._done(known.type, [one.selection_set for one in nodes if one.selection_set])
        if not read.waits and not done.waits:
            get, finish = read.go, done.go
            return _Way(lambda source, run: finish(get(source, run), run), waits=False)
        return _Way(_waiting_step(read, done), waits=True)

    def _done(self, kind: Any, sets: list[SelectionSetNode]) -> _Way:
        if not isinstance(kind, GraphQLNonNull):
            done = self._done_value(kind, sets)
            return _Way(_or_null(done), waits=done.waits)
        done = self._done_value(kind.of_type, sets)
        if isinstance(kind.of_type, GraphQLScalarType | GraphQLList):
            return done  # refuses None by itself
        return _Way(_never_null(done), waits=done.waits)

    def _done_value(self, kind: Any, sets: list[SelectionSetNode]) -> _Way:
        if isinstance(kind, GraphQLScalarType):
            return _Way(_leaf(kind), waits=False)
        if isinstance(kind, GraphQLList):
            return _list(self._done(kind.of_type, sets))
        if isinstance(kind, GraphQLObjectType) and not kind.interfaces:
            return self.object(kind, sets)
        raise Unplanned


def _waiting_object(steps: Mapping[str, _Way]) -> Done:
    names = tuple(steps)
    at_once = [(name, step.go) for name, step in steps.items() if not step.waits]
    later = [(name, step.go) for name, step in steps.items() if step.waits]

    async def one(source: Any, run: Run) -> dict[str, Any]:
        answer = dict.fromkeys(names)
        for name, go in at_once:
            answer[name] = go(source, run)
        if len(later) == 1:
            answer[later[0][0]] = await later[0][1](source, run)
            return answer
        found = await asyncio.gather(*[go(source, run) for _, go in later])
        for (name, _), value in zip(later, found, strict=True):
            answer[name] = value
        return answer

    return one


def _waiting_step(read: _Way, done: _Way) -> Step:
    get, finish = read.go, done.go

    async def step(source: Any, run: Run) -> Any:
        value = await get(source, run) if read.waits else get(source, run)
        return await finish(value, run) if done.waits else finish(value, run)

    return step


def _never_null(done: _Way) -> Done:
    go = done.go

    def checked(value: Any, run: Run) -> Any:
        if value is None:
            raise Unplanned
        return go(value, run)

    async def waiting(value: Any, run: Run) -> Any:  # fails when awaited, as its neighbours do
        if value is None:
            raise Unplanned
        return await go(value, run)

    return waiting if done.waits else checked


def _or_null(done: _Way) -> Done:
    go = done.go

    async def waiting(value: Any, run: Run) -> Any:
        return None if value is None else await go(value, run)

    return waiting if done.waits else lambda value, run: None if value is None else go(value, run)


def _list(done: _Way) -> _Way:
    go = done.go

    def values(value: Any, run: Run) -> list[Any]:
        if not isinstance(value, list):
            raise Unplanned
        return [go(one, run) for one in value]

    async def waiting(value: Any, run: Run) -> list[Any]:
        return await asyncio.gather(*values(value, run))

    return _Way(waiting, waits=True) if done.waits else _Way(values, waits=False)


def _leaf(kind: GraphQLScalarType) -> Done:
    coerce = kind.coerce_output_value
    as_is = str if kind.name in ("String", "ID") else None

    def leaf(value: Any, _run: Run) -> Any:
        if type(value) is as_is:
            return value
        answer = None if value is None else coerce(value)
        if answer is None or answer is Undefined:
            raise Unplanned
        return answer

    return leaf


def _read(known: GraphQLField, ours: StrawberryField, node: FieldNode) -> _Way:
    """An attribute of the source, or a call of the resolver that stands in our own code."""
    if ours.is_basic_field:
        name = ours.python_name
        return _Way(lambda source, _run: getattr(source, name), waits=False)
    resolver = ours.base_resolver
    if resolver is None or ours.extensions or resolver.self_parameter is None:
        raise Unplanned
    arguments = _arguments(known, ours, node)
    call: Callable[..., Any] = resolver.wrapped_func  # type: ignore[assignment] # no class method
    if resolver.info_parameter is None:
        return _Way(lambda source, run: call(source, **arguments(run)), waits=resolver.is_async)
    info = resolver.info_parameter.name

    def resolve(source: Any, run: Run) -> Any:
        given = {info: Info(_raw_info=run, _field=ours)}  # type: ignore[arg-type] # for its context
        return call(source, **given, **arguments(run))

    return _Way(resolve, waits=resolver.is_async)


def _arguments(
    known: GraphQLField, ours: StrawberryField, node: FieldNode
) -> Callable[[Run], dict[str, Any]]:
    """Those of the document are worked out now, variables when they are there."""
    python = {one.graphql_name or _camel(one.python_name): one for one in ours.arguments}
    fixed: dict[str, Any] = {}
    varying: list[tuple[str, str, bool]] = []  # our name, the variable's, whether it may be null
    given = {one.name.value: one for one in node.arguments or ()}
    for name, argument in known.args.items():
        if name not in python or not isinstance(get_named_type(argument.type), GraphQLScalarType):
            raise Unplanned
        own, sent = python[name].python_name, given.get(name)
        if sent is not None and isinstance(sent.value, VariableNode):
            nullable = not isinstance(argument.type, GraphQLNonNull)
            varying.append((own, sent.value.name.value, nullable))
            sent = None
            if is_required_argument(argument):
                continue
        elif sent is not None and _has_variable(sent.value):
            raise Unplanned
        found: dict[str, Any] = {}
        coerce_argument(found, node, name, argument, sent, None, None)
        if found:
            fixed[own] = next(iter(found.values()))

    def arguments(run: Run) -> dict[str, Any]:
        values = fixed.copy()
        for own, variable, nullable in varying:
            if variable in run.variables:
                value = values[own] = run.variables[variable]
                if value is None and not nullable:
                    raise Unplanned
            elif own not in values and not nullable:
                raise Unplanned
        return values

    return arguments


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _has_variable(value: ValueNode) -> bool:
    below = getattr(value, "values", None) or [
        one.value for one in getattr(value, "fields", None) or ()
    ]
    return isinstance(value, VariableNode) or any(_has_variable(one) for one in below)
