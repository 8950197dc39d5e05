package homelab

import kotlinx.coroutines.runBlocking
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNotNull

class ErrorsTest {
    @Test
    fun `a case for each kind, with text fit for a person`() = runBlocking<Unit> {
        val error = assertFailsWith<HomelabException.NotFound> { small().exposure("wep") }
        assertContains(error.detail, "Failed to find service `wep`")
        assertContains(assertNotNull(error.hint), "web")
        assertEquals("${error.detail} Hint: ${error.hint}", error.message)
        assertEquals(error.message, error.toString())
        assertFalse(error.retryable)
        assertEquals("not_found", error.failure.kind)
        assertEquals(error.detail, error.failure.detail)
    }

    @Test
    fun `a name that stands for several things lists them`() = runBlocking<Unit> {
        val two = Lab.fromTexts("home", mapOf("a/compose.yaml" to COMPOSE, "b/compose.yaml" to COMPOSE))
        val error = assertFailsWith<HomelabException.Ambiguous> { two.exposure("web") }
        assertContains(assertNotNull(error.hint), "a/web")
    }

    @Test
    fun `suspending calls fail alike`() = runBlocking<Unit> {
        val error = assertFailsWith<HomelabException.NotFound> { Lab.load("/nonexistent/lab") }
        assertContains(error.detail, "/nonexistent/lab")
        val invalid = assertFailsWith<HomelabException.Invalid> { small().auditWith("no-such-rule") }
        assertContains(invalid.detail, "no-such-rule")
    }

    @Test
    fun `an error has its place`() = runBlocking<Unit> {
        folder("compose.yaml" to "services:\n  web:\n    image: nginx\n    prots: []\n") { root ->
            val settings = ResolveSettings(directory = root.toString(), strict = true)
            val error = assertFailsWith<HomelabException.Invalid> { Project.resolve(settings) }
            assertEquals(4u, assertNotNull(error.place).line)
            assertContains(error.message, "compose.yaml:4:")
        }
    }

    @Test
    fun `a plan from a state that has changed since is a conflict`() = runBlocking<Unit> {
        folder("web/compose.yaml" to COMPOSE) { root ->
            folder { state ->
                val lab = Lab.load(root.toString())
                val plan = lab.planInit()
                root.resolve("lab.toml").toFile().writeText("audience = \"team\"\n")
                val operation = plan.apply(World.connect(lab).withState(state.toString()))
                val error = assertFailsWith<HomelabException.Conflict> { operation.outcome() }
                assertContains(error.message, "lab.toml")
                assertEquals("audience = \"team\"\n", root.resolve("lab.toml").toFile().readText())
            }
        }
    }
}
