"""Out-of-memory errors, and several processes under torchrun."""

import torch
import torch.distributed as dist


def agreed(found: bool) -> bool:
    """Whether `found` is true in every process."""
    if processes()[1] == 1:
        return found
    vote = torch.tensor(int(found))
    dist.all_reduce(vote, op=dist.ReduceOp.MIN)
    return bool(vote)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: on a GPU, on the CPU, or on a remote machine."""
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "out of memory" in text or "not enough memory" in text


def processes() -> tuple[int, int]:
    """The number of this process and how many processes there are; the first call under torchrun connects them.

    Results are small, so gloo combines them on the CPU even if nccl serves the GPUs.
    """
    if not dist.is_available() or not (dist.is_initialized() or dist.is_torchelastic_launched()):
        return 0, 1
    if not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    return dist.get_rank(), dist.get_world_size()
