// swift-tools-version: 5.9
import Foundation
import PackageDescription

// On Linux the library is found by the linker: swift test -Xlinker -L../../target/debug. On Apple's systems it is the
// XCFramework that ./xcframework makes.
#if os(Linux)
let library: Target = .systemLibrary(name: "homelab_ffiFFI", path: "Sources/homelab_ffiFFI")
let settings: [LinkerSetting] = [.linkedLibrary("homelab_ffi")]
#else
let library: Target = .binaryTarget(name: "homelab_ffiFFI", path: "homelab_ffiFFI.xcframework")
let settings: [LinkerSetting] = []
#endif

let package = Package(
    name: "Homelab",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "Homelab", targets: ["Homelab"])],
    targets: [
        library,
        .target(name: "Homelab", dependencies: ["homelab_ffiFFI"], linkerSettings: settings),
        .testTarget(name: "HomelabTests", dependencies: ["Homelab"]),
    ]
)
