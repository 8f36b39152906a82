// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "flashfuse",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "flashfuse", targets: ["flashfuse"]),
    .library(
      name: "FlashFuse", targets: ["Tensors", "GraphIR", "Operations", "Rewriting", "Fusion", "Formats", "Runtime"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
  ],
  targets: [
    .systemLibrary(name: "CLibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
    .systemLibrary(name: "CLibZip", pkgConfig: "libzip", providers: [.apt(["libzip-dev"])]),
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),

    .target(name: "Tensors", dependencies: ["CLibZip"]),
    .target(name: "GraphIR", dependencies: ["Tensors"]),
    .target(name: "Operations", dependencies: ["GraphIR"]),
    .target(name: "Rewriting", dependencies: ["GraphIR", .product(name: "Logging", package: "swift-log")]),
    .target(
      name: "Fusion",
      dependencies: ["Rewriting", "Operations", .product(name: "OrderedCollections", package: "swift-collections")]),
    .target(
      name: "Formats",
      dependencies: [
        "GraphIR", "Operations", "CLibXML2",
        .product(name: "OrderedCollections", package: "swift-collections"),
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      exclude: ["ONNX/Protobuf/onnx.proto"]),
    .systemLibrary(name: "CKernelIntrinsics"),
    .target(name: "KernelInterface"),
    .target(name: "KernelsPortable", dependencies: ["KernelInterface", "CKernelIntrinsics"]),
    .target(name: "Kernels", dependencies: ["KernelInterface", "KernelsPortable", "CKernelIntrinsics"]),
    .target(name: "Runtime", dependencies: ["Operations", "Kernels", "KernelInterface", "COpenBLAS"]),
    // Its other files become part of the program through #embed.
    .target(
      name: "CReportResources",
      exclude: [
        "dagre", "details.js", "format.js", "graph.css", "graph.js", "layout.js", "page.css", "page.html", "page.js",
        "search.js", "straighten.js", "summary.js", "timeline.js",
      ]),
    .target(name: "Reporting", dependencies: ["Runtime", "Rewriting", "CReportResources"]),
    .executableTarget(
      name: "flashfuse",
      dependencies: [
        "Fusion", "Formats", "Reporting", "Runtime",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]),

    .target(name: "TestSupport", dependencies: ["Fusion", "Formats", "Runtime"], path: "Tests/TestSupport"),
    .testTarget(name: "TensorsTests", dependencies: ["Tensors", "TestSupport"]),
    .testTarget(name: "GraphIRTests", dependencies: ["GraphIR", "TestSupport"]),
    .testTarget(name: "OperationsTests", dependencies: ["Operations", "TestSupport"]),
    .testTarget(name: "FusionTests", dependencies: ["Fusion", "TestSupport"]),
    .testTarget(name: "FormatsTests", dependencies: ["Formats", "TestSupport"]),
    .testTarget(name: "KernelsTests", dependencies: ["Kernels", "KernelInterface", "KernelsPortable"]),
    .testTarget(name: "RuntimeTests", dependencies: ["Runtime", "TestSupport"]),
    .testTarget(name: "ReportingTests", dependencies: ["Reporting", "TestSupport"]),
    .testTarget(name: "CommandTests", dependencies: ["flashfuse", "TestSupport", "Tensors"]),
  ],
  swiftLanguageModes: [.v6]
)

// The kernels are compiled once per instruction set from the same sources, and chosen when the program starts.
#if arch(x86_64)
  let instructionSets = [
    (target: "KernelsAVX2", flags: ["-Xcc", "-march=x86-64-v3"]),
    (target: "KernelsAVX512", flags: ["-Xcc", "-march=x86-64-v4", "-Xcc", "-mavx512bf16"]),
  ]
  for (name, flags) in instructionSets {
    package.targets.append(
      .target(
        name: name, dependencies: ["KernelInterface", "CKernelIntrinsics"],
        swiftSettings: [.unsafeFlags(flags, .when(configuration: .release))]))
    package.targets.first { $0.name == "Kernels" }?.dependencies.append(.target(name: name))
  }
#endif

for target in package.targets where target.type != .system {
  target.swiftSettings = (target.swiftSettings ?? []) + [.enableUpcomingFeature("ExistentialAny")]
}

// `Scripts/test-instruction-sets` needs nothing else, and an optimised build of everything takes long.
if Context.environment["FLASHFUSE_KERNELS_ONLY"] != nil {
  package.targets.removeAll { !$0.name.contains("Kernel") }
  package.products = []
}
