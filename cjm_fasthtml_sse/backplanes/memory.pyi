# Written by `make export` from the module beside this file: do not edit.
from cjm_fasthtml_sse.backplanes.base import Entry
from cjm_fasthtml_sse.backplanes.base import Limits
from cjm_fasthtml_sse.backplanes.base import Opened
from cjm_fasthtml_sse.backplanes.base import Publication
from cjm_fasthtml_sse.runtime.time import Time
from collections.abc import Mapping
from collections.abc import Sequence

__all__ = ['MemoryBackplane']

class MemoryBackplane:
    """A backplane in the memory of one process; its events end with the process"""
    max_bytes: int | None
    name: str
    def __init__(self, name: str='memory:', time: Time=...) -> None:
        """
        Args:
            name: Name for logs
            time: Clock of the entries, and source of epochs
        """
    async def open(self, limits: Limits) -> Opened:
        """Return the state of the store"""
    async def close(self) -> None:
        """Do nothing: `open` created nothing"""
    async def publish(self, publications: Sequence[Publication]) -> list[int]:
        """Give `publications` their positions"""
    async def read(self, after: Mapping[str, int], count: int=500, wait: float=0) -> list[Entry]:
        """Return the entries after the positions in `after`"""
    async def retained(self) -> list[Entry]:
        """Return the newest retained entry of each key"""
    async def new_epoch(self, epoch: str) -> str:
        """Set a new epoch if the stored one is still `epoch`"""
    async def put_node_info(self, node: str, body: bytes) -> None:
        """Store information about `node`"""
    async def node_info(self) -> dict[str, bytes]:
        """Return the information about all nodes"""
    async def drop_node_info(self, node: str) -> None:
        """Remove the information about `node`"""
