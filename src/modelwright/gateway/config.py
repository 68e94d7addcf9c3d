"""The section `serve` of the project file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from modelwright.core.byte_count import ByteCount
from modelwright.core.messages import ValueProblem

NAME_OF_VARIABLE = "environment"  # what the key of the variable is called where keys are named


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LimitsConfig(_Section):
    """What the gateway refuses before it costs anything."""

    body: ByteCount = Field(
        2 * 2**20,
        ge=1,
        description="bytes of a request, such as `2 MiB`, without the files that its inputs hold; more get 413",
    )
    file: ByteCount = Field(
        10_000_000, ge=1, description="bytes of one file (a picture, a sound), such as `10 MB`; more get 413"
    )
    rows: int = Field(1000, ge=1, description="rows of one request; more get 413")
    text: int = Field(
        20_000, ge=1, description="characters of one text; more get 422, as all that breaks the schema"
    )
    depth: int = Field(32, ge=2, description="how deeply the JSON of a request may nest; deeper gets 400")
    queue: int = Field(1024, ge=1, description="rows that may be under way; more are refused with 429")
    queue_s: float | None = Field(
        None,
        gt=0,
        description="how long a request may wait for a worker, in seconds, judged by its last passes; one that would "
        "wait longer is refused with 503 at once. None: as long as `latency_p95` allows, where there is such a bar",
    )
    memory: ByteCount | None = Field(
        None,
        ge=1,
        description="bytes that one worker may take, such as `2 GiB`; one that takes more is replaced while the others "
        "answer. None: no bound",
    )
    under_way: ByteCount = Field(
        256 * 2**20,
        ge=1,
        description="bytes of all requests that are under way, such as `256 MiB`; more are refused with 503. A request "
        "that is alone is bounded by the limits above",
    )
    timeout_s: float = Field(30.0, gt=0, description="a request that is not answered by then gets 504")
    body_timeout_s: float = Field(
        10.0, gt=0, description="a request that has not been sent whole by then gets 408"
    )

    @property
    def text_of_file(self) -> int:
        """Return the characters that a file may have as a text: base64, with line breaks and the head of a data URI."""
        return self.file * 7 // 5 + 256  # 4/3, and a line break after each 64 characters or more

    def of_json(self, files: int) -> int:
        """Return the bytes of a request in JSON to a function with so many inputs that hold files."""
        return self.body + files * self.text_of_file

    def of_form(self, files: int) -> int:
        """Return the bytes of a request as a form to a function with so many inputs that hold files."""
        return self.body + files * self.text_of_file  # a file may stand in it as a text, too


class BatchingConfig(_Section):
    """How requests that arrive together share a pass."""

    rows: int | None = Field(
        None,
        ge=1,
        description="rows that are answered in one pass. None: 8 for each thread where several workers share the "
        "cores, else 16",
    )
    wait_ms: float = Field(
        2.0, ge=0, le=1000, description="how long at most a request waits for others to share its pass"
    )


class CacheConfig(_Section):
    """Whether an answer that was given before is given again without a worker."""

    size: ByteCount | None = Field(
        64 << 20, ge=0, description="bytes of answers that are kept, such as `64 MiB`. 0 or None: none are"
    )
    private: bool = Field(
        default=False,
        description="whether answers are kept of a function with inputs in `serve.record.private`, too",
    )


class RecordConfig(_Section):
    """What is kept of live traffic."""

    enabled: bool = Field(
        default=True, description="whether answers are recorded, so that live traffic can be judged"
    )
    days: float = Field(30.0, gt=0, description="how long the record is kept")
    private: tuple[str, ...] = Field((), description="inputs that the record leaves out")


class KnownKey(_Section):
    """A key that a client may send: what it is for, and its digest."""

    role: Literal["caller", "feedback", "viewer", "operator"] = Field(
        description="`caller` asks, `feedback` reports truths, `viewer` reads metrics and states, `operator` does all"
    )
    sha256: str = Field(
        pattern="^[0-9a-f]{64}$",
        description="the SHA-256 of the key in hexadecimal; the key, 32 random characters or more, stands nowhere",
    )
    per_s: float | None = Field(
        None, gt=0, description="requests a second; more are refused with 429. None: no bound"
    )


class KeysConfig(_Section):
    """The keys that clients must send."""

    predict: str = Field(
        "MODELWRIGHT_API_KEY",
        min_length=1,
        description="the environment variable with a key that may do everything (or, with `_FILE` at the end of its "
        "name, with the path of a file that holds it); where neither is set, and no key is `known`, none is required",
    )
    docs: Literal["open", "closed"] = Field(
        "open",
        description="whether `/docs` and `/openapi.json`, which show the function and its classes, are open to all, "
        "or need a key, too",
    )
    known: Mapping[str, KnownKey] = Field({}, description="further keys, by the name of who has them")

    @field_validator("known")
    @classmethod
    def _are_named(cls, known: Mapping[str, KnownKey]) -> Mapping[str, KnownKey]:
        for name in known:
            # The first is what the variable's key is called, which may decide alone; the second stands for no key.
            if name in {NAME_OF_VARIABLE, ""}:
                raise ValueProblem("serve.key-name", name=name)
        return known


class FeedbackConfig(_Section):
    """What truths clients may report of answers, and whose word decides."""

    per_hour: int = Field(
        10_000, ge=1, description="rows of which one key may report the truth within an hour; more get 429"
    )
    alone: tuple[str, ...] = Field(
        (),
        description="keys of `serve.keys.known` whose labels may decide a release by themselves, as an operator's may. "
        "Those of other keys decide only what they also show without any one of these keys",
    )


class TlsConfig(_Section):
    """The certificate that the gateway shows."""

    certificate: str = Field(
        min_length=1, description="a file in PEM form with the certificate and its chain"
    )
    key: str = Field(min_length=1, description="a file in PEM form with the certificate's private key")


class ServeConfig(_Section):
    """How the gateway answers, and what it refuses."""

    # The old spelling → the key that holds it now. `record` is both: a section now, a truth value then.
    renamed: ClassVar[Mapping[str, str]] = {
        "max_batch": "batching.rows",
        "max_wait_ms": "batching.wait_ms",
        "queue": "limits.queue",
        "timeout_s": "limits.timeout_s",
        "body_timeout_s": "limits.body_timeout_s",
        "max_body": "limits.body",
        "max_items": "limits.rows",
        "max_text": "limits.text",
        "max_depth": "limits.depth",
        "private": "record.private",
        "record_days": "record.days",
        "record": "record.enabled",
    }

    host: str = Field(
        "127.0.0.1", description="the address to listen on; one that other machines reach needs a key"
    )
    port: int = Field(8080, ge=0, le=65535, description="the port; 0 takes any that is free")
    hosts: tuple[str, ...] = Field(
        (),
        description="names by which clients call a gateway without keys, beside `host`, `localhost` and addresses: a "
        "proxy on this machine may pass its own on. Others get 403: a page of another site can let its name lead here",
    )
    threads: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="threads of each worker. None: the fewest with which a row takes about as long as with all cores, "
        "as timed when a version is loaded",
    )
    workers: int | None = Field(
        None,
        ge=1,
        le=256,
        description="processes that answer for one version, each with `threads` and its own memory. None: as many as "
        "there are cores for their threads, and as fit into half of the free memory and a bar on `memory`; one where a "
        "row takes less time than the gateway",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="where graphs run. `auto`: on an NVIDIA GPU where there is one, the installed ONNX Runtime has "
        "CUDA, and it answers as the CPU does and sooner. `cuda`: where it is slower, too; without one nothing serves",
    )
    start_timeout_s: float = Field(120.0, gt=0, description="how long a version may take until it can answer")
    unseen: Literal["answer", "refuse"] = Field(
        "answer",
        description="a value that training never showed (a new class): `answer` marks and counts it, `refuse` gets 422",
    )
    drain_s: float = Field(
        30.0, gt=0, description="how long requests under way may take to end when a version goes"
    )
    limits: LimitsConfig = Field(LimitsConfig(), description="what is refused before it costs anything")
    batching: BatchingConfig = Field(BatchingConfig(), description="how requests share a pass")
    cache: CacheConfig = Field(CacheConfig(), description="answers that are given again")
    record: RecordConfig = Field(RecordConfig(), description="what is kept of live traffic")
    keys: KeysConfig = Field(KeysConfig(), description="the keys that clients must send")
    feedback: FeedbackConfig = Field(FeedbackConfig(), description="truths that clients report of answers")
    tls: TlsConfig | None = Field(None, description="speak HTTPS with this certificate. None: plain HTTP")
    audit: str | None = Field(
        None,
        min_length=1,
        description="a file that gets a line for each call of `/admin` and each key that is refused. None: no file",
    )

    @field_validator("feedback")
    @classmethod
    def _are_known(cls, feedback: FeedbackConfig, info: ValidationInfo) -> FeedbackConfig:
        keys = info.data.get("keys")
        for name in feedback.alone:
            if keys is not None and name not in keys.known:
                raise ValueProblem("serve.feedback-key", name=name, known=sorted(keys.known) or None)
        return feedback
