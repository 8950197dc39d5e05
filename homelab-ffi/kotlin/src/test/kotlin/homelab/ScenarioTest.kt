package homelab

import kotlinx.coroutines.runBlocking
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.name
import kotlin.io.path.readText
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

/** The sample lab is answered as in Rust, Python and Swift, to the byte. What is expected is made by Rust's own test. */
class ScenarioTest {
    private val expected = sample.resolve("../../tests/scenario").normalize()
    private val at = "2026-12-01T12:00:00Z"

    private suspend fun lab(): Lab = Lab.load(sample.toString())

    @Test
    fun `questions are answered with the same bytes in every language`() = runBlocking<Unit> {
        val questions = mapOf(
            "audit.json" to "report",
            "exposure.json" to "exposure service=immich/server",
            "posture.json" to "posture",
            "services.json" to "services",
        )
        assertEquals(questions.keys.sorted(), expected.listDirectoryEntries().map { it.name }.sorted())
        val (lab, seen) = lab() to Observed.none(at)
        for ((file, question) in questions) {
            assertEquals(expected.resolve(file).readText(), lab.answerJson(question, seen), file)
        }
    }

    @Test
    fun `a stored lab is opened offline with the same answers`() = runBlocking<Unit> {
        val stored = lab().use { it.toPrivateJson() }
        val lab = Lab.fromJson(stored)
        assertEquals(expected.resolve("audit.json").readText(), lab.audit(Observed.none(at)).toJson())
        val later = stored.replaceFirst("\"version\":1", "\"version\":2")
        assertContains(assertFailsWith<HomelabException.Unsupported> { Lab.fromJson(later) }.message, "version 2")
        assertFailsWith<HomelabException.Invalid> { Lab.fromJson("{}") }
    }

    @Test
    fun `the operations say what the questions do`() = runBlocking<Unit> {
        val (lab, seen) = lab() to Observed.none(at)
        assertEquals(expected.resolve("audit.json").readText(), lab.audit(seen).toJson())
        assertEquals(Answer.Report(lab.audit(seen).view()), lab.answer("report", seen))
        assertEquals(Answer.Exposure(lab.exposure("immich/server", seen)), lab.answer("exposure service=immich/server", seen))
        assertEquals(Answer.Posture(lab.posture(seen)), lab.answer("posture", seen))
        assertEquals(Answer.Services(lab.exposures(seen)), lab.answer("services", seen))
    }
}
