"""What is published: products that are not as they were."""

from system.ins_product_aggregator.domain import Product
from system.ins_product_aggregator.store import Connection
from system.shared import outbox

UPDATED, VERSION = "products.updated", 1


async def updated(connection: Connection, product: Product) -> None:
    """In the transaction that writes the product."""
    await outbox.add(
        connection,
        event_type=UPDATED,
        version=VERSION,
        aggregate_id=product.id,
        aggregate_version=product.version,
        payload=product.payload(),
    )
