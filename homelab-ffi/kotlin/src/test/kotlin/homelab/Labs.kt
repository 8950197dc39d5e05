package homelab

import java.nio.file.Files
import java.nio.file.Path
import java.util.Comparator
import kotlin.io.path.createDirectories
import kotlin.io.path.writeText

const val COMPOSE = "services: { web: { image: 'nginx:1.27', ports: ['8080:80'] } }"
const val NOON = "2027-01-31T12:00:00Z"

/** The project's own sample lab. */
val sample: Path = Path.of(System.getProperty("homelab.repository"), "examples", "lab").normalize()

suspend fun small(): Lab = Lab.fromTexts("home", mapOf("web/compose.yaml" to COMPOSE))

/** A folder with these files, for as long as the block runs. */
inline fun <T> folder(vararg files: Pair<String, String>, block: (Path) -> T): T {
    val root = Files.createTempDirectory("homelab-kotlin")
    try {
        for ((name, text) in files) {
            root.resolve(name).parent.createDirectories()
            root.resolve(name).writeText(text)
        }
        return block(root)
    } finally {
        Files.walk(root).use { all -> all.sorted(Comparator.reverseOrder()).forEach(Files::delete) }
    }
}
