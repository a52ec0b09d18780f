"""A CUDA device as `florlib.runtime.devices` and `held` want it, by way of the torch that the script loaded."""

from __future__ import annotations

from typing import Any

from florlib.runtime.devices import Part
from florlib.runtime.graph.memory import torch, view_of

_PORTABLE = 1  # cudaHostRegisterPortable: for all devices of the process


class Cuda:
    """One device.

    Args:
        name: "cuda:0".
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._stream = torch().cuda.Stream(name)

    def pin(self, address: int, size: int) -> None:
        """Register pages; copies into pages that are not registered hold the calling thread up."""
        cuda = torch().cuda
        with cuda.device(self._name):
            cuda.check_error(int(cuda.cudart().cudaHostRegister(address, size, _PORTABLE)))

    def unpin(self, address: int) -> None:
        """Undo `pin`."""
        cuda = torch().cuda
        cuda.check_error(int(cuda.cudart().cudaHostUnregister(address)))

    def follow(self) -> None:
        """Wait, on the copies' stream, for the script's."""
        self._stream.wait_stream(torch().cuda.current_stream(self._name))

    def copy(self, part: Part) -> None:
        """Queue a copy."""
        remote, address = part
        lib = torch()
        target = lib.frombuffer(view_of(address, len(remote)), dtype=lib.uint8)
        with lib.cuda.stream(self._stream):
            target.copy_(remote.raw, non_blocking=True)
        # The script may let the memory go meanwhile, or resize it to nothing as FSDP does.
        remote.raw.record_stream(self._stream)

    def mark(self) -> Any:
        """An event on the copies' stream."""
        return self._stream.record_event()

    def hold(self, mark: Any) -> None:
        """Have the script's present stream wait."""
        torch().cuda.current_stream(self._name).wait_event(mark)

    def wait(self, mark: Any) -> None:
        """Wait here; the GIL is let go meanwhile."""
        mark.synchronize()


class CudaQueue:
    """The work of one device, for values that are logged.

    Args:
        name: "cuda:0".
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._stream = torch().cuda.Stream(name)

    def mark(self) -> Any:
        """An event on the script's present stream."""
        cuda = torch().cuda
        if cuda.is_current_stream_capturing():
            raise RuntimeError(
                "it was logged while a CUDA graph was captured, and has no value there"
            )
        event = cuda.Event(blocking=True)  # whoever waits for it leaves the processor to others
        event.record(cuda.current_stream(self._name))
        return event

    def fetch(self, tensor: Any, mark: Any) -> Any:
        """Wait here, and copy beside what the script has queued; the GIL is let go meanwhile."""
        mark.synchronize()
        with torch().cuda.stream(self._stream):
            return tensor.cpu()
