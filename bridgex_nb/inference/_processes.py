"""Memory that was too small, and several processes under torchrun."""

import torch
import torch.distributed as dist


def agreed(found: bool) -> bool:
    """Whether every process found it."""
    if processes()[1] == 1:
        return found
    vote = torch.tensor(int(found))
    dist.all_reduce(vote, op=dist.ReduceOp.MIN)
    return bool(vote)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the memory was too small: of a GPU, of the CPU, or of a remote machine."""
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "out of memory" in text or "not enough memory" in text


def processes() -> tuple[int, int]:
    """Number of this process and how many there are; the first call under torchrun connects them.

    Results are combined on the CPU, by gloo, also where nccl serves the GPUs: they are small.
    """
    if not dist.is_available() or not (dist.is_initialized() or dist.is_torchelastic_launched()):
        return 0, 1
    if not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    return dist.get_rank(), dist.get_world_size()
