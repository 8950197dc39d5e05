package homelab

import kotlinx.coroutines.runBlocking
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertTrue

private const val POLICY = """{
    "tagOwners": {"tag:nas": ["autogroup:admin"]},
    "acls": [{"action": "accept", "src": ["autogroup:member"], "dst": ["tag:nas:443"]}],
    "tests": [{"src": "alice@example.com", "accept": ["tag:nas:443"]}],
}"""
private const val DEVICES = """{"devices": [
    {"hostname": "nas", "addresses": ["100.64.0.2"], "user": "alice@example.com", "tags": ["tag:nas"]},
    {"hostname": "phone", "addresses": ["100.64.0.1"], "user": "alice@example.com"}
]}"""

class TailnetTest {
    @Test
    fun `a policy is in force over devices`() = runBlocking<Unit> {
        folder("policy.d/policy.hujson" to POLICY, "policy.d/devices.json" to DEVICES) { root ->
            val file = { name: String -> root.resolve("policy.d").resolve(name).toString() }
            val loaded = Tailnet.load(file("policy.hujson"), file("devices.json"))
            for (tailnet in listOf(loaded, Tailnet.fromTexts(POLICY, DEVICES), loaded.withHttps(true))) {
                assertEquals(mapOf("nas" to listOf("phone"), "phone" to listOf("nas")), tailnet.peers())
                assertContains(tailnet.toJson("filter"), "\"SrcIPs\":[\"100.64.0.1\"]")
                assertTrue(tailnet.check().accepted)
            }
            assertFailsWith<HomelabException.NotFound> { loaded.toJson("weather") }
            assertFailsWith<HomelabException.NotFound> { Tailnet.load("/nonexistent", file("devices.json")) }
        }
    }

    @Test
    fun `a policy is judged`() = runBlocking<Unit> {
        assertTrue(judgePolicy(POLICY, DEVICES).accepted)
        val failing = judgePolicy(POLICY.replace("\"accept\": [\"tag:nas:443\"]", "\"accept\": [\"tag:nas:22\"]"), DEVICES)
        assertFalse(failing.accepted)
        assertEquals("tests", failing.failures.single().section)
        assertEquals(4u, failing.failures.single().place.line)
        assertFalse(judgePolicy("{ nonsense", DEVICES).accepted)
        assertFailsWith<HomelabException.Invalid> { judgePolicy(POLICY, "[]") }
    }

    @Test
    fun `who reaches what, by which rule, and why not`() = runBlocking<Unit> {
        val tailnet = Tailnet.fromTexts(POLICY, DEVICES)
        val who = tailnet.whoCanReach("nas:443")
        assertEquals("alice@example.com", who.people.single().login)
        assertEquals(listOf("phone"), who.people.single().devices)
        assertEquals(listOf(ByView(0u, "autogroup:member")), who.people.single().by)
        assertEquals(3u, who.rules.single().place?.line)
        assertContains(tailnet.whoCanReachText("nas:443"), "as autogroup:member by policy.hujson:3:")

        assertEquals(listOf("nas"), tailnet.reachableFrom("phone").reachable.map { it.device })
        assertContains(tailnet.reachableFromText("phone"), "nas (100.64.0.2)")

        assertTrue(tailnet.explain("phone", "nas:443").allowed == true)
        val refused = tailnet.explain("alice@example.com", "nas:22")
        assertEquals(false, refused.allowed)
        assertEquals("port", refused.misses.first().kind)
        assertContains(tailnet.explainText("alice@example.com", "nas:22"), "443")

        val newer = POLICY.replace("\"dst\": [\"tag:nas:443\"]", "\"dst\": [\"tag:nas:22\"]")
        val change = tailnet.diff(newer)
        assertEquals(listOf("nas"), change.gained.single().to)
        assertEquals(listOf("nas"), change.lost.single().to)
        assertContains(tailnet.diffText(newer), "22")
        assertFailsWith<HomelabException.NotFound> { tailnet.whoCanReach("nowhere:1") }
        assertFailsWith<HomelabException.Invalid> { tailnet.diff("{ nonsense") }
    }

