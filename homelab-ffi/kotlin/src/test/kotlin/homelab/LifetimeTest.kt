package homelab

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import java.io.File
import kotlin.system.measureNanoTime
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class LifetimeTest {
    @Test
    fun `use after close fails, and does not crash`() = runBlocking<Unit> {
        val lab = small()
        lab.close()
        lab.close()
        assertFailsWith<IllegalStateException> { lab.name() }
        assertFailsWith<IllegalStateException> { lab.audit() }
        val world = World.connect(small())
        world.close()
        assertFailsWith<IllegalStateException> { world.observe(small()) }
        assertFailsWith<IllegalStateException> { World.connect(lab) }
        assertFailsWith<IllegalStateException> { small().planInit().apply(world) }
    }

    @Test
    fun `what came of a lab outlives it`() = runBlocking<Unit> {
        val lab = small()
        val report = lab.audit()
        val project = lab.projects().single()
        lab.close()
        assertEquals(1, report.services().size)
        assertEquals("web", project.name())
    }

    @Test
    fun `a thousand calls at once`() = runBlocking<Unit> {
        val lab = small()
        val expected = lab.exposures()
        val calls = List(1_000) { number ->
            async(Dispatchers.Default) {
                when (number % 4) {
                    0 -> lab.exposures()
                    1 -> lab.audit().use { it.services() }
                    2 -> Lab.fromTexts("home", mapOf("web/compose.yaml" to COMPOSE)).use { it.exposures() }
                    else -> folder("web/compose.yaml" to COMPOSE) { root -> Lab.load(root.toString()).use { it.exposures() } }
                }
            }
        }
        calls.awaitAll().forEach { assertEquals(expected, it) }
    }

    @Test
    fun `a hundred thousand calls leak nothing`() = runBlocking<Unit> {
        val lab = small()
        suspend fun calls(number: Int) = repeat(number) { index ->
            when (index % 10) {
                0 -> lab.exposures()
                1 -> runCatching { lab.exposure("wep") }
                2 -> lab.audit().close()
                3 -> Observed.none(NOON).close()
                4 -> World.connect(lab).use { refused(lab, it) }
                5 -> CancelToken().use { it.cancel() }
                else -> lab.name()
            }
        }
        // Memory is taken from the system in large pieces at first.
        calls(20_000)
        val before = resident()
        calls(100_000)
        val grown = resident() - before
        println("kotlin: 100000 calls grew the process by ${grown / 1024} KiB")
        assertTrue(grown < 24 * MEBIBYTE, "grown by ${grown / MEBIBYTE} MiB")
    }

    /** Nothing fails on the time that calls take: it is told. */
    @Test
    fun `what a call costs`() = runBlocking<Unit> {
        val lab = small()
        repeat(20_000) { lab.name() }
        val call = measureNanoTime { repeat(20_000) { lab.name() } } / 20_000
        repeat(2_000) { World.connect(lab).close() }
        val suspending = measureNanoTime { repeat(2_000) { World.connect(lab).close() } } / 2_000
        println("kotlin: a call takes ${call / 1000} us, a suspending call with its object ${suspending / 1000} us")
    }

    private fun resident(): Long = File("/proc/self/statm").readText().split(' ')[1].toLong() * 4096
}

private const val MEBIBYTE = 1024L * 1024

/** A suspending call that fails at once. */
private suspend fun refused(lab: Lab, world: World) {
    CancelToken().use { cancel ->
        cancel.cancel()
        assertFailsWith<HomelabException.Cancelled> { world.observe(lab, cancel) }
    }
}
