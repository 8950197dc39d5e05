"""What runs in a home lab, and who can reach it.

    import homelab

    lab = homelab.Lab.load("~/lab")
    report = lab.audit()
    for finding in report:
        print(finding)
    report.to_html("lab.html")

    with homelab.connect_sync(lab) as world:  # or: async with homelab.connect(lab) as world
        print(lab.audit(world.observe()))
        plan = lab.plan_init()
        print(plan)
        plan.apply(world, progress=print)

Everything that takes time lets the lock of Python go meanwhile, and is there twice: as a plain call and to be awaited,
`lab.audit()` and `await lab.audit_async()`, `connect_sync` and `connect`. Failures are a `homelab.Error` of the
subclass for their kind.
"""

from __future__ import annotations

from . import _native
from ._enums import ErrorKind, Principle, Reach, Severity, Status, Tier
from ._errors import (
    Ambiguous,
    Cancelled,
    Conflict,
    Damaged,
    Error,
    Incomplete,
    Internal,
    Invalid,
    Locked,
    NoSpace,
    NotFound,
    NotInitialised,
    Refused,
    TimedOut,
    ToolFailed,
    ToolMissing,
    Unauthorised,
    Unreachable,
    Unsupported,
    WrongKey,
)
from ._native import (
    Changes,
    Checkout,
    Claim,
    ControlApi,
    Drift,
    Engine,
    EngineEvents,
    Engines,
    ExecItem,
    ExecResult,
    Execution,
    Exposure,
    Finding,
    Interrupted,
    Inventory,
    Lab,
    Logs,
    Machine,
    Observed,
    Outcome,
    Pieces,
    Plan,
    Posture,
    Project,
    Proof,
    Pull,
    Query,
    Report,
    Repositories,
    Running,
    Server,
    Service,
    ShareableTemplate,
    Split,
    Stats,
    Survival,
    Tailnet,
    Template,
    Values,
    Worktree,
    capabilities,
    require_capability,
    rules,
)
from ._world import (
    Connecting,
    Events,
    Operation,
    SyncEvents,
    SyncOperation,
    SyncWorld,
    World,
    connect,
    connect_sync,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import view as view

__version__ = _native.__version__

__all__ = [
    "Ambiguous",
    "Cancelled",
    "Changes",
    "Checkout",
    "Claim",
    "Conflict",
    "Connecting",
    "ControlApi",
    "Damaged",
    "Drift",
    "Engine",
    "EngineEvents",
    "Engines",
    "Error",
    "ErrorKind",
    "Events",
    "ExecItem",
    "ExecResult",
    "Execution",
    "Exposure",
    "Finding",
    "Incomplete",
    "Internal",
    "Interrupted",
    "Invalid",
    "Inventory",
    "Lab",
    "Locked",
    "Logs",
    "Machine",
    "NoSpace",
    "NotFound",
    "NotInitialised",
    "Observed",
    "Operation",
    "Outcome",
    "Pieces",
    "Plan",
    "Posture",
    "Principle",
    "Project",
    "Proof",
    "Pull",
    "Query",
    "Reach",
    "Refused",
    "Report",
    "Repositories",
    "Running",
    "Server",
    "Service",
    "Severity",
    "ShareableTemplate",
    "Split",
    "Stats",
    "Status",
    "Survival",
    "SyncEvents",
    "SyncOperation",
    "SyncWorld",
    "Tailnet",
    "Template",
    "Tier",
    "TimedOut",
    "ToolFailed",
    "ToolMissing",
    "Unauthorised",
    "Unreachable",
    "Unsupported",
    "Values",
    "Worktree",
    "World",
    "WrongKey",
    "capabilities",
    "connect",
    "connect_sync",
    "require_capability",
    "rules",
]


def __getattr__(name: str) -> object:
    # The records bring `dataclasses`, which takes longer to import than all the rest: they come when they are needed.
    if name == "view":
        import importlib

        return importlib.import_module(".view", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
