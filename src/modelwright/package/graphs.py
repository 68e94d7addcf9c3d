"""How a graph of a package is opened for running; what it may hold is checked before (`graph_contents`)."""

from __future__ import annotations

from collections.abc import Mapping

from modelwright.core.messages import PackageError, Problem
from modelwright.package import content, gpu
from modelwright.package.confinement import confined
from modelwright.package.content import Content
from modelwright.package.ort import onnxruntime

_RELEASE = tuple(map(int, onnxruntime.__version__.split(".")[:2]))
# A thread that has no work spins for some microseconds, from one node of a graph to the next, and then sleeps: asleep
# at once, two threads write with a decoder no quicker than one; one that spins between requests takes the core that the
# gateway needs (decision 030). Releases before 1.27 know no such bound, and spin for long or not at all.
_WAITING = {"spin_duration_us": "20"} if _RELEASE >= (1, 27) else {"allow_spinning": "0"}


def open_session(
    graph: Content,
    threads: int,
    where: str,
    files: Mapping[str, Content] | None = None,
    *,
    on_gpu: bool = False,
) -> onnxruntime.InferenceSession:
    """Open a graph with a fixed number of threads of the CPU; raises PackageError where it cannot run.

    on_gpu: what the GPU has kernels for runs there, the rest on the CPU.
    `files` holds the external data by the locations that the graph names. The runtime takes it from the mapped
    bytes and follows no path; it checks that each tensor's offset and length lie within its file.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # failures come back as exceptions, and need not be printed as well
    # Left to guess, the runtime takes some bytes that are ONNX for a format of its own, which nobody has checked.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    for key, value in _WAITING.items():
        options.add_session_config_entry(f"session.intra_op.{key}", value)
    if files:
        views = [content.view(one) for one in files.values()]
        options.add_external_initializers_from_files_in_memory(
            list(files), views, [len(one) for one in views]
        )
    data = content.whole(graph)
    providers = [*([(gpu.PROVIDER, gpu.OPTIONS)] if on_gpu else []), "CPUExecutionProvider"]

    def opened() -> onnxruntime.InferenceSession:
        # what it needs of the views it has copied when this returns
        session = onnxruntime.InferenceSession(data, options, providers=providers)
        # the runtime goes on with the CPU alone where the GPU cannot be used, and who asked for it would not know
        if on_gpu and gpu.PROVIDER not in session.get_providers():
            raise RuntimeError(f"{gpu.PROVIDER} could not be opened")
        return session

    try:
        return confined(opened, on_gpu=on_gpu)
    except Exception as error:  # onnxruntime raises classes of its own that share no other base
        reason = str(error).splitlines()[0][:200]
        raise PackageError(Problem("package.graph-refused", where=where, error=reason)) from None
