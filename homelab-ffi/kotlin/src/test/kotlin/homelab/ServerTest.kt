package homelab

import kotlinx.coroutines.runBlocking
import java.net.ConnectException
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse.BodyHandlers
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse

private const val SETTINGS = """
[hosts.nas]
addresses = ["100.64.0.10"]
[projects.watch]
hosts = ["nas"]
[people.ann]
login = "ann@example.org"
[people.ben]
login = "ben@example.org"
[[tailnet.devices]]
name = "laptop"
addresses = ["100.64.0.1"]
user = "ann@example.org"
[[tailnet.devices]]
name = "phone"
addresses = ["100.64.0.2"]
user = "ben@example.org"
[[tailnet.devices]]
name = "nas"
addresses = ["100.64.0.10"]
tags = ["tag:nas"]
"""
private const val POLICY = """{"tagOwners": {"tag:nas": []}, "acls": [
    {"action": "accept", "src": ["ann@example.org"], "dst": ["tag:nas:3000"]}]}"""
private const val WATCH = "services: { grafana: { image: 'grafana/grafana:12', ports: ['100.64.0.10:3000:3000'] } }"

class ServerTest {
    private fun page(address: String, who: String?): Pair<Int, String> {
        val asked = HttpRequest.newBuilder(URI("http://$address/"))
        who?.let { asked.header("Tailscale-User-Login", it) }
        val answer = HttpClient.newHttpClient().send(asked.build(), BodyHandlers.ofString())
        return answer.statusCode() to answer.body()
    }

    @Test
    fun `each person is shown what they may reach, until the server is stopped`() = runBlocking<Unit> {
        val lab = Lab.fromTexts("home", mapOf("instance.toml" to SETTINGS, "policy.hujson" to POLICY, "watch/compose.yaml" to WATCH))
        val settings = ServeSettings(listen = "127.0.0.1:0", behindServe = true, ownDaemon = false)
        if ("serve" !in capabilities()) {
            assertFailsWith<HomelabException.Unsupported> { Server.start(lab, settings) }
            return@runBlocking
        }
        val server = Server.start(lab, settings)
        val address = server.address()
        assertContains(page(address, "ann@example.org").second, "Grafana")
        val (status, ben) = page(address, "ben@example.org")
        assertEquals(200, status)
        assertFalse("Grafana" in ben, ben)
        assertEquals(401, page(address, null).first)
        server.show(Lab.fromTexts("home", mapOf("instance.toml" to SETTINGS, "policy.hujson" to POLICY)))
        assertFalse("Grafana" in page(address, "ann@example.org").second)
        server.stop()
        assertFailsWith<ConnectException> { page(address, "ann@example.org") }
        server.close()
        assertFailsWith<IllegalStateException> { server.address() }
    }

    @Test
    fun `it listens where only the lab's own people come`() = runBlocking<Unit> {
        if ("serve" !in capabilities()) return@runBlocking
        assertFailsWith<HomelabException.Refused> { Server.start(small(), ServeSettings(listen = "0.0.0.0:0")) }
        assertFailsWith<HomelabException.Invalid> { Server.start(small(), ServeSettings(listen = "localhost")) }
        val open = ServeSettings(listen = "127.0.0.1:0", ownDaemon = false)
        Server.start(small(), open).use { server ->
            assertFailsWith<HomelabException.Conflict> { Server.start(small(), open.copy(listen = server.address())) }
        }
        val cancel = CancelToken().also { it.cancel() }
        assertFailsWith<HomelabException.Cancelled> { Server.start(small(), open, cancel = cancel) }
    }
}
