package homelab

import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.takeWhile
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assumptions.assumeTrue
import java.nio.file.Path
import java.time.Duration
import java.util.concurrent.TimeUnit
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNull
import kotlin.test.assertTrue

private const val IMAGE = "homelab/contract:1"

/** The engines that tests/engines.py has started: `NAME=ADDRESS`, separated by blanks. */
private val engines: List<Pair<String, String>> =
    System.getenv("HOMELAB_ENGINES").orEmpty().split(' ').filter { it.isNotBlank() }
        .map { it.substringBefore('=') to it.substringAfter('=') }

private fun docker(address: String, vararg words: String) {
    val process = ProcessBuilder("docker", "-H", address, *words).redirectErrorStream(true).start()
    process.outputStream.close()
    val said = process.inputStream.bufferedReader().readText()
    assertTrue(process.waitFor(60, TimeUnit.SECONDS), "docker ${words.first()} hangs")
    assertEquals(0, process.exitValue(), said)
}

class LiveTest {
    /** Does something on each engine, with a lab of one service whose container does not run yet. */
    private fun onEach(block: suspend (address: String, project: String, root: Path) -> Unit) {
        assumeTrue(engines.isNotEmpty(), "tests/engines.py starts the engines")
        assumeTrue("docker" in capabilities(), "this build of the library asks no engines")
        for ((name, address) in engines) {
            val project = "kotlin${System.nanoTime()}"
            val files = arrayOf(
                "$project/compose.yaml" to "services: { site: { image: '$IMAGE' } }",
                "instance.toml" to "[hosts.nas]\nengine = '$address'\n",
            )
            folder(*files) { root ->
                try {
                    runBlocking { withTimeout(120_000) { block(address, project, root) } }
                } finally {
                    ProcessBuilder("docker", "-H", address, "rm", "-f", "-v", "$project-site-1").start().waitFor()
                }
            }
            println("kotlin: watched and restarted on $name")
        }
    }

    private fun run(address: String, project: String) = docker(
        address, "run", "-d", "--name", "$project-site-1", "--network", "none", "--ulimit", "nofile=1024:1024",
        "--ulimit", "nproc=1024:1024", IMAGE, "sh", "-c", "echo ready; exec sleep 600",
    )

    @Test
    fun `changes of a real engine are a flow`() = onEach { address, project, root ->
        val world = World.connect(Lab.load(root.toString()))
        val name = "$project-site-1"
        val changes = world.engines().watch()
        var stopped = false
        val told = changes.flow().onEach {
            if (it.kind == "full") {
                assertEquals(listOf("nas"), it.hosts.map { host -> host.host })
                assertTrue(it.hosts.single().seen, it.text)
                run(address, project)
            }
            if (it.name == name && it.state == "running" && !stopped) {
                stopped = true
                assertTrue(changes.inventory().use { seen -> name in seen.toString() })
                docker(address, "rm", "-f", name)
            }
        }.takeWhile { !(it.name == name && it.kind == "removed") }.toList()
        assertEquals("full", told.first().kind)
        assertTrue(told.any { it.name == name && it.state == "running" && !it.resynced })
        // Whoever stops collecting has stopped watching.
        assertFailsWith<IllegalStateException> { changes.inventory() }
    }

    @Test
    fun `a container of a real engine is restarted`() = onEach { address, project, root ->
        val lab = Lab.load(root.toString())
        folder { state ->
            val world = World.connect(lab).withState(state.toString())
            val missing = lab.drift(world.observe(lab)).differences().single { it.project == project }
            assertEquals("missing" to "site", missing.kind to missing.service)
            run(address, project)
            val before = world.observe(lab)
            val own = lab.running(before).containers().single { it.project == project }
            assertEquals(listOf("running", "name", "host"), listOf(own.state, own.placedBy, own.reach.toString().lowercase()))
            val said = world.engines().logs(lab, project, before, LogQuery(follow = true)).flow().first()
            assertEquals(listOf("$project/site | ready", "stdout"), listOf(said.line, said.output))
            val all = world.engines().logs(lab, "$project/site", before, LogQuery(tail = 5uL)).flow().toList()
            assertEquals(listOf("ready"), all.map { it.text })
            assertFailsWith<HomelabException.NotFound> { world.engines().logs(lab, "nothing", before, LogQuery()) }
            val plan = lab.planRestart("$project/site", before)
            assertEquals(listOf("nas:$project-site-1"), plan.steps().map { it.target })
            val outcome = plan.apply(world).use { it.outcome() }
            assertEquals("complete", outcome.status())
            val after = lab.running(world.observe(lab)).containers().single { it.project == project }
            assertTrue(after.started!! > own.started!!, "${after.started} is after ${own.started}")
            lab.planStop(project, world.observe(lab)).apply(world).use { it.outcome() }
            val start = lab.planStart("*", world.observe(lab))
            assertEquals(1, start.steps().size)
            assertFailsWith<HomelabException.NotFound> { lab.planStart("nothing", before) }
            val adopted = Lab.adopt("home", before.inventory()!!)
            assertTrue(adopted.services().any { project in it })
        }
    }

    @Test
    fun `an engine that is not there is a fact`() = runBlocking {
        folder("web/compose.yaml" to COMPOSE, "instance.toml" to "[hosts.nas]\nengine = 'unix:///homelab/none'\n") { root ->
            val lab = Lab.load(root.toString())
            val world = World.connect(lab)
            assertNull(world.withoutEngines().observe(lab).inventory())
            assertEquals(emptyList(), world.withoutEngines().engines().hosts())
            val offline = lab.drift(Observed.none(NOON))
            assertEquals(3u to 0, offline.exitCode().toUInt() to offline.differences().size)
            if ("docker" !in capabilities()) return@folder
            assertEquals(listOf("nas"), world.engines().hosts())
            val seen = Observed.none(NOON).withInventory(world.engines().withLimit(Duration.ofSeconds(2)).inventory())
            val drift = lab.drift(seen)
            assertFalse(drift.isComplete())
            assertEquals(listOf("nas" to false), drift.hosts().map { it.host to it.seen })
            assertEquals("engine", drift.hosts().single().gaps.first().part)
            assertTrue("not seen" in drift.toString(), drift.toString())
            assertTrue("not seen" in lab.running(seen).toString())
            val changes = world.engines().watch()
            assertEquals("full", changes.flow().first().kind)
            assertFailsWith<HomelabException.Unreachable> { lab.planStop("web", seen) }
        }
    }
}
