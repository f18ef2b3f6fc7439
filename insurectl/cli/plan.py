"""``insurectl plan``: replicas, nodes and money for a peak."""

from typing import Annotated

import typer

from insurectl.cli.options import Session, code_of

Text = str | None


def plan(
    session: Session,
    people: Annotated[Text, typer.Option(help="People who are there at once.")] = None,
    insurers: Annotated[Text, typer.Option(help="Insurers asked for each of them.")] = None,
    zones: Annotated[Text, typer.Option(help="Zones that the system is spread over.")] = None,
    survive: Annotated[Text, typer.Option(help="Zones that may be lost at the peak.")] = None,
    ramp: Annotated[Text, typer.Option(help="Time within which people come, as 60s.")] = None,
    wait: Annotated[Text, typer.Option(help="Time that each waits for offers, as 60s.")] = None,
    growth: Annotated[Text, typer.Option(help="As 20%/year, 5%/quarter.")] = None,
    horizon: Annotated[Text, typer.Option(help="How far it is looked ahead, as 3y.")] = None,
    node: Annotated[
        Text, typer.Option(help="cpu=4,memory=16Gi,pods=110,price=0.20, or a YAML file.")
    ] = None,
    node_start: Annotated[Text, typer.Option(help="Time to a new node, as 120s.")] = None,
    price: Annotated[Text, typer.Option(help="Of a node and hour.")] = None,
    pod_price: Annotated[Text, typer.Option(help="Of a pod and hour.")] = None,
    currency: Annotated[str, typer.Option(help="Of the prices, as EUR.")] = "",
    assume: Annotated[
        list[str] | None, typer.Option(help="SERVICE=RPS of one replica; marked as assumed.")
    ] = None,
    assume_costs: Annotated[
        Text,
        typer.Option(help="Take cost settings where nothing is measured; p95 within, as 600ms."),
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="Any other input: NAME=VALUE.")
    ] = None,
    what_if: Annotated[
        list[str] | None, typer.Option(help="The same with NAME=VALUE[,NAME=VALUE].")
    ] = None,
) -> None:
    """Plan a peak from what was measured: replicas, nodes, money, and what breaks first."""
    from insurectl.adapters import plan_facts
    from insurectl.cli import plan_inputs
    from insurectl.stages import plan as stage

    flags = {"people": people, "insurers": insurers, "zones": zones, "survive": survive,
             "ramp": ramp, "wait": wait, "growth": growth, "horizon": horizon,
             "node-start": node_start, "pod-price": pod_price}  # fmt: skip
    pairs = [*(plan_inputs.node(node) if node else ())]
    pairs += [(name, text) for name, text in (*flags.items(), ("price", price)) if text is not None]
    pairs += [
        (f"assume.{name}", text) for one in assume or () for name, text in plan_inputs.split(one)
    ]
    pairs += [pair for one in change or () for pair in plan_inputs.split(one)]
    system = plan_facts.bundled()
    broker = plan_facts.broker(session.settings.reports)
    typed = plan_inputs.typed(system, pairs, what_if or (), broker, currency)
    world = session.world()
    record = stage.plan(
        world,
        stage.PlanRequest(
            inputs=typed.inputs,
            currency=currency,
            system=system,
            origins=typed.origins,
            what_ifs=typed.what_ifs,
            slo_ms=plan_inputs.milliseconds("assume-costs", assume_costs),
            local=session.settings.target == "local",
        ),
    )
    session.finish(record, code_of(world.runs.info(record.run_id).outcome))
