// swift-tools-version: 6.2

import PackageDescription

/// Every Swift target is checked for memory safety: an unmarked unsafe use does not compile.
let checked: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

let package = Package(
  name: "swift-mla",
  products: [
    .library(name: "LatentAttention", targets: ["LatentAttention"]),
    .library(name: "CPUEngine", targets: ["CPUEngine"]),
    .library(name: "PTX", targets: ["PTX"]),
    .library(name: "ExampleKernels", targets: ["ExampleKernels"]),
    .library(name: "HopperKernels", targets: ["HopperKernels"]),
    .library(name: "HopperEngine", targets: ["HopperEngine"]),
    .library(name: "AssemblerTools", targets: ["AssemblerTools"]),
    .library(name: "GPUDevice", targets: ["GPUDevice"]),
    .library(name: "GPUDeviceConformance", targets: ["GPUDeviceConformance"]),
    .library(name: "HopperSimulator", targets: ["HopperSimulator"]),
    .library(name: "Workloads", targets: ["Workloads"]),
    .library(name: "LatentAttentionC", type: .dynamic, targets: ["LatentAttentionC"]),
    .executable(name: "mla", targets: ["mla"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .target(name: "LatentAttention", swiftSettings: checked),
    .target(name: "CPUMicrokernels"),
    .target(name: "SpinHint"),
    .target(name: "WorkerThreads", dependencies: ["SpinHint"], swiftSettings: checked),
    .target(
      name: "CPUEngine", dependencies: ["LatentAttention", "CPUMicrokernels", "WorkerThreads"],
      swiftSettings: checked),
    .target(name: "PTX", swiftSettings: checked),
    .target(name: "ExampleKernels", dependencies: ["PTX"], swiftSettings: checked),
    .target(name: "HopperKernels", dependencies: ["PTX"], swiftSettings: checked),
    .target(
      name: "HopperEngine", dependencies: ["LatentAttention", "HopperKernels", "GPUDevice", "PTX"],
      swiftSettings: checked),
    .target(name: "CUDADriver", linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux]))]),
    .target(name: "GPUDevice", dependencies: ["CUDADriver"], swiftSettings: checked),
    .target(name: "GPUDeviceConformance", dependencies: ["GPUDevice"], swiftSettings: checked),
    .target(name: "SimulatorKernels"),
    .target(
      name: "HopperSimulator", dependencies: ["PTX", "GPUDevice", "SimulatorKernels", "WorkerThreads"],
      swiftSettings: checked),
    .target(name: "AssemblerTools", swiftSettings: checked),
    .target(name: "Workloads", dependencies: ["LatentAttention"], swiftSettings: checked),
    .target(name: "Reports", dependencies: ["LatentAttention"], swiftSettings: checked),
    .target(name: "LatentAttentionHeader"),
    .target(
      name: "LatentAttentionC",
      dependencies: [
        "LatentAttentionHeader", "LatentAttention", "CPUEngine", "GPUDevice", "HopperEngine",
        "HopperSimulator",
      ],
      swiftSettings: checked),
    .executableTarget(
      name: "gpu-check", dependencies: ["GPUDevice", "GPUDeviceConformance", "HopperSimulator"],
      swiftSettings: checked),
    .executableTarget(
      name: "mla",
      dependencies: [
        "LatentAttention", "CPUEngine", "Workloads", "Reports", "PTX", "HopperKernels", "AssemblerTools",
        "GPUDevice", "HopperEngine", "HopperSimulator",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .target(
      name: "TestSupport", dependencies: ["LatentAttention"], path: "Tests/Support", swiftSettings: checked),
    .testTarget(
      name: "LatentAttentionTests", dependencies: ["LatentAttention", "TestSupport"],
      swiftSettings: checked),
    .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
    .testTarget(
      name: "CPUEngineTests",
      dependencies: ["CPUEngine", "CPUMicrokernels", "TestSupport", "AllocationCounter"],
      swiftSettings: checked),
    .testTarget(
      name: "WorkerThreadsTests", dependencies: ["WorkerThreads"], swiftSettings: checked),
    .testTarget(name: "WorkloadsTests", dependencies: ["Workloads"], swiftSettings: checked),
    .testTarget(
      name: "ReportsTests", dependencies: ["Reports", "LatentAttention"], swiftSettings: checked),
    .target(
      name: "AssemblerSupport", dependencies: ["AssemblerTools"], path: "Tests/AssemblerSupport",
      swiftSettings: checked),
    .testTarget(
      name: "AssemblerToolsTests", dependencies: ["AssemblerTools", "AssemblerSupport"],
      swiftSettings: checked),
    .testTarget(
      name: "PTXTests",
      dependencies: [
        "PTX", "ExampleKernels", "LatentAttention", "AssemblerTools", "AssemblerSupport", "TestSupport",
      ],
      exclude: ["Fixtures"], swiftSettings: checked),
    .testTarget(
      name: "HopperKernelsTests",
      dependencies: ["HopperKernels", "PTX", "AssemblerTools", "AssemblerSupport"], swiftSettings: checked),
    .testTarget(
      name: "HopperEngineTests",
      dependencies: ["HopperEngine", "HopperSimulator", "GPUDevice", "LatentAttention", "TestSupport"],
      swiftSettings: checked),
    .target(
      name: "FakeDriverSupport", dependencies: ["GPUDevice"], path: "Tests/FakeDriverSupport",
      exclude: ["Driver"], swiftSettings: checked),
    .testTarget(
      name: "GPUDeviceTests",
      dependencies: [
        "GPUDevice", "GPUDeviceConformance", "PTX", "AssemblerTools", "AssemblerSupport", "FakeDriverSupport",
      ],
      swiftSettings: checked),
    .testTarget(
      name: "HopperSimulatorTests",
      dependencies: [
        "HopperSimulator", "PTX", "GPUDevice", "GPUDeviceConformance", "SimulatorKernels", "LatentAttention",
        "ExampleKernels", "TestSupport",
      ],
      swiftSettings: checked),
    .testTarget(
      name: "LatentAttentionCTests",
      dependencies: ["LatentAttentionC", "LatentAttentionHeader", "LatentAttention", "TestSupport"],
      exclude: ["Programs"], swiftSettings: checked),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "mla", "AssemblerSupport", "FakeDriverSupport", "HopperEngine", "HopperKernels", "HopperSimulator",
        "GPUDevice",
        "PTX",
      ],
      swiftSettings: checked),
  ],
  cLanguageStandard: .gnu17
)

// Only `Scripts/docs` needs the plugin; users of the package do not fetch it.
if Context.environment["MLA_DOCUMENTATION"] != nil {
  package.dependencies.append(.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"))
}
