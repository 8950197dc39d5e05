package homelab

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow

/**
 * The events as a flow, which is to be collected once: it ends with the operation. Whoever stops collecting ends the
 * stream, not the operation.
 */
fun Events.flow(): Flow<EventView> = flow {
    use { events ->
        try {
            while (true) emit(events.next() ?: break)
        } finally {
            events.finish()
        }
    }
}

/** What happens while the plan is applied. Everybody who collects it gets all events, from the beginning. */
fun Operation.flow(): Flow<EventView> = flow { events().flow().collect { emit(it) } }

/**
 * The lines as a flow, which is to be collected once. Whoever stops collecting closes it.
 */
fun Logs.flow(): Flow<LogLineView> = flow {
    use { logs ->
        try {
            while (true) emit(logs.next() ?: break)
        } finally {
            logs.finish()
        }
    }
}

/**
 * The changes as a flow, which is to be collected once. Whoever stops collecting stops watching, and closes it: take
 * `inventory()` while you collect.
 */
fun Changes.flow(): Flow<ChangeView> = flow {
    use { changes ->
        try {
            while (true) emit(changes.next() ?: break)
        } finally {
            changes.finish()
        }
    }
}

/**
 * The notices as a flow, which is to be collected once: it ends with the daemon. Whoever stops collecting closes it.
 */
fun Notices.flow(): Flow<NoticeView> = flow {
    use { notices ->
        try {
            while (true) emit(notices.next() ?: break)
        } finally {
            notices.finish()
        }
    }
}
