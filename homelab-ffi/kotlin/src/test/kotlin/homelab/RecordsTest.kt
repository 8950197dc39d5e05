package homelab

import kotlinx.coroutines.runBlocking
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNotEquals
import kotlin.test.assertNull
import kotlin.test.assertTrue

class RecordsTest {
    @Test
    fun `a service is a record with its reach, its paths and its place`() = runBlocking<Unit> {
        val service = small().exposure("web")
        assertEquals("web", service.project)
        assertEquals(Reach.LAN, service.reach)
        assertEquals("nginx:1.27", service.image)
        assertNull(service.host)
        assertEquals("published_port", service.paths.single().kind)
        assertEquals(PlaceView("web/compose.yaml", 1u, 13u), service.place)
    }

    @Test
    fun `records are equal when all their fields are`() = runBlocking<Unit> {
        val (one, two) = small().exposures() to small().exposures()
        assertEquals(one, two)
        assertEquals(one.hashCode(), two.hashCode())
        assertNotEquals(one.single(), one.single().copy(reach = Reach.INTERNET))
    }

    @Test
    fun `leaks are found by the values of another lab`() = runBlocking<Unit> {
        val seen = Observed.none(NOON)
        val shared = Lab.fromTexts("a", mapOf("w/compose.yaml" to "services: {w: {image: nginx, hostname: zephyr7}}"))
        val owner = Lab.fromTexts("home", mapOf("instance.toml" to "[hosts.zephyr7]\n"))
        assertTrue(shared.leaks(seen).findings().isEmpty())
        assertEquals(listOf("leak.known-value"), shared.leaksOf(listOf(owner), "", seen).findings().map { it.rule })
    }

    @Test
    fun `a report is records, and text in five forms`() = runBlocking<Unit> {
        val report = small().auditWith("+hardening", Observed.none(NOON))
        val view = report.view()
        assertEquals(NOON, view.at)
        assertTrue(view.findings.isNotEmpty())
        assertEquals(view.findings, report.findings())
        assertEquals(view.counts, report.counts())
        assertEquals(view.findings.size.toULong(), view.counts.run { error + warning + note })
        assertEquals(report.worst() != null, report.fails(Severity.NOTE))
        assertContains(report.toJson(), view.findings.first().fingerprint)
        assertContains(report.toHtml(), "<!doctype html>", ignoreCase = true)
        assertContains(report.toSarif(), "\"2.1.0\"")
        assertContains(report.toMarkdown(), view.findings.first().message)
        assertFalse(report.toText().contains('\u001b'))
        assertContains(report.toText(TextSettings(colour = true)), "\u001b")
        assertContains(report.toString(), "web")
    }

    @Test
    fun `settings have defaults, maps and lists cross`() = runBlocking<Unit> {
        val machine = Machine("nas", HostKind.TRUE_NAS, mapOf("eth0" to listOf("192.168.1.10/24")))
        val seen = Observed.none(NOON).withMachine(machine)
        assertEquals(machine, seen.machine())
        assertNull(Observed.none(NOON).machine())
        assertEquals(NOON, Observed.none().withAt(NOON).at())
        val plan = small().planInit(seen)
        val instance = plan.steps().first { it.target == "instance.toml" }
        assertContains(instance.content!!, "192.168.1.10")
        assertContains(instance.content!!, "truenas")
        assertEquals(plan.view().id, plan.id())
        assertContains(plan.toText(), "instance.toml")
    }

    @Test
    fun `the sample lab loads and says what runs`() = runBlocking<Unit> {
        Lab.load(sample.toString()).use { lab ->
            assertTrue(lab.diagnostics().isEmpty(), "${lab.diagnostics()}")
            assertContains(lab.manifest(), "lab.toml")
            assertEquals(lab.services().size, lab.exposures().size)
            assertEquals(lab.projects().map { it.name() }.toSet(), lab.exposures().map { it.project }.toSet())
            assertEquals("immich", lab.project("immich").name())
        }
    }

    @Test
    fun `what is known of the copies is a verdict for each dataset`() = runBlocking<Unit> {
        Lab.load(sample.toString()).use { lab ->
            val survival = lab.survival(Observed.none(NOON))
            val view = survival.view()
            assertEquals(NOON, survival.at())
            assertEquals(listOf(false, false), listOf(survival.wasAsked(), view.asked))
            assertTrue(view.datasets.isNotEmpty() && view.losses.size == 6, "$view")
            assertTrue(survival.exitCode() != 0.toUByte())
            assertContains(survival.toJson(), view.datasets.first().dataset)
            assertContains("$survival", view.datasets.first().dataset)
        }
    }

    @Test
    fun `the posture is one record, and the answer to a question`() = runBlocking<Unit> {
        val (lab, seen) = small() to Observed.none(NOON)
        val posture = lab.posture(seen)
        assertEquals(1uL, posture.services)
        assertEquals(1uL, posture.reach.lan)
        assertEquals(Answer.Posture(posture), lab.answer("posture", seen))
        assertContains(lab.answerJson("posture", seen), "\"lan\": 1")
        val files = lab.answer("files")
        assertTrue(files is Answer.Files && files.v1.single().path == "web/compose.yaml", "$files")
        assertFailsWith<HomelabException.Invalid> { lab.answer("weather") }
    }

    @Test
    fun `every rule says why it is one`() {
        val rules = rules()
        assertEquals(rules.size, rules.map { it.id }.toSet().size)
        val privileged = rules.single { it.id == "service.privileged" }
        assertEquals("identity-fits-audience", privileged.principle)
        assertContains(privileged.page, privileged.fix)
    }

    @Test
    fun `a build says what it can do`() = runBlocking<Unit> {
        assertEquals("0.1.0", version())
        val expected = System.getProperty("homelab.capabilities").split(',').filter { it.isNotEmpty() }
        assertEquals(expected, capabilities())
        for (part in listOf("docker", "history", "local", "serve", "ssh", "tailnet-api", "tailnet-api-rustls", "tls", "tools")) {
            if (part in expected) {
                requireCapability(part)
            } else {
                assertContains(assertFailsWith<HomelabException.Unsupported> { requireCapability(part) }.message, part)
            }
        }
        assertFailsWith<HomelabException.Invalid> { requireCapability("teleport") }
    }

    @Test
    fun `what a file declares is a record`() = runBlocking<Unit> {
        val web = small().project("web").declarations().single()
        assertEquals("nginx:1.27", web.image)
        assertEquals(listOf(PortView(null, 8080u, null, 80u, "tcp")), web.ports)
        assertEquals(PlaceView("web/compose.yaml", 1u, 13u), web.place)
    }

    @Test
    fun `what a build cannot look at is absent in what was seen, not good`() = runBlocking<Unit> {
        val lab = Lab.load(sample.toString())
        val seen = World.connect(lab).observe(lab)
        val looked = lab.posture(seen).seen.associate { it.part to (it.at != null) }
        assertEquals("tools" in capabilities(), looked["worktree"])
    }
}
