"""View records: what crosses as plain data. Frozen, comparable, hashable, and made for pickle and JSON.

They are the core's own records (`homelab_core::view`) with the same names and fields; their JSON is the stored form.
A record equals a dictionary with the same content.
"""

from __future__ import annotations

from .declaration import (
    DeclarationView,
    FileView,
    MountView,
    PortView,
    ProjectView,
    SystemView,
)
from .live import (
    ChangeView,
    ContainerView,
    DifferenceView,
    DriftView,
    GapView,
    LogLineView,
    RunningView,
    SeenHostView,
)
from .plan import (
    EventView,
    OutcomeView,
    PlanView,
    StepResultView,
    StepView,
)
from .policy import (
    PolicyCheckView,
    PolicyNoteView,
    PolicyTestView,
)
from .portal import (
    PortalServiceView,
    PortalView,
    PortalWayView,
    ServiceExplanationView,
    WayExplanationView,
)
from .record import (
    EvidenceView,
    PlaceView,
    Record,
)
from .report import (
    CountsView,
    FindingView,
    PathView,
    PostureView,
    ReachCountsView,
    ReportView,
    RuleView,
    SeenView,
    ServiceView,
    SuppressedView,
)
from .tailnet import (
    AccessChangeView,
    ByView,
    CarrierView,
    DeviceReachView,
    ExplanationView,
    NearMissView,
    PersonReachView,
    PolicyDiffView,
    RangeReachView,
    ReachableDeviceView,
    ReachableServicesView,
    ReachableServiceView,
    ReachableView,
    ServiceReachView,
    ServiceWayView,
    TailnetRuleView,
    WhoCanReachView,
)

__all__ = [
    "AccessChangeView",
    "ByView",
    "CarrierView",
    "ChangeView",
    "ContainerView",
    "CountsView",
    "DeclarationView",
    "DeviceReachView",
    "DifferenceView",
    "DriftView",
    "EventView",
    "EvidenceView",
    "ExplanationView",
    "FileView",
    "FindingView",
    "GapView",
    "LogLineView",
    "MountView",
    "NearMissView",
    "OutcomeView",
    "PathView",
    "PersonReachView",
    "PlaceView",
    "PlanView",
    "PolicyCheckView",
    "PolicyDiffView",
    "PolicyNoteView",
    "PolicyTestView",
    "PortView",
    "PortalServiceView",
    "PortalView",
    "PortalWayView",
    "PostureView",
    "ProjectView",
    "RangeReachView",
    "ReachCountsView",
    "ReachableDeviceView",
    "ReachableServiceView",
    "ReachableServicesView",
    "ReachableView",
    "Record",
    "ReportView",
    "RuleView",
    "RunningView",
    "SeenHostView",
    "SeenView",
    "ServiceExplanationView",
    "ServiceReachView",
    "ServiceView",
    "ServiceWayView",
    "StepResultView",
    "StepView",
    "SuppressedView",
    "SystemView",
    "TailnetRuleView",
    "WayExplanationView",
    "WhoCanReachView",
]

# They are all of this package, wherever in it they are written: a pickle names it, and not the module.
for _name in __all__:
    globals()[_name].__module__ = __name__
