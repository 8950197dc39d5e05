import Foundation

extension HomelabError: CustomStringConvertible, LocalizedError {
    /// What failed and why, fit for a person.
    public var errorDescription: String? { failure.detail }

    /// What to do about it.
    public var recoverySuggestion: String? { failure.hint }
}

/// What every case of `HomelabError` has.
public struct Failure: Equatable, Sendable {
    /// The kind's name, as in the other languages: `not_found`.
    public let kind: String
    /// What failed and why, fit for a person.
    public let detail: String
    /// What to do about it.
    public let hint: String?
    /// The place in a file that it is about.
    public let place: PlaceView?
    /// Whether the same call may succeed later, with nothing changed by the caller.
    public let retryable: Bool
    /// The steps that were done before it failed: empty unless a plan was being applied.
    public let done: [StepResultView]
}

extension HomelabError {
    /// What every case has, for whoever treats them alike.
    public var failure: Failure {
        // Without `default`: the compiler refuses a case that is not here.
        switch self {
        case let .Invalid(detail, hint, place, retryable, done):
            return Failure(
                kind: "invalid", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .NotFound(detail, hint, place, retryable, done):
            return Failure(
                kind: "not_found", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .Ambiguous(detail, hint, place, retryable, done):
            return Failure(
                kind: "ambiguous", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .Conflict(detail, hint, place, retryable, done):
            return Failure(
                kind: "conflict", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .Unauthorised(detail, hint, place, retryable, done):
            return Failure(
                kind: "unauthorised", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .Unreachable(detail, hint, place, retryable, done):
            return Failure(
                kind: "unreachable", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .TimedOut(detail, hint, place, retryable, done):
            return Failure(
                kind: "timed_out", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .Unsupported(detail, hint, place, retryable, done):
            return Failure(
                kind: "unsupported", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .Incomplete(detail, hint, place, retryable, done):
            return Failure(
                kind: "incomplete", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .NotInitialised(detail, hint, place, retryable, done):
            return Failure(
                kind: "not_initialised", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .WrongKey(detail, hint, place, retryable, done):
            return Failure(
                kind: "wrong_key", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .Locked(detail, hint, place, retryable, done):
            return Failure(
                kind: "locked", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .NoSpace(detail, hint, place, retryable, done):
            return Failure(
                kind: "no_space", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .Damaged(detail, hint, place, retryable, done):
            return Failure(
                kind: "damaged", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .ToolMissing(detail, hint, place, retryable, done):
            return Failure(
                kind: "tool_missing", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .ToolFailed(detail, hint, place, retryable, done):
            return Failure(
                kind: "tool_failed", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .Cancelled(detail, hint, place, retryable, done):
            return Failure(
                kind: "cancelled", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .Refused(detail, hint, place, retryable, done):
            return Failure(
                kind: "refused", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        case let .Internal(detail, hint, place, retryable, done):
            return Failure(
                kind: "internal", detail: detail, hint: hint, place: place, retryable: retryable, done: done)
        }
    }
}
