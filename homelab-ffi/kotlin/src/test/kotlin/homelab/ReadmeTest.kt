package homelab

import kotlinx.coroutines.runBlocking
import java.nio.file.Path
import kotlin.io.path.exists
import kotlin.io.path.readText
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertNotNull
import kotlin.test.assertTrue

/** The program of the README, line by line: the other test holds the two against each other. */
class ReadmeTest {
    private fun program(folder: Path, state: Path): String = runBlocking {
        val said = StringBuilder()
        val println = { text: Any -> said.appendLine(text) }

        val lab = Lab.load(folder.toString())
        println(lab.posture().reach.internet)
        lab.exposures().forEach { println("${it.project}/${it.name}: ${it.reach}") }
        println(lab.audit().toText())

        val world = World.connect(lab).withState(state.toString())
        val plan = lab.planInit(world.observe(lab))
        println(plan.toText())
        val operation = plan.apply(world)
        operation.flow().collect { println(it.text) }
        operation.outcome().complete()
        said.toString()
    }

    @Test
    fun `the program of the README runs`() {
        folder("web/compose.yaml" to COMPOSE) { root ->
            folder { state ->
                assertContains(program(root, state), "web/web: LAN")
                assertTrue(root.resolve("lab.toml").exists())
            }
        }
    }

    @Test
    fun `it is the program of the README`() {
        val repository = Path.of(System.getProperty("homelab.repository"))
        val readme = repository.resolve("homelab-ffi/README.md").readText()
        val block = assertNotNull(Regex("```kotlin\n(.*?)```", RegexOption.DOT_MATCHES_ALL).find(readme)).groupValues[1]
        val here = repository.resolve("homelab-ffi/kotlin/src/test/kotlin/homelab/ReadmeTest.kt").readText()
        val lines = here.substringAfter("said.appendLine").lines().map { it.trim() }
        for (line in block.lines().map { it.substringBefore("//").trim() }.filter { it.isNotEmpty() }) {
            val same = line.replace("Lab.load(\"/srv/lab\")", "Lab.load(folder.toString())")
            assertTrue(lines.any { it.startsWith(same) }, "`$line` is in the README alone")
        }
    }
}
