/// Memory and the communication of threads (PTX ISA 9.7.9, 9.7.13).
extension InstructionForms {
  private static let space =
    "space=global|shared|shared::cta|shared::cluster|local|const|param|param::entry|param::func?"
  private static let sharedOrGlobal = "space=global|shared|shared::cta|shared::cluster?"
  private static let storeSpace =
    "space=global|shared|shared::cta|shared::cluster|local|param|param::func?"
  private static let scope = "scope=cta|cluster|gpu|sys?"
  private static let eviction =
    "l1=L1::evict_normal|L1::evict_unchanged|L1::evict_first|L1::evict_last|L1::no_allocate? "
    + "l2=L2::evict_last|L2::evict_normal|L2::evict_first? hint=L2::cache_hint?"
  private static let atomicTypes = "b32|b64|u32|u64|s32|s64|f32|f64|$half"

  /// Loads, stores, atomics and `cp.async`.
  static let memory: [InstructionForm] = [
    row(
      "ld mmio? order=weak|relaxed|acquire|volatile? \(scope) \(space) nc? cache=ca|cg|cs|lu|cv? \(eviction) "
        + "prefetch=L2::64B|L2::128B|L2::256B? vector=v2|v4? type=$mem|b128", "w m r?", .memory),
    row("ldu space=global? vector=v2|v4? type=$mem", "w m", .memory),
    row(
      "st mmio? order=weak|relaxed|release|volatile? \(scope) \(storeSpace) cache=wb|cg|cs|wt? \(eviction) "
        + "vector=v2|v4? type=$mem|b128", "m r r?", .memory),
    row(
      "st async weak? space=shared::cluster? completion=mbarrier::complete_tx::bytes "
        + "vector=v2|v4? type=b32|b64|u32|u64|s32|s64|f32|f64", "m r m", .memory, since: .init(8, 1)),
    row(
      "red async order=relaxed? scope=cluster? space=shared::cluster? completion=mbarrier::complete_tx::bytes "
        + "operation=inc|dec|min|max|add|and|or|xor type=b32|u32|s32|u64", "m r m", .atomic,
      since: .init(8, 1)),
    row("prefetch space=global|local? level=L1|L2|L2::evict_last|L2::evict_normal", "m", .memory),
    row("prefetchu level=L1", "m", .memory),
    row("prefetch space=const|param? tensormap", "m", .bulkCopy, since: .init(8, 0)),
    row(
      "atom order=relaxed|acquire|release|acq_rel? \(scope) \(sharedOrGlobal) "
        + "operation=add|and|or|xor|min|max|inc|dec|exch noftz? hint=L2::cache_hint? type=\(atomicTypes)",
      "w m r r?", .atomic),
    row(
      "atom order=relaxed|acquire|release|acq_rel? \(scope) \(sharedOrGlobal) operation=exch hint=L2::cache_hint? "
        + "type=b128", "w m r r?", .atomic, since: .init(8, 3)),
    row(
      "atom order=relaxed|acquire|release|acq_rel? \(scope) space=global? operation=add|min|max noftz? "
        + "hint=L2::cache_hint? vector=v2|v4|v8 type=f32|$half", "w m r r?", .atomic, since: .init(8, 1)),
    row(
      "atom order=relaxed|acquire|release|acq_rel? \(scope) \(sharedOrGlobal) operation=cas "
        + "hint=L2::cache_hint? type=b16|b32|b64|b128|u32|u64|s32|s64", "w m r r r?", .atomic),
    row(
      "red order=relaxed|release? \(scope) \(sharedOrGlobal) operation=add|and|or|xor|min|max|inc|dec "
        + "noftz? hint=L2::cache_hint? type=\(atomicTypes)", "m r r?", .atomic),
    row(
      "red order=relaxed|release? \(scope) space=global? operation=add|min|max noftz? hint=L2::cache_hint? "
        + "vector=v2|v4|v8 type=f32|$half", "m r r?", .atomic, since: .init(8, 1)),
    row(
      "cp async cache=ca|cg space=shared|shared::cta global hint=L2::cache_hint? "
        + "prefetch=L2::64B|L2::128B|L2::256B?", "m m r r? r?", .asynchronousCopy, since: .init(7, 0)),
    row("cp async commit_group", "", .asynchronousCopy, since: .init(7, 0)),
    row("cp async wait_group", "r", .asynchronousCopy, since: .init(7, 0)),
    row("cp async wait_all", "", .asynchronousCopy, since: .init(7, 0)),
    row(
      "cp async mbarrier arrive noinc? space=shared|shared::cta|shared::cluster? type=b64", "m",
      .asynchronousCopy, since: .init(7, 0)),
    row(
      "createpolicy action=fractional primary=L2::evict_last|L2::evict_normal|L2::evict_first|L2::evict_unchanged secondary=L2::evict_first|L2::evict_unchanged? type=b64",
      "w r?", .integer, since: .init(7, 4)),
    row(
      "createpolicy action=range space=global? primary=L2::evict_last|L2::evict_normal|L2::evict_first|L2::evict_unchanged secondary=L2::evict_first|L2::evict_unchanged? type=b64",
      "w r r r", .integer, since: .init(7, 4)),
    row("createpolicy action=cvt L2 type=b64", "w r", .integer, since: .init(7, 4)),
    row("applypriority space=global? level=L2::evict_normal", "m r", .memory, since: .init(7, 4)),
    row("discard space=global? level=L2", "m r", .memory, since: .init(7, 4)),
  ]

