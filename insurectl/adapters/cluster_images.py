"""The two images of the system: built from a source tree, or those of a registry."""

import insurectl
from insurectl.adapters import cluster_zone, docker_engine
from insurectl.adapters.cluster_ground import Site
from insurectl.adapters.cluster_values import Images
from insurectl.adapters.kind_clusters import KindClusters
from insurectl.adapters.kubernetes_api import Object
from insurectl.errors import BadInput
from insurectl.ports import Progress


def of_registry(registry: str) -> Images:
    """The images of this version; ``registry`` may hold a path. Empty: those that were built
    here, under their tag, as a node may have them loaded."""
    if registry:
        return Images(tag=version(), prefix=f"{registry.rstrip('/')}/")
    source = docker_engine.source_tree()
    return Images(tag=version() if source is None else docker_engine.tag_of(source))


def built(progress: Progress, registry: str) -> Images:
    """Build what is not there yet; BadInput when there is neither a source tree nor a registry."""
    if registry:
        return of_registry(registry)
    source = docker_engine.source_tree()
    if source is None:
        raise BadInput(
            "this insurectl was installed without its source tree, so it can't build the images: "
            "name a registry that has them, with --registry"
        )
    images = Images(tag=docker_engine.tag_of(source))
    with progress.step(f"images {images.tag}"):
        docker_engine.connect().build(source, images.names(), progress)
    return images


def load(kind: KindClusters, cluster: str, site: Site, images: Images) -> None:
    """Into every node of the cluster, unless the nodes say that they have them."""
    nodes = cluster_zone.api(site).list_objects("v1", "Node", "")
    if missing := [one for one in images.names() if not all(_has(node, one) for node in nodes)]:
        kind.load_images(cluster, missing)


def _has(node: Object, image: str) -> bool:
    held = [name for one in node["status"].get("images") or () for name in one.get("names") or ()]
    return any(name.endswith(f"/{image}") for name in held)


def version() -> str:
    """Of this insurectl, which is the tag of its images in a registry."""
    return insurectl.__version__
