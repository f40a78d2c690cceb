/// Which texts are read: those for `sm_80` and later that run on `sm_90a` (PTX ISA 11.1).
extension Module {
  /// Minor versions of each major one that there are and that have one of the targets: those that the ptxas of CUDA 13.5
  /// (13.5.37) takes. It calls 9.5 its current one, and 7.9, 8.9 and 9.6 unsupported.
  static let minorVersions: [Int: ClosedRange<Int>] = [7: 0...8, 8: 0...8, 9: 0...5]

  /// Targets, with the first version that has each.
  static let firstVersions: [String: Version] = [
    "sm_80": Version(7, 0), "sm_86": Version(7, 1), "sm_87": Version(7, 4), "sm_88": Version(7, 3),
    "sm_89": Version(7, 8), "sm_90": Version(7, 8), "sm_90a": Version(8, 0),
  ]

  /// What else `.target` may say: it changes nothing here.
  static let targetOptions: Set<String> = ["debug", "texmode_unified", "texmode_independent"]
}
