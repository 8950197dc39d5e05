package homelab

import com.sun.net.httpserver.HttpServer
import kotlinx.coroutines.runBlocking
import java.net.InetAddress
import java.net.InetSocketAddress
import java.time.Duration
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

private val ANSWERS = mapOf(
    "/api/v1/policy" to """{"policy": "{\"acls\": [{\"action\": \"accept\", \"src\": [\"ann@\"], \"dst\": [\"ben@:443\"]}]}"}""",
    "/api/v1/node" to """{"nodes": [
        {"id": "1", "givenName": "slate", "ipAddresses": ["100.64.0.1"], "user": {"id": "1", "name": "ann"}},
        {"id": "2", "givenName": "desk", "ipAddresses": ["100.64.0.2"], "user": {"id": "2", "name": "ben"}}]}""",
    "/api/v1/user" to """{"users": [{"id": "1", "name": "ann"}, {"id": "2", "name": "ben"}]}""",
)

/** A server on this machine's loopback that answers whoever has the key. */
private inline fun serving(block: (String) -> Unit) {
    val server = HttpServer.create(InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0)
    server.createContext("/") { asked ->
        val known = asked.requestHeaders.getFirst("Authorization") == "Bearer made-up"
        val body = (if (known) ANSWERS.getValue(asked.requestURI.path) else "{\"message\": \"who?\"}").toByteArray()
        asked.sendResponseHeaders(if (known) 200 else 401, body.size.toLong())
        asked.responseBody.use { it.write(body) }
    }
    server.start()
    try {
        block("http://127.0.0.1:${server.address.port}")
    } finally {
        server.stop(0)
    }
}

class ControlTest {
    @Test
    fun `a control server is asked for its tailnet`() = runBlocking<Unit> {
        folder("keys/right" to "made-up\n", "keys/wrong" to "another\n") { root ->
            val key = "file:${root.resolve("keys/right")}"
            if ("tailnet-api" !in capabilities()) {
                assertFailsWith<HomelabException.Unsupported> { ControlApi.headscale("http://127.0.0.1:1", key) }
                assertFailsWith<HomelabException.Unsupported> { ControlApi.tailscale(key) }
                return@folder
            }
            serving { address ->
                val control = ControlApi.headscale("http://127.0.0.1:1", key).at(address).withLimit(Duration.ofSeconds(10))
                assertTrue(control.policy().startsWith("{\"acls\""))
                assertEquals(mapOf("slate" to listOf("desk"), "desk" to listOf("slate")), control.tailnet().peers())
                val wrong = ControlApi.headscale(address, "file:${root.resolve("keys/wrong")}")
                assertFailsWith<HomelabException.Unauthorised> { wrong.tailnet() }
                assertFailsWith<HomelabException.Invalid> { ControlApi.headscale(address, "made-up") }
            }
        }
    }
}
