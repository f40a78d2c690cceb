import HopperKernels

extension TunedChoice {
  /// What was fastest. Written by `mla tune --write`.
  public static let table: [TunedChoice] = [
    TunedChoice(
      device: "h100", rows: 16, batch: 1, keys: 1024, hasBoxes: false,
      pipeline: .fourWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 16, batch: 1, keys: 8192, hasBoxes: false,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 16, batch: 16, keys: 1024, hasBoxes: false,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 16, batch: 16, keys: 8192, hasBoxes: false,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 16, batch: 128, keys: 1024, hasBoxes: false,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 16, batch: 128, keys: 8192, hasBoxes: false,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 64, batch: 1, keys: 1024, hasBoxes: false,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 64, batch: 1, keys: 8192, hasBoxes: false,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 64, batch: 16, keys: 1024, hasBoxes: false,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 64, batch: 16, keys: 8192, hasBoxes: false,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 64, batch: 128, keys: 1024, hasBoxes: false,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 64, batch: 128, keys: 8192, hasBoxes: false,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 128, batch: 1, keys: 1024, hasBoxes: false,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 128, batch: 1, keys: 8192, hasBoxes: false,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 128, batch: 16, keys: 1024, hasBoxes: false,
      pipeline: .fourWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 128, batch: 16, keys: 8192, hasBoxes: false,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 128, batch: 128, keys: 1024, hasBoxes: false,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 128, batch: 128, keys: 8192, hasBoxes: false,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 16, batch: 1, keys: 1024, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 16, batch: 1, keys: 8192, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 16, batch: 16, keys: 1024, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none,
      tuning: PipelineTuning(registers: .init(holders: 208, loader: 88))),
    TunedChoice(
      device: "h100", rows: 16, batch: 16, keys: 8192, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 16, batch: 128, keys: 1024, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 16, batch: 128, keys: 8192, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 64, batch: 1, keys: 1024, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 64, batch: 1, keys: 8192, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 64, batch: 16, keys: 1024, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 64, batch: 16, keys: 8192, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 64, batch: 128, keys: 1024, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 64, batch: 128, keys: 8192, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 128, batch: 1, keys: 1024, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 128, batch: 1, keys: 8192, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 128, batch: 16, keys: 1024, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 128, batch: 16, keys: 8192, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 128, batch: 128, keys: 1024, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
    TunedChoice(
      device: "h100", rows: 128, batch: 128, keys: 8192, hasBoxes: true,
      pipeline: .twoWarpgroups, cluster: .none),
  ]
}
