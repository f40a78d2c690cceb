/// A declared register. Its name, `%` included, is unique in its function: the parser renames a register of
/// an inner scope that hides another.
public struct Register: Sendable, Hashable {
  /// `%` included.
  public var name: String
  /// What it holds.
  public var type: ScalarType

  /// A register of a name and a type.
  public init(_ name: String, _ type: ScalarType) {
    self.name = name
    self.type = type
  }
}

/// Who sees a declaration (PTX ISA 11.6).
public enum Linkage: String, Sendable, Hashable {
  case visible, extern, weak, common
}

/// A part of a variable's initial value.
public enum InitialValue: Sendable, Hashable {
  case number(Immediate)
  /// The address of another variable; `isGeneric` for `generic(name)`.
  case address(String, offset: Int64, isGeneric: Bool)
  /// One byte of such an address, counted from the lowest: `0xFF00(name)` is byte 1. Compilers initialise packed
  /// structures with it.
  case addressByte(String, offset: Int64, isGeneric: Bool, byte: Int)
}

/// A variable or parameter in memory.
public struct Variable: Sendable, Hashable {
  /// Unique in its function, or in the module.
  public var name: String
  /// Where it lives.
  public var space: StateSpace
  /// Type of one element of one vector.
  public var type: ScalarType
  /// Elements of a vector type (`.v4 .f32`); 1 when it is none.
  public var vectorWidth: Int
  /// Dimensions of an array, outermost first; empty for a scalar. A first dimension of 0 is an array without a
  /// size: dynamic shared memory.
  public var dimensions: [Int]
  /// Bytes; nil says the natural alignment of the type.
  public var alignment: Int?
  /// Nil when only its own scope sees it.
  public var linkage: Linkage?
  /// In row-major order; missing values are zero. Empty for none.
  public var initialValues: [InitialValue]
  /// `.ptr` of a kernel parameter: the space to which it points, when it says so, and the alignment there.
  public var pointer: PointerAttribute?

  /// A variable; what is not said is as in PTX without the directive.
  public init(
    _ name: String, space: StateSpace, type: ScalarType, vectorWidth: Int = 1, dimensions: [Int] = [],
    alignment: Int? = nil, linkage: Linkage? = nil, initialValues: [InitialValue] = [],
    pointer: PointerAttribute? = nil
  ) {
    self.name = name
    self.space = space
    self.type = type
    self.vectorWidth = vectorWidth
    self.dimensions = dimensions
    self.alignment = alignment
    self.linkage = linkage
    self.initialValues = initialValues
    self.pointer = pointer
  }

  /// Bytes in memory; 0 for an array without a size.
  public var byteCount: Int { dimensions.reduce(type.byteCount * vectorWidth, *) }

  /// The declared alignment in bytes, else the natural one.
  public var effectiveAlignment: Int { max(alignment ?? 1, type.byteCount * vectorWidth) }
}

/// What `.ptr` says of a kernel parameter (PTX ISA 7.1).
public struct PointerAttribute: Sendable, Hashable {
  /// Nil for generic.
  public var space: StateSpace?
  /// Bytes; nil when it is not said.
  public var alignment: Int?

  /// What is not said is nil.
  public init(space: StateSpace? = nil, alignment: Int? = nil) {
    self.space = space
    self.alignment = alignment
  }
}

/// What a kernel demands of its launch and of the register allocation (PTX ISA 11.4).
public struct PerformanceDirectives: Sendable, Hashable {
  /// `.reqntid`, or nil.
  public var requiredThreads: [Int]?
  /// `.maxntid`, or nil.
  public var maximumThreads: [Int]?
  /// `.minnctapersm`, or nil.
  public var minimumBlocksPerProcessor: Int?
  /// `.maxnreg`, or nil.
  public var maximumRegisters: Int?
  /// `.reqnctapercluster`, or nil.
  public var requiredCluster: [Int]?
  /// `.explicitcluster`.
  public var isExplicitCluster = false
  /// `.maxclusterrank`, or nil.
  public var maximumClusterRank: Int?
  /// `.noreturn`.
  public var isNoReturn = false

  /// No demand.
  public init() {}
}

/// A kernel (`.entry`) or a device function (`.func`).
public struct Function: Sendable, Equatable {
  /// Whether the host or the device calls it.
  public enum Kind: String, Sendable, Hashable {
    case entry, function = "func"
  }

  /// Whether the host or the device calls it.
  public var kind: Kind
  /// Unique in the module.
  public var name: String
  /// Nil when only the module sees it.
  public var linkage: Linkage?
  /// What a device function returns.
  public var results: [Variable] = []
  /// In order; a device function's may live in `.reg`.
  public var parameters: [Variable] = []
  /// What it demands of its launch.
  public var directives = PerformanceDirectives()
  /// Registers that the body names, in the order of their first appearance: a declared range costs nothing
  /// until it is used.
  public var registers: [Register] = []
  /// Names of labels; unique, as those of registers are.
  public var labels: [String] = []
  /// Variables of the body, in `.shared`, `.local`, `.param`, …
  public var variables: [Variable] = []
  /// Nil for a declaration without a body, such as that of `vprintf`.
  public var body: [Statement]?

  /// A function without parameters and without a body.
  public init(_ name: String, kind: Kind = .entry, linkage: Linkage? = nil) {
    self.name = name
    self.kind = kind
    self.linkage = linkage
  }
}

/// A PTX module.
public struct Module: Sendable, Equatable {
  /// The ISA version of `.version`, such as 8.0.
  public struct Version: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Before the dot.
    public var major: Int
    /// After the dot.
    public var minor: Int

    /// `.version major.minor`.
    public init(_ major: Int, _ minor: Int) {
      self.major = major
      self.minor = minor
    }

    /// Whether it is an older one.
    public static func < (left: Version, right: Version) -> Bool {
      (left.major, left.minor) < (right.major, right.minor)
    }

    /// As `.version` spells it.
    public var description: String { "\(major).\(minor)" }
  }

  /// What `.version` says.
  public var version: Version
  /// `sm_90a` and what else `.target` says.
  public var targets: [String]
  /// Bits of an address.
  public var addressSize = 64
  /// Module-scope variables, in order.
  public var variables: [Variable] = []
  /// Kernels and device functions, in order.
  public var functions: [Function] = []

  /// A module without contents.
  public init(version: Version = Version(8, 0), targets: [String] = ["sm_90a"]) {
    self.version = version
    self.targets = targets
  }

  /// The kernels.
  public var kernels: [Function] { functions.filter { $0.kind == .entry } }
}
