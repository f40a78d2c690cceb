#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// `e^x`, in double precision.
func exponential(_ x: Double) -> Double { exp(x) }

/// The natural logarithm, in double precision.
func logarithm(_ x: Double) -> Double { log(x) }
