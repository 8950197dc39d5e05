package homelab

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
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
    private fun onEach(block: suspend CoroutineScope.(address: String, project: String, root: Path) -> Unit) {
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
    fun `one container of a real engine is looked at and acted on`() = onEach { address, project, root ->
        val name = "$project-site-1"
        val world = World.connect(Lab.load(root.toString()))
        run(address, project)
        assertFailsWith<HomelabException.NotFound> { world.engines().engine("mars") }
        val nas = world.engines().engine("nas")
        assertTrue(nas.info().kind in listOf("docker", "podman"))
        assertTrue(name in nas.containers().map { it.name })
        assertEquals("running" to "no", nas.container(name).let { it.state to it.restart })
        assertTrue(nas.images().any { image -> image.tags.any { IMAGE in it } })
        assertTrue(nas.networks().isNotEmpty())
        assertTrue(nas.volumes(sizes = true).all { it.size != null })
        assertEquals("_/$name | ready", nas.logs(name, LogQuery(follow = true)).flow().first().line)
        assertTrue(nas.stats(name).flow().first().memoryLimit > 0uL)
        assertTrue(nas.top(name).any { "sleep" in it.command })
        nas.pause(name)
        assertEquals("paused", nas.container(name).state)
        assertFailsWith<HomelabException.Conflict> { nas.pause(name) }
        nas.unpause(name)

        val request = ExecRequest(listOf("sh", "-c", "cat; echo wrong >&2; exit 7"), input = Pieces.whole("given".toByteArray()))
        val items = nas.exec(name, request).flow().toList()
        val out = items.filterIsInstance<ExecItem.Stdout>().joinToString("") { String(it.v1) }
        val error = items.filterIsInstance<ExecItem.Stderr>().joinToString("") { String(it.v1) }
        assertEquals(listOf("given", "wrong\n", 7L), listOf(out, error, (items.last() as ExecItem.Exit).v1))
        // They are used up.
        assertFailsWith<HomelabException.Conflict> { nas.exec(name, request) }
        val given = Pieces()
        val giving = async {
            for (number in 1..100) given.give("$number ".toByteArray())
            given.end()
        }
        val said = nas.run(name, ExecRequest(listOf("cat"), input = given))
        giving.await()
        assertEquals((1..100).joinToString("") { "$it " } to 0L, String(said.stdout) to said.code)
        assertFailsWith<HomelabException.Conflict> { given.give(byteArrayOf(1)) }

        nas.writeFile(name, "/data/file", "content".toByteArray())
        assertEquals("content", String(nas.readFile(name, "/data/file")))
        assertFailsWith<HomelabException.NotFound> { nas.readFile(name, "/data/none") }
        val archive = nas.copyOut(name, "/data/file").flow().toList().fold(ByteArray(0)) { all, piece -> all + piece }
        nas.copyIn(name, "/tmp", Pieces.whole(archive))
        assertEquals("content", String(nas.run(name, ExecRequest(listOf("cat", "/tmp/file"))).stdout))
        // Somebody who forgets to say that these were all: nothing is taken for whole.
        val half = Pieces()
        val unpacking = async(start = CoroutineStart.UNDISPATCHED) { runCatching { nas.copyIn(name, "/tmp", half) } }
        half.give(archive.copyOf(512))
        half.close()
        val cut = unpacking.await().exceptionOrNull()
        assertTrue(cut is HomelabException.Cancelled, "$cut")

        val before = nas.container(name).started!!
        nas.restart(name, Duration.ofSeconds(1))
        assertTrue(nas.container(name).started!! > before)
        val since = nas.info().clock!!
        nas.kill(name)
        val died = nas.events(since).flow().first { it.action == "died" && it.name == name }
        assertEquals(137L, died.exitCode)
        assertFailsWith<HomelabException.Conflict> { nas.kill(name) }
        nas.start(name)
        nas.stop(name, Duration.ofSeconds(1))
        assertEquals("exited", nas.container(name).state)
        nas.remove(name)
        assertFailsWith<HomelabException.NotFound> { nas.container(name) }
        assertFailsWith<HomelabException.Invalid> { nas.start("../$name") }
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
