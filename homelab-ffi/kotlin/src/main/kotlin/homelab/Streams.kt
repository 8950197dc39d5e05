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
 * The samples as a flow, which is to be collected once. Whoever stops collecting closes it.
 */
fun Stats.flow(): Flow<StatView> = flow {
    use { stream ->
        try {
            while (true) emit(stream.next() ?: break)
        } finally {
            stream.finish()
        }
    }
}

/**
 * The events as a flow, which is to be collected once. Whoever stops collecting closes it.
 */
fun EngineEvents.flow(): Flow<EngineEventView> = flow {
    use { stream ->
        try {
            while (true) emit(stream.next() ?: break)
        } finally {
            stream.finish()
        }
    }
}

/**
 * How far the fetching is as a flow, which is to be collected once: where it ends well, the image is there. Whoever stops
 * collecting stops the fetching.
 */
fun Pull.flow(): Flow<PullView> = flow {
    use { stream ->
        try {
            while (true) emit(stream.next() ?: break)
        } finally {
            stream.finish()
        }
    }
}

/**
 * What comes from the program as a flow, which is to be collected once: the last item is its code. Whoever stops collecting
 * closes it, and the program goes on.
 */
fun Execution.flow(): Flow<ExecItem> = flow {
    use { stream ->
        try {
            while (true) emit(stream.next() ?: break)
        } finally {
            stream.finish()
        }
    }
}

/**
 * The pieces as a flow, which is to be collected once. Whoever stops collecting closes it.
 */
fun Pieces.flow(): Flow<ByteArray> = flow {
    use { stream ->
        try {
            while (true) emit(stream.next() ?: break)
        } finally {
            stream.finish()
        }
    }
}
