package homelab

import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import java.net.StandardProtocolFamily
import java.net.UnixDomainSocketAddress
import java.nio.ByteBuffer
import java.nio.channels.Channels
import java.nio.channels.ClosedChannelException
import java.nio.channels.ServerSocketChannel
import java.nio.channels.SocketChannel
import java.nio.file.Path
import java.time.Duration
import kotlin.concurrent.thread
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue

private const val STATUS = """{"BackendState": "Running", "MagicDNSSuffix": "tail-made-up.ts.net",
    "Self": {"HostName": "nas", "TailscaleIPs": ["100.64.0.2"], "Tags": ["tag:server"]},
    "Peer": {"key": {"HostName": "slate", "TailscaleIPs": ["100.64.0.1"], "UserID": 7, "Online": true}},
    "User": {"7": {"LoginName": "ann@example.org"}}}"""

private val DAEMON_ANSWERS = mapOf(
    "status" to STATUS,
    "prefs" to """{"ShieldsUp": true, "AdvertiseRoutes": ["192.0.2.0/24"]}""",
    "serve-config" to """{"TCP": {"2222": {"TCPForward": "127.0.0.1:22"}}}""",
    "debug-packet-filter-rules" to """[{"SrcIPs": ["*"]}]""",
    "whois?addr=100.64.0.1" to
        """{"Node": {"Name": "slate."}, "UserProfile": {"LoginName": "ann@example.org"},
            "CapMap": {"example.com/cap/photos": [{"may": "look"}]}}""",
)

private val NEWS = listOf("{\"State\": 6}\n", "{\"PeersChanged\": [{}]}\n", "{\"ErrMessage\": \"no network\"}\n")

private fun answer(peer: SocketChannel) = peer.use {
    val input = Channels.newInputStream(peer).bufferedReader()
    val asked = input.readLine()?.split(' ')?.get(1)?.removePrefix("/localapi/v0/") ?: return@use
    while (input.readLine()?.isNotEmpty() == true) Unit
    fun say(text: String) = peer.write(ByteBuffer.wrap(text.toByteArray()))
    if (asked.startsWith("watch-ipn-bus")) {
        say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for (line in NEWS) say("${line.length.toString(16)}\r\n$line\r\n")
        // Until the other side leaves.
        input.readLine()
    } else {
        val body = DAEMON_ANSWERS[asked]
        val status = if (body == null) "404 Not Found" else "200 OK"
        val text = body ?: "not found"
        say("HTTP/1.1 $status\r\nContent-Length: ${text.toByteArray().size}\r\n\r\n$text")
    }
}

/** A daemon of ours on a unix socket. */
private inline fun listening(socket: Path, block: () -> Unit) {
    val server = ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(socket))
    thread(isDaemon = true) {
        try {
            while (true) {
                val peer = server.accept()
                thread(isDaemon = true) { runCatching { answer(peer) } }
            }
        } catch (_: ClosedChannelException) {
        }
    }
    try {
        block()
    } finally {
        server.close()
    }
}

class LocalTest {
    @Test
    fun `this machine's daemon is asked, and told of changes`() = runBlocking<Unit> {
        folder("a" to "made up\n") { root ->
            val socket = root.resolve("sock")
            if ("local" !in capabilities()) {
                assertFailsWith<HomelabException.Unsupported> { LocalApi("$socket") }
                assertFailsWith<HomelabException.Unsupported> { findLocalApi() }
                return@folder
            }
            listening(socket) {
                val daemon = LocalApi("$socket").withLimit(Duration.ofSeconds(10))
                assertEquals("$socket", daemon.socket())
                val status = daemon.status()
                assertEquals("Running", status.state)
                assertEquals(listOf("nas" to null, "slate" to "ann@example.org"), status.devices.map { it.name to it.owner })
                val preferences = daemon.preferences()
                assertEquals(true, preferences.shieldsUp)
                assertNull(preferences.ssh)
                val served = daemon.serveConfig().single()
                assertEquals("forward" to "127.0.0.1:22", served.kind to served.target)
                assertEquals("""[{"SrcIPs":["*"]}]""", daemon.packetFilter())
                val node = daemon.node()
                assertEquals(status, node.status)
                assertEquals(listOf(served), node.serve)
                val ann = assertNotNull(daemon.whoIs("100.64.0.1"))
                assertEquals("ann@example.org", ann.login)
                assertEquals(listOf("""{"may":"look"}"""), ann.capabilities.single().values)
                assertNull(daemon.whoIsPeer("100.64.0.1:4711"))
                assertFailsWith<HomelabException.Invalid> { daemon.whoIs("slate") }
                val told = daemon.watch().flow().take(3).toList()
                assertEquals(listOf("state" to "Running", "changed" to null, "problem" to "no network"), told.map { it.kind to it.text })
                val notices = daemon.watch()
                repeat(3) { assertNotNull(notices.next()) }
                notices.finish()
                assertNull(notices.next())
            }
            assertFailsWith<HomelabException.Unreachable> { LocalApi("${root.resolve("nothing")}").watch() }
            val found = findLocalApi()
            assertTrue(found == null || found.socket().isNotEmpty())
        }
    }
}
