/// What a warp has started and not yet waited for.
struct AsynchronousState {
  /// `cp.async` copies of the open group, and of those that are committed, oldest first: when each is done.
  var openCopies: UInt64?
  var copyGroups: [UInt64] = []
}
