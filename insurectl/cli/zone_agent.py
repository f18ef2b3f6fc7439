"""`insurectl zone-agent`: the metrics of one zone on a cluster, started by the chart."""


def zone_agent(arguments: list[str]) -> None:
    """``--namespace NS --zone NAME --listen HOST:PORT``; runs until it is ended."""
    import argparse

    from insurectl.adapters import cluster_agent
    from insurectl.errors import BadInput

    parser = argparse.ArgumentParser(prog="insurectl zone-agent")
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--zone", required=True)
    parser.add_argument("--listen", default="0.0.0.0:9114")
    asked = parser.parse_args(arguments)
    host, colon, port = asked.listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise BadInput(f"--listen {asked.listen!r} can't be used; wanted is HOST:PORT")
    try:
        cluster_agent.run(asked.namespace, asked.zone, host.strip("[]"), int(port))
    except KeyboardInterrupt:
        return  # a TERM is how a pod ends, not a failure