    @Test
    fun `who reaches a service of a lab`() = runBlocking<Unit> {
        val settings = """
            [hosts.nas]
            addresses = ["100.64.0.2"]
            [projects.photos]
            hosts = ["nas"]
            [tailnet]
            policy = "policy.hujson"
            [[tailnet.devices]]
            name = "nas"
            addresses = ["100.64.0.2"]
            tags = ["tag:nas"]
            [[tailnet.devices]]
            name = "phone"
            addresses = ["100.64.0.1"]
            user = "alice@example.com"
            [people.alice]
            login = "alice@example.com"
        """.trimIndent()
        val compose = """
            services:
              server: { image: photos, ports: ["100.64.0.2:443:2283"] }
              database: { image: postgres, ports: ["100.64.0.2:5432:5432"] }
        """.trimIndent()
        val texts = mapOf("instance.toml" to settings, "policy.hujson" to POLICY, "photos/compose.yaml" to compose)
        val lab = Lab.fromTexts("home", texts)

        val reach = lab.whoCanReach("photos/server")
        assertEquals("nas:photos/server", reach.service)
        assertEquals(Reach.TAILNET, reach.reach)
        val answer = reach.ways.single().answers.single()
        assertEquals("100.64.0.2:443/tcp", answer.target)
        assertEquals("alice@example.com", answer.people.single().login)
        assertContains(lab.whoCanReachText("photos/server"), "as autogroup:member by policy.hujson:3:")
        assertTrue(lab.whoCanReach("database").ways.single().answers.single().people.isEmpty())

        val reachable = ReachableServiceView("nas:photos/server", listOf("100.64.0.2:443/tcp"), emptyList())
        assertEquals(listOf(reachable), lab.reachableFrom("phone").services)
        assertContains(lab.reachableFromText("phone"), "nas:photos/server")
        assertTrue(lab.reachableFrom("nas").services.isEmpty())
        assertFailsWith<HomelabException.NotFound> { lab.reachableFrom("carl@example.com") }

        val tailnet = lab.tailnet()
        assertEquals("alice@example.com", tailnet.whoCanReach("nas:443").people.single().login)
        assertFalse(tailnet.explain("phone", "nas:5432").allowed == true)
        val bare = Lab.fromTexts("home", mapOf("photos/compose.yaml" to compose))
        assertFailsWith<HomelabException.NotFound> { bare.tailnet() }
        assertFailsWith<HomelabException.NotFound> { bare.whoCanReach("photos/server") }
    }

    @Test
    fun `a key that is expired lets nobody in`() = runBlocking<Unit> {
        val devices = DEVICES.replace("\"100.64.0.1\"],", "\"100.64.0.1\"], \"expires\": \"2027-01-31T00:00:00Z\",")
        val tailnet = Tailnet.fromTexts(POLICY, devices)
        assertTrue(tailnet.at("2027-01-01T00:00:00Z").explain("phone", "nas:443").allowed == true)
        assertFalse(tailnet.at("2027-03-01T00:00:00Z").explain("phone", "nas:443").allowed == true)
        assertFailsWith<HomelabException.Invalid> { tailnet.at("soon") }
    }

    @Test
    fun `a policy in a file is judged`() = runBlocking<Unit> {
        folder("policy.d/policy.hujson" to POLICY, "policy.d/devices.json" to DEVICES) { root ->
            val file = { name: String -> root.resolve("policy.d").resolve(name).toString() }
            assertTrue(judgePolicyFiles(file("policy.hujson"), file("devices.json")).accepted)
            assertFalse(judgePolicyFiles(file("devices.json"), file("devices.json")).accepted)
            assertFailsWith<HomelabException.NotFound> { judgePolicyFiles(file("none"), file("devices.json")) }
        }
    }
}
