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

extension Notices {
    /// The notices as a stream, which is to be read once: it ends with the daemon. Whoever stops reading closes it.
    public func stream() -> AsyncStream<NoticeView> {
        AsyncStream(unfolding: { await self.next() }, onCancel: { self.finish() })
    }
}

extension Logs {
    /// The lines as a stream, which is to be read once, and fails where not all can be read. Whoever stops reading closes
    /// it.
    public func stream() -> AsyncThrowingStream<LogLineView, Error> {
        AsyncThrowingStream { continuation in
            let reading = Task {
                do {
                    while let line = try await self.next() {
                        continuation.yield(line)
                    }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in
                self.finish()
                reading.cancel()
            }
        }
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
