import PTX

/// A kernel that an engine may ask for. Recording one takes a moment, and all of them take long.
public enum HopperKernel: Sendable, Hashable, CustomStringConvertible {
  /// Attention of a plan's pieces.
  case decode(DecodeVariant)
  /// The second stage alone, for queries and cache of a 16-bit type.
  case merge(StorageFormat)

  /// All there are but for tuned ones.
  public static let all = DecodeVariant.all.map(Self.decode) + StorageFormat.halves.map(Self.merge)
  /// Some whose pipeline's parameters have been set: of every parameter every other value.
  public static let tuned = DecodeVariant.allTuned.map(Self.decode)

  /// The kernel's name.
  public var description: String {
    switch self {
    case .decode(let variant): variant.description
    case .merge(let type): MergeKernel.name(elementType: type)
    }
  }

  /// Records it.
  public func record() throws(KernelError) -> Kernel {
    switch self {
    case .decode(let variant): try DecodeKernel(variant).kernel
    case .merge(let type): try MergeKernel(elementType: type).kernel
    }
  }
}
