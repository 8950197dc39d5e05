package homelab

import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assumptions.assumeTrue
import java.nio.file.Path
import kotlin.io.path.createDirectories
import kotlin.io.path.readText
import kotlin.io.path.writeText
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNull
import kotlin.test.assertTrue

class BackupTest {
    /** A lab with data, and a repository for it, all below one folder. */
    private fun settings(root: Path): Pair<Lab, World> = runBlocking {
        root.resolve("data").createDirectories()
        root.resolve("data/a.txt").writeText("a")
        root.resolve("key").writeText("canary of Kotlin")
        val folder = root.resolve("lab").createDirectories()
        folder.resolve("lab.toml").writeText("[datasets.data]\nclass = 'irreplaceable'\npaths = ['$root/data']\n")
        folder.resolve("instance.toml").writeText(
            "[repositories.usb]\nkind = 'restic'\nlocation = '$root/copies'\npassword = 'file:$root/key'\n",
        )
        val lab = Lab.load(folder.toString())
        lab to World.connect(lab).withoutEngines().withState(root.resolve("state").toString())
    }

    @Test
    fun `data is copied, checked, drilled, restored and pruned`() = folder { root ->
        val (lab, world) = settings(root)
        assumeTrue("rustic" in capabilities(), "this build of the library works on no repositories")
        runBlocking {
            val nothing = world.observe(lab)
            val before = nothing.backups()!!.single()
            assertEquals("usb" to "not_initialised", before.repository to before.gap)
            assertNull(before.snapshots)
            assertFailsWith<HomelabException.NotInitialised> {
                lab.planBackup("data", nothing).apply(world).use { it.outcome() }
            }
            lab.planMakeRepository("usb", nothing).apply(world).use { it.outcome() }
            val plan = lab.planBackup("*", world.observe(lab))
            assertEquals(listOf("backup_run"), plan.steps().map { it.kind })
            assertTrue("copy `data`" in plan.toText())
            plan.apply(world).use { operation ->
                val events = operation.events().flow().toList()
                assertEquals("started" to "finished", events.first().kind to events.last().kind)
                assertEquals("complete", operation.outcome().status())
            }
            lab.planCheck("usb", world.observe(lab), depth = "all").apply(world).use { it.outcome() }
            lab.planDrill("data", world.observe(lab), repository = "usb").apply(world).use { it.outcome() }
            val back = root.resolve("back")
            lab.planRestore("data", back.toString(), world.observe(lab)).apply(world).use { it.outcome() }
            assertEquals("a", back.resolve("$root/data/a.txt".trimStart('/')).readText())
            lab.planPrune("data", world.observe(lab), keep = "last=1").apply(world).use { it.outcome() }

            val held = world.observe(lab).backups()!!.single()
            assertEquals("all data" to true, held.check!!.depth to held.check!!.passed)
            assertTrue(held.drills.single().let { it.passed && it.dataset == "data" }, held.drills.toString())
            val repositories = world.repositories()
            assertEquals(listOf("usb"), repositories.names())
            val snapshot = repositories.snapshots("usb").single()
            assertEquals("complete", snapshot.completeness)
            val files = repositories.browse("usb", snapshot.id).filter { it.kind == "file" }
            assertEquals(listOf("$root/data/a.txt" to 1uL), files.map { it.path to it.size })
            val verdict = lab.survival(world.observe(lab)).view().datasets.single { it.dataset == "data" }
            assertEquals(true, verdict.held.single().lastDrillPassed)
            assertFalse("canary" in root.resolve("state/backups.jsonl").readText())
        }
    }

    @Test
    fun `what cannot be planned says why, in every build`() = folder { root ->
        val (lab, world) = settings(root)
        runBlocking {
            val blind = world.withoutRepositories().observe(lab)
            assertNull(blind.backups())
            assertFailsWith<HomelabException.Unsupported> { lab.planBackup("data", blind) }
            assertFailsWith<HomelabException.Unsupported> { lab.planDrill("data", blind) }
            assertFailsWith<HomelabException.Invalid> { lab.planCheck("usb", blind, depth = "deep") }
            assertFailsWith<HomelabException.Invalid> { lab.planPrune("data", blind, keep = "last=0") }
            assertFailsWith<HomelabException.Invalid> { lab.planRestore("data", "back", blind) }
            assertFailsWith<HomelabException.NotFound> { world.repositories().snapshots("none") }
            val kinds = when ("rustic" in capabilities()) {
                true -> assertFailsWith<HomelabException.NotInitialised> { world.repositories().snapshots("usb") }
                false -> assertFailsWith<HomelabException.Unsupported> { world.repositories().snapshots("usb") }
            }
            assertTrue("usb" in kinds.message!!)
        }
    }
}
