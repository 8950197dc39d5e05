package homelab

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assumptions.assumeTrue
import java.nio.file.Path
import kotlin.io.path.readText
import kotlin.test.Test
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class CancellationTest {
    /** A lab whose git takes a minute, and a look at it that has begun; afterwards that git must be gone. */
    private fun slowly(block: suspend (Lab, World, suspend () -> Unit) -> Unit) = runBlocking<Unit> {
        assumeTrue("tools" in capabilities(), "this build starts no programs")
        folder("slow" to "", ".git/HEAD" to "ref: refs/heads/main\n", "web/compose.yaml" to COMPOSE) { root ->
            withTimeout(20_000) {
                val lab = Lab.load(root.toString())
                block(lab, World.connect(lab)) { started(root) }
                val git = started(root)
                while (git.isAlive) delay(10)
            }
        }
    }

    private suspend fun started(root: Path): ProcessHandle {
        while (root.resolve("slow").readText().isBlank()) delay(10)
        val id = root.resolve("slow").readText().trim().toLong()
        return ProcessHandle.of(id).orElse(null) ?: Gone
    }

    @Test
    fun `the token stops the work itself`() = slowly { lab, world, hasStarted ->
        val cancel = CancelToken()
        val look = kotlinx.coroutines.CoroutineScope(Dispatchers.Default).async { runCatching { world.observe(lab, cancel) } }
        hasStarted()
        cancel.cancel()
        assertFailsWith<HomelabException.Cancelled> { look.await().getOrThrow() }
        assertTrue(cancel.isCancelled())
    }

    @Test
    fun `cancelling the coroutine stops the work itself`() = slowly { lab, world, hasStarted ->
        val look: Job = kotlinx.coroutines.CoroutineScope(Dispatchers.Default)
            .launch(start = CoroutineStart.UNDISPATCHED) { world.observe(lab) }
        hasStarted()
        look.cancelAndJoin()
        assertTrue(look.isCancelled)
    }

    @Test
    fun `a token that was uttered before stops every call that takes one`() = runBlocking<Unit> {
        val cancel = CancelToken().also { it.cancel() }
        assertFailsWith<HomelabException.Cancelled> { Lab.load(sample.toString(), cancel) }
        assertFailsWith<HomelabException.Cancelled> { World.connect(small(), cancel) }
        val lab = small()
        assertFailsWith<HomelabException.Cancelled> { lab.audit(cancel = cancel) }
        assertFailsWith<HomelabException.Cancelled> { lab.posture(cancel = cancel) }
        assertFailsWith<HomelabException.Cancelled> { lab.exposures(cancel = cancel) }
        assertFailsWith<HomelabException.Cancelled> { lab.portal("ann", cancel = cancel) }
        assertFailsWith<HomelabException.Cancelled> { lab.planInit(cancel = cancel) }
        assertFailsWith<HomelabException.Cancelled> { Lab.fromTexts("home", emptyMap(), cancel) }
        assertFailsWith<HomelabException.Cancelled> { Project.resolve(ResolveSettings(directory = sample.toString()), cancel) }
    }

    @Test
    fun `cancelling an operation waits until it has ended`() = runBlocking<Unit> {
        folder("web/compose.yaml" to COMPOSE) { root ->
            folder { state ->
                val lab = Lab.load(root.toString())
                val operation = lab.planInit().apply(World.connect(lab).withState(state.toString()))
                operation.cancel()
                // It may have been done already: then it says so.
                val result = runCatching { operation.outcome(CancelToken().also { it.cancel() }) }
                val error = result.exceptionOrNull()
                assertTrue(error == null || error is HomelabException.Cancelled, "$error")
            }
        }
    }
}

/** A process that has ended already. */
private object Gone : ProcessHandle by ProcessHandle.current() {
    override fun isAlive() = false
    override fun compareTo(other: ProcessHandle) = 0
}
