extension LaunchConfiguration {
  /// Checks a launch against what the device and the kernel allow. Every device calls it before a launch.
  ///
  /// - Throws: ``GPUDeviceError/invalid(operation:field:value:requirement:)`` with the first field that is out of
  ///   range.
  public func validate(
    kernel: String, attributes: KernelAttributes, properties: DeviceProperties
  ) throws(GPUDeviceError) {
    let check = LaunchCheck(operation: "launch of \(kernel)")
    try check.extent("grid", grid, within: properties.maximumGrid)
    try check.extent("block", block, within: properties.maximumBlock)
    let most = min(properties.maximumBlockThreadCount, attributes.maximumBlockThreadCount)
    try check.require(block.count <= most, "block", block, "at most \(most) threads")
    try validateCluster(check, attributes: attributes, properties: properties)
    let shared = properties.maximumBlockSharedByteCount - attributes.staticSharedByteCount
    try check.require(
      (0...max(shared, 0)).contains(dynamicSharedByteCount), "dynamicSharedByteCount", dynamicSharedByteCount,
      "from 0 to \(max(shared, 0)), beside \(attributes.staticSharedByteCount) static bytes")
  }

  /// The cluster of a launch: the kernel's, if its text demands one.
  public func effectiveCluster(_ attributes: KernelAttributes) -> Extent {
    attributes.requiredCluster ?? cluster
  }

  private func validateCluster(
    _ check: LaunchCheck, attributes: KernelAttributes, properties: DeviceProperties
  ) throws(GPUDeviceError) {
    if let required = attributes.requiredCluster {
      try check.require(
        cluster == Extent(1) || cluster == required, "cluster", cluster, "\(required), as the kernel demands")
    }
    let cluster = effectiveCluster(attributes)
    let most = properties.maximumClusterBlockCount
    try check.extent("cluster", cluster, within: Extent(most, most, most))
    try check.require(cluster.count <= most, "cluster", cluster, "at most \(most) blocks")
    try check.require(
      grid.x % cluster.x == 0 && grid.y % cluster.y == 0 && grid.z % cluster.z == 0, "grid", grid,
      "a multiple of the cluster \(cluster)")
  }
}

/// Comparisons that throw the field and the value.
private struct LaunchCheck {
  var operation: String

  func require(
    _ isMet: Bool, _ field: String, _ value: some Any, _ requirement: @autoclosure () -> String
  ) throws(GPUDeviceError) {
    guard !isMet else { return }
    throw .invalid(
      operation: operation, field: field, value: String(describing: value), requirement: requirement())
  }

  func extent(_ field: String, _ value: Extent, within limit: Extent) throws(GPUDeviceError) {
    let isWithin =
      (1...limit.x).contains(value.x) && (1...limit.y).contains(value.y) && (1...limit.z).contains(value.z)
    try require(isWithin, field, value, "from (1, 1, 1) to \(limit)")
  }
}
