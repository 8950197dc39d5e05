extension Events {
    /// The events as a stream, which is to be read once: it ends with the operation. Whoever stops reading ends the
    /// stream, not the operation.
    public func stream() -> AsyncStream<EventView> {
        AsyncStream(unfolding: { await self.next() }, onCancel: { self.finish() })
    }
}

extension Operation {
    /// What happens while the plan is applied. Every reader gets all events, from the beginning.
    public func stream() -> AsyncStream<EventView> {
        events().stream()
    }
}

extension Changes {
    /// The changes as a stream, which is to be read once. Whoever stops reading stops watching.
    public func stream() -> AsyncStream<ChangeView> {
        AsyncStream(unfolding: { await self.next() }, onCancel: { self.finish() })
    }
}

extension Logs {
    /// The lines as a stream, which is to be read once, and fails where not all can be read. Whoever stops reading closes
    /// it.
    public func stream() -> AsyncThrowingStream<LogLineView, Error> {
        AsyncThrowingStream(unfolding: { try await self.next() }, finish: { self.finish() })
    }
}

extension Stats {
    /// The samples as a stream, which is to be read once. Whoever stops reading closes it.
    public func stream() -> AsyncThrowingStream<StatView, Error> {
        AsyncThrowingStream(unfolding: { try await self.next() }, finish: { self.finish() })
    }
}

extension EngineEvents {
    /// The events as a stream, which is to be read once, and fails where the engine is lost. Whoever stops reading closes
    /// it.
    public func stream() -> AsyncThrowingStream<EngineEventView, Error> {
        AsyncThrowingStream(unfolding: { try await self.next() }, finish: { self.finish() })
    }
}

extension Pull {
    /// How far the fetching is as a stream, which is to be read once: where it ends without an error, the image is there.
    /// Whoever stops reading stops the fetching.
    public func stream() -> AsyncThrowingStream<PullView, Error> {
        AsyncThrowingStream(unfolding: { try await self.next() }, finish: { self.finish() })
    }
}

extension Execution {
    /// What comes from the program as a stream, which is to be read once: the last item is its code. Whoever stops reading
    /// closes it, and the program goes on.
    public func stream() -> AsyncThrowingStream<ExecItem, Error> {
        AsyncThrowingStream(unfolding: { try await self.next() }, finish: { self.finish() })
    }
}

extension Pieces {
    /// The pieces as a stream, which is to be read once, and fails where not all can be read. Whoever stops reading closes
    /// it.
    public func stream() -> AsyncThrowingStream<Data, Error> {
        AsyncThrowingStream(unfolding: { try await self.next() }, finish: { self.finish() })
    }
}

extension AsyncThrowingStream where Failure == Error {
    /// What comes one by one, no faster than it is read, until there is none. `finish` is called when whoever reads it is
    /// cancelled, or has stopped.
    init(
        unfolding next: @escaping @Sendable () async throws -> Element?, finish: @escaping @Sendable () -> Void
    ) {
        let closing = Closing(finish)
        self.init(unfolding: {
            try await withTaskCancellationHandler {
                try await next()
            } onCancel: {
                closing.finish()
            }
        })
    }
}

/// Closes something when nobody holds it any more.
private final class Closing: Sendable {
    let finish: @Sendable () -> Void

    init(_ finish: @escaping @Sendable () -> Void) {
        self.finish = finish
    }

    deinit {
        finish()
    }
}

/// Does work with a token that is uttered when the task is cancelled: cancelling a task alone stops nothing below it.
///
///     let seen = try await withCancelToken { try await world.observe(lab: lab, cancel: $0) }
public func withCancelToken<Value>(
    _ work: (CancelToken) async throws -> Value
) async rethrows -> Value {
    let token = CancelToken()
    return try await withTaskCancellationHandler {
        try await work(token)
    } onCancel: {
        token.cancel()
    }
}
