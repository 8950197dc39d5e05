package homelab

import kotlinx.coroutines.async
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlin.io.path.exists
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNull
import kotlin.test.assertTrue

class StreamsTest {
    /** A plan that writes two files, and the operation that does. */
    private suspend fun applied(block: suspend (Operation) -> Unit) = folder("web/compose.yaml" to COMPOSE) { root ->
        folder { state ->
            val lab = Lab.load(root.toString())
            val world = World.connect(lab).withState(state.toString())
            lab.planInit().apply(world).use { block(it) }
            assertTrue(root.resolve("lab.toml").exists())
        }
    }

    @Test
    fun `every collector of a flow gets all events, from the beginning to the end`() = runBlocking {
        applied { operation ->
            val kinds = operation.flow().map { it.kind }.toList()
            val steps = listOf("step_started", "step_finished")
            assertEquals(listOf("started") + steps + steps + "finished", kinds)
            assertEquals(kinds, operation.flow().map { it.kind }.toList())
            val outcome = operation.outcome()
            assertEquals("complete", outcome.status())
            outcome.complete()
            assertEquals(2, outcome.steps().size)
        }
    }

    @Test
    fun `who stops collecting ends the stream, not the operation`() = runBlocking {
        applied { operation ->
            assertEquals("started", operation.flow().first().kind)
            assertEquals("complete", operation.outcome().status())
        }
    }

    @Test
    fun `a stream that was finished has no next event`() = runBlocking {
        applied { operation ->
            val events = operation.events()
            assertEquals("started", events.next()?.kind)
            events.finish()
            assertNull(withTimeout(5_000) { events.next() })
            operation.outcome()
        }
    }

    @Test
    fun `several may wait for one operation`() = runBlocking {
        applied { operation ->
            val waiting = List(20) { async { operation.outcome().status() } }
            waiting.forEach { assertEquals("complete", it.await()) }
        }
    }
}
