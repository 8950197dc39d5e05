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
    fun `a policy is judged`() {
        assertTrue(judgePolicy(POLICY, DEVICES).accepted)
        val failing = judgePolicy(POLICY.replace("\"accept\": [\"tag:nas:443\"]", "\"accept\": [\"tag:nas:22\"]"), DEVICES)
        assertFalse(failing.accepted)
        assertEquals("tests", failing.failures.single().section)
        assertEquals(4u, failing.failures.single().place.line)
        assertFalse(judgePolicy("{ nonsense", DEVICES).accepted)
        assertFailsWith<HomelabException.Invalid> { judgePolicy(POLICY, "[]") }
    }
}
