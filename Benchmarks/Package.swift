// swift-tools-version: 6.2

import PackageDescription

// A package of its own, so that users and tests of the library never build the benchmark tool.
let package = Package(
  name: "swift-mla-benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "swift-mla", path: ".."),
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
  ],
  targets: [
    .executableTarget(
      name: "Attention",
      dependencies: [
        .product(name: "LatentAttention", package: "swift-mla"),
        .product(name: "CPUEngine", package: "swift-mla"),
        .product(name: "Workloads", package: "swift-mla"),
        .product(name: "Benchmark", package: "benchmark"),
      ],
      path: "Benchmarks/Attention",
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
  ]
)
