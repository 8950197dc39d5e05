package homelab

/** What every case of [HomelabException] has. */
data class Failure(
    /** The kind's name, as in the other languages: `not_found`. */
    val kind: String,
    /** What failed and why, fit for a person. */
    val detail: String,
    /** What to do about it. */
    val hint: String?,
    /** The place in a file that it is about. */
    val place: PlaceView?,
    /** Whether the same call may succeed later, with nothing changed by the caller. */
    val retryable: Boolean,
    /** The steps that were done before it failed: empty unless a plan was being applied. */
    val done: List<StepResultView>,
)

/** What every case has, for whoever treats them alike. */
val HomelabException.failure: Failure
    // Without `else`: the compiler refuses a case that is not here.
    get() = when (this) {
        is HomelabException.Invalid -> Failure("invalid", detail, hint, place, retryable, done)
        is HomelabException.NotFound -> Failure("not_found", detail, hint, place, retryable, done)
        is HomelabException.Ambiguous -> Failure("ambiguous", detail, hint, place, retryable, done)
        is HomelabException.Conflict -> Failure("conflict", detail, hint, place, retryable, done)
        is HomelabException.Unauthorised -> Failure("unauthorised", detail, hint, place, retryable, done)
        is HomelabException.Unreachable -> Failure("unreachable", detail, hint, place, retryable, done)
        is HomelabException.TimedOut -> Failure("timed_out", detail, hint, place, retryable, done)
        is HomelabException.Unsupported -> Failure("unsupported", detail, hint, place, retryable, done)
        is HomelabException.Incomplete -> Failure("incomplete", detail, hint, place, retryable, done)
        is HomelabException.NotInitialised -> Failure("not_initialised", detail, hint, place, retryable, done)
        is HomelabException.WrongKey -> Failure("wrong_key", detail, hint, place, retryable, done)
        is HomelabException.Locked -> Failure("locked", detail, hint, place, retryable, done)
        is HomelabException.NoSpace -> Failure("no_space", detail, hint, place, retryable, done)
        is HomelabException.Damaged -> Failure("damaged", detail, hint, place, retryable, done)
        is HomelabException.ToolMissing -> Failure("tool_missing", detail, hint, place, retryable, done)
        is HomelabException.ToolFailed -> Failure("tool_failed", detail, hint, place, retryable, done)
        is HomelabException.Cancelled -> Failure("cancelled", detail, hint, place, retryable, done)
        is HomelabException.Refused -> Failure("refused", detail, hint, place, retryable, done)
        is HomelabException.Internal -> Failure("internal", detail, hint, place, retryable, done)
    }