  /// PTX ISA 9.7.9.6, 9.7.13: what threads of a warp exchange.
  static let warp: [InstructionForm] = [
    row("shfl sync mode=up|down|bfly|idx type=b32", "w r r r r", .warp),
    row("vote sync mode=all|any|uni type=pred", "w r r", .warp),
    row("vote sync mode=ballot type=b32", "w r r", .warp),
    row("match mode=any|all sync type=b32|b64", "w r r", .warp),
    row("redux sync operation=add|min|max|and|or|xor type=u32|s32|b32", "w r r", .warp, since: .init(7, 0)),
    row("activemask type=b32", "w", .warp),
    row("elect sync", "w r", .warp, since: .init(8, 0)),
  ]

  /// PTX ISA 9.7.13: barriers and fences.
  static let barriers: [InstructionForm] = [
    row("bar scope=cta? mode=sync", "r r?", .barrier),
    row("bar scope=cta? mode=arrive", "r r", .barrier),
    row("bar scope=cta? mode=red operation=popc type=u32", "w r r r?", .barrier),
    row("bar scope=cta? mode=red operation=and|or type=pred", "w r r r?", .barrier),
    row("bar warp mode=sync", "r", .barrier),
    row("barrier scope=cta? mode=sync aligned?", "r r?", .barrier),
    row("barrier scope=cta? mode=arrive aligned?", "r r", .barrier),
    row("barrier scope=cta? mode=red operation=popc aligned? type=u32", "w r r r?", .barrier),
    row("barrier scope=cta? mode=red operation=and|or aligned? type=pred", "w r r r?", .barrier),
    row("barrier cluster mode=arrive order=release|relaxed? aligned?", "", .barrier, since: .init(7, 8)),
    row("barrier cluster mode=wait order=acquire? aligned?", "", .barrier, since: .init(7, 8)),
    row("griddepcontrol action=launch_dependents|wait", "", .barrier, since: .init(7, 8)),
    row("membar level=cta|gl|sys", "", .fence),
    row("fence order=sc|acq_rel? scope=cta|cluster|gpu|sys", "", .fence, since: .init(6, 0)),
    row("fence order=acquire|release scope=cta|cluster|gpu|sys", "", .fence, since: .init(8, 6)),
    row("fence mbarrier_init order=release scope=cluster", "", .fence, since: .init(8, 0)),
    row(
      "fence proxy kind=async|alias space=global|shared|shared::cta|shared::cluster?", "", .fence,
      since: .init(7, 5)),
    row(
      "fence proxy kind=tensormap::generic order=release scope=cta|cluster|gpu|sys", "", .fence,
      since: .init(8, 3)),
    row(
      "fence proxy kind=tensormap::generic order=acquire scope=cta|cluster|gpu|sys", "m r", .fence,
      since: .init(8, 3)),
    row("mbarrier init space=shared|shared::cta? type=b64", "m r", .mbarrier, since: .init(7, 0)),
    row("mbarrier inval space=shared|shared::cta? type=b64", "m", .mbarrier, since: .init(7, 0)),
    row(
      "mbarrier expect_tx order=relaxed? scope=cta|cluster? space=shared|shared::cta|shared::cluster? type=b64",
      "m r", .mbarrier, since: .init(8, 0)),
    row(
      "mbarrier complete_tx order=relaxed? scope=cta|cluster? space=shared|shared::cta|shared::cluster? type=b64",
      "m r", .mbarrier, since: .init(8, 0)),
    row(
      "mbarrier mode=arrive|arrive_drop expect_tx? noComplete=noComplete? order=release|relaxed? scope=cta|cluster? "
        + "space=shared|shared::cta|shared::cluster? type=b64", "w m r?", .mbarrier, since: .init(7, 0)),
    row("mbarrier pending_count type=b64", "w r", .mbarrier, since: .init(7, 0)),
    row(
      "mbarrier mode=try_wait|test_wait parity? order=acquire|relaxed? scope=cta|cluster? "
        + "space=shared|shared::cta? type=b64", "w m r r?", .mbarrier, since: .init(7, 0)),
    row(
      "tensormap replace tile field=global_address|rank|box_dim|global_dim|global_stride|element_stride|elemtype|interleave_layout|swizzle_mode|fill_mode space=global|shared::cta? b1024 type=b32|b64",
      "m r r?", .bulkCopy, since: .init(8, 3)),
    row(
      "tensormap cp_fenceproxy toSpace=global fromSpace=shared::cta kind=tensormap::generic order=release "
        + "scope=cta|cluster|gpu|sys sync aligned", "m m r", .bulkCopy, since: .init(8, 3)),
  ]
}
